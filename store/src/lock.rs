//! One producer per source and entity, one maintenance, one who opens push channels: a session advisory lock on a connection of its own.
//!
//! A producer's lock saves work. Safety does not rest on it: behind a transaction pooler it may exclude nobody, and when its
//! connection dies the run goes on without it until the next check. The version of the cursor row is what refuses a
//! second writer.

use buffalo_model::{Entity, Source};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::{Store, StoreError};

/// The upper half of every lock key of Buffalo (ASCII "BUFF"), so that other users of advisory locks in the same
/// database keep out of the way.
pub(crate) const LOCK_CLASS: i32 = 0x4255_4646;

/// The right to fetch one entity of one source, held until it is released or its connection ends.
#[derive(Debug)]
pub struct ProducerLock {
    session: LockedSession,
    name: String,
}

/// The right to make and drop partitions, held until it is released or its connection ends. Without it nothing would
/// break, as each step looks again once it is alone with the table; two would only stand in each other's way.
#[derive(Debug)]
pub struct MaintenanceLock {
    session: LockedSession,
}

/// The right to open and close the push channels of a source, held until it is released or its connection ends.
#[derive(Debug)]
pub struct PushChannelLock {
    session: LockedSession,
}

#[derive(Debug)]
struct LockedSession {
    connection: PgConnection,
    key: i32,
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
        let name = format!("{source} {entity}");
        let session = self.try_lock(&name, "take the producer's lock").await?;
        Ok(session.map(|session| ProducerLock { session, name }))
    }

    /// Takes the lock on maintenance if nobody else has it; none when somebody has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn try_lock_maintenance(&self) -> Result<Option<MaintenanceLock>, StoreError> {
        let session = self.try_lock("maintenance", "take the lock on maintenance").await?;
        Ok(session.map(|session| MaintenanceLock { session }))
    }

    /// Takes the lock on the push channels of a source if nobody else has it; none when somebody has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn try_lock_push_channels(
        &self,
        source: &Source,
    ) -> Result<Option<PushChannelLock>, StoreError> {
        let name = format!("push channels of {source}");
        let session = self.try_lock(&name, "take the lock on push channels").await?;
        Ok(session.map(|session| PushChannelLock { session }))
    }

    async fn try_lock(
        &self,
        name: &str,
        operation: &'static str,
    ) -> Result<Option<LockedSession>, StoreError> {
        let mut connection = self.connect_options.connect().await.map_err(self.fail(operation))?;
        let row = sqlx::query!(
            r#"SELECT hashtext($1) AS "key!", pg_try_advisory_lock($2, hashtext($1)) AS "taken!""#,
            name,
            LOCK_CLASS,
        )
        .fetch_one(&mut connection)
        .await
        .map_err(self.fail(operation))?;
        Ok(row.taken.then_some(LockedSession { connection, key: row.key }))
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
            i64::from(self.session.key.cast_unsigned()),
        )
        .fetch_one(&mut self.session.connection)
        .await;
        if matches!(held, Ok(true)) { Ok(()) } else { Err(StoreError::LockLost(self.name.clone())) }
    }

    /// Gives the lock back by ending its session.
    pub async fn release(self) {
        self.session.end().await;
    }
}

impl MaintenanceLock {
    /// Gives the lock back by ending its session.
    pub async fn release(self) {
        self.session.end().await;
    }
}

impl PushChannelLock {
    /// Gives the lock back by ending its session.
    pub async fn release(self) {
        self.session.end().await;
    }
}

impl LockedSession {
    async fn end(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "the lock's session was already gone");
        }
    }
}
