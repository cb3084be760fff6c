//! One producer per source and entity: a session advisory lock on a connection of its own.
//!
//! The lock saves work. Safety does not rest on it: behind a transaction pooler it may exclude nobody, and when its
//! connection dies the run goes on without it until the next check. The version of the cursor row is what refuses a
//! second writer.

use buffalo_model::{Entity, Source};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::{Store, StoreError};

/// The upper half of every lock key of Buffalo (ASCII "BUFF"), so that other users of advisory locks in the same
/// database keep out of the way.
const LOCK_CLASS: i32 = 0x4255_4646;

/// The right to fetch one entity of one source, held until it is released or its connection ends.
#[derive(Debug)]
pub struct ProducerLock {
    connection: PgConnection,
    key: i32,
    name: String,
}

impl Store {
    /// Takes the producer's lock if nobody else has it; none when somebody has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn try_lock_producer(
        &self,
        source: &Source,
        entity: Entity,
    ) -> Result<Option<ProducerLock>, StoreError> {
        let operation = "take the producer's lock";
        let mut connection = self.connect_options.connect().await.map_err(self.fail(operation))?;
        let name = format!("{source} {entity}");
        let row = sqlx::query!(
            r#"SELECT hashtext($1) AS "key!", pg_try_advisory_lock($2, hashtext($1)) AS "taken!""#,
            name,
            LOCK_CLASS,
        )
        .fetch_one(&mut connection)
        .await
        .map_err(self.fail(operation))?;
        Ok(row.taken.then_some(ProducerLock { connection, key: row.key, name }))
    }
}

impl ProducerLock {
    /// Makes sure that this session still holds the lock.
    ///
    /// # Errors
    ///
    /// [`StoreError::LockLost`] when it does not, or when its connection is gone.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        let held = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT FROM pg_locks
                   WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() AND objsubid = 2
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                     AND classid::bigint = $1 AND objid::bigint = $2
               ) AS "held!""#,
            i64::from(LOCK_CLASS.cast_unsigned()),
            i64::from(self.key.cast_unsigned()),
        )
        .fetch_one(&mut self.connection)
        .await;
        if matches!(held, Ok(true)) { Ok(()) } else { Err(StoreError::LockLost(self.name.clone())) }
    }

    /// Gives the lock back by ending its session.
    pub async fn release(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "the lock's session was already gone");
        }
    }
}
