//! One producer per source and entity, one maintenance, one who opens push channels: a session advisory lock on a connection of its own.
//!
//! A producer's lock saves work. Safety does not rest on it: when its connection dies the run goes on without it until the
//! next check. The version of the cursor row is what refuses a second writer.
//!
//! Behind a pooler that shares sessions such a lock would stay behind in somebody's session. There a run that is alive
//! takes its place; two that begin at the same moment do not see each other, and the slower one is refused by the cursor.

use buffalo_model::{Entity, Source};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::runs::SILENT_FOR_S;
use crate::{Sessions, Store, StoreError};

/// The upper half of every lock key of Buffalo (ASCII "BUFF"), so that other users of advisory locks in the same
/// database keep out of the way.
pub(crate) const LOCK_CLASS: i32 = 0x4255_4646;

/// The right to fetch one entity of one source, held until it is released or its connection ends.
#[derive(Debug)]
pub struct ProducerLock {
    /// None where sessions are shared.
    session: Option<LockedSession>,
    name: String,
}

/// The right to make and drop partitions, held until it is released or its connection ends. Without it nothing would
/// break, as each step looks again once it is alone with the table; two would only stand in each other's way.
#[derive(Debug)]
pub struct MaintenanceLock {
    /// None where sessions are shared.
    session: Option<LockedSession>,
}

/// The right to open and close the push channels of a source, held until it is released or its connection ends.
#[derive(Debug)]
pub struct PushChannelLock {
    /// None where sessions are shared.
    session: Option<LockedSession>,
}

#[derive(Debug)]
struct LockedSession {
    connection: PgConnection,
    key: i32,
}

impl Store {
    /// Takes the producer's lock if nobody else has it at `now`; none when somebody has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn try_lock_producer(
        &self,
        source: &Source,
        entity: Entity,
        now: DateTime<Utc>,
    ) -> Result<Option<ProducerLock>, StoreError> {
        let name = format!("{source} {entity}");
        if self.pool.sessions() == Sessions::Shared {
            let busy = self.producer_is_alive(source, entity, now).await?;
            return Ok((!busy).then_some(ProducerLock { session: None, name }));
        }
        let session = self.try_lock(&name, "take the producer's lock").await?;
        Ok(session.map(|session| ProducerLock { session: Some(session), name }))
    }

    /// Whether somebody fetches or compares this entity and has said so lately.
    async fn producer_is_alive(
        &self,
        source: &Source,
        entity: Entity,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT FROM sync_runs
                   WHERE source = $1 AND entity = $2 AND status = 'running' AND mode <> 'process'
                     AND NOT waiting AND heartbeat_at >= $3
               ) AS "alive!""#,
            source.as_str(),
            entity.as_str(),
            now - TimeDelta::seconds(SILENT_FOR_S),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(self.fail("look for another producer"))
    }

    /// Takes the lock on maintenance if nobody else has it; none when somebody has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn try_lock_maintenance(&self) -> Result<Option<MaintenanceLock>, StoreError> {
        if self.pool.sessions() == Sessions::Shared {
            return Ok(Some(MaintenanceLock { session: None }));
        }
        let session = self.try_lock("maintenance", "take the lock on maintenance").await?;
        Ok(session.map(|session| MaintenanceLock { session: Some(session) }))
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
        if self.pool.sessions() == Sessions::Shared {
            return Ok(Some(PushChannelLock { session: None }));
        }
        let name = format!("push channels of {source}");
        let session = self.try_lock(&name, "take the lock on push channels").await?;
        Ok(session.map(|session| PushChannelLock { session: Some(session) }))
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
        let Some(session) = &mut self.session else { return Ok(()) };
        let held = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT FROM pg_locks
                   WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() AND objsubid = 2
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                     AND classid::bigint = $1 AND objid::bigint = $2
               ) AS "held!""#,
            i64::from(LOCK_CLASS.cast_unsigned()),
            i64::from(session.key.cast_unsigned()),
        )
        .fetch_one(&mut session.connection)
        .await;
        if matches!(held, Ok(true)) { Ok(()) } else { Err(StoreError::LockLost(self.name.clone())) }
    }

    /// Gives the lock back by ending its session.
    pub async fn release(self) {
        end(self.session).await;
    }
}

impl MaintenanceLock {
    /// Gives the lock back by ending its session.
    pub async fn release(self) {
        end(self.session).await;
    }
}

impl PushChannelLock {
    /// Gives the lock back by ending its session.
    pub async fn release(self) {
        end(self.session).await;
    }
}

async fn end(session: Option<LockedSession>) {
    if let Some(session) = session
        && let Err(error) = session.connection.close().await
    {
        tracing::debug!(%error, "the lock's session was already gone");
    }
}
