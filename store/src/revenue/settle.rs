//! Settling: buckets whose payments have changed are computed anew, and their marks deleted.
//!
//! One at a time, under a lock that is taken before the snapshot is: two at once could each write what the other has seen
//! changed since. Writers of payments are never waited for and never wait.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::range::{Cut, Range};
use crate::database::Database;
use crate::lock::LOCK_CLASS;
use crate::{Store, StoreError};

/// The lock of who settles.
pub(super) const SETTLING: i32 = 1;

/// Who settles in this process, one at a time: a crowd of readers leaves no connection of the pool to who would make their
/// questions cheap.
#[derive(Debug)]
pub(crate) struct Settler {
    pub(crate) database: Database,
    turn: Mutex<()>,
    /// How often it was done.
    done: AtomicU64,
}

impl Settler {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, turn: Mutex::default(), done: AtomicU64::new(0) }
    }
}

/// What to do while somebody else settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Leave it to them.
    Yield,
    /// Wait, and settle what they have not seen.
    Wait,
}

impl Store {
    /// Brings the buckets of revenue up to date, so that the next question finds less to do; returns how many had changed.
    /// A read never relies on it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn settle_revenue(&self) -> Result<i64, StoreError> {
        self.settle(&[], &[], Turn::Yield).await
    }

    pub(super) async fn settle_revenue_in_turn(&self, range: &Range, turn: Turn) -> Result<(), StoreError> {
        let (starts_at, ends_at) = if range.cut == Cut::Days { range.days() } else { Default::default() };
        self.settle(&starts_at, &ends_at, turn).await.map(drop)
    }

    /// Settles beside the answer that found something to settle; one at a time in a process.
    pub(super) fn settle_in_background(&self, range: Range) {
        if self.settler.turn.try_lock().is_err() {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(error) = store.settle_revenue_in_turn(&range, Turn::Yield).await {
                tracing::debug!(%error, "revenue was not settled; the next question tries again");
            }
        });
    }

    pub(super) async fn settle(
        &self,
        starts_at: &[DateTime<Utc>],
        ends_at: &[DateTime<Utc>],
        turn: Turn,
    ) -> Result<i64, StoreError> {
        let before = self.settler.done.load(Ordering::Acquire);
        let _turn = match turn {
            Turn::Wait => self.settler.turn.lock().await,
            Turn::Yield => match self.settler.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(0),
            },
        };
        // Who waited behind somebody who settled looks first whether that was enough.
        if turn == Turn::Wait && self.settler.done.load(Ordering::Acquire) != before {
            return Ok(0);
        }
        let settled = self.settle_alone(starts_at, ends_at, turn).await;
        self.settler.done.fetch_add(1, Ordering::Release);
        settled
    }

    async fn settle_alone(
        &self,
        starts_at: &[DateTime<Utc>],
        ends_at: &[DateTime<Utc>],
        turn: Turn,
    ) -> Result<i64, StoreError> {
        let fail = || self.fail("settle revenue");
        // What is lost with the server's memory is settled again: marks and buckets are lost together. Payments that were just
        // written have no statistics, by which the planner would read all of them for each bucket.
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL enable_seqscan = off; \
                     SET LOCAL enable_bitmapscan = off; SET LOCAL synchronous_commit = off";
        let mut tx = self.settler.database.begin_with(begin).await.map_err(fail())?;
        if turn == Turn::Wait {
            sqlx::query!("SELECT pg_advisory_xact_lock($1, $2)", LOCK_CLASS, SETTLING)
                .execute(&mut tx)
                .await
                .map_err(fail())?;
        } else {
            let taken = sqlx::query_scalar!(
                r#"SELECT pg_try_advisory_xact_lock($1, $2) AS "taken!""#,
                LOCK_CLASS,
                SETTLING
            )
            .fetch_one(&mut tx)
            .await
            .map_err(fail())?;
            if !taken {
                return Ok(0);
            }
        }
        let buckets =
            sqlx::query_file_scalar!("queries/revenue/settle.sql").fetch_one(&mut tx).await.map_err(fail())?;
        if !starts_at.is_empty() {
            sqlx::query_file!("queries/revenue/remember_days.sql", starts_at, ends_at)
                .execute(&mut tx)
                .await
                .map_err(fail())?;
        }
        tx.commit().await.map_err(fail())?;
        Ok(buckets)
    }
}
