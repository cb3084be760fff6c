//! Settling: buckets whose payments have changed are computed anew, and their marks deleted.
//!
//! One at a time, under a lock that is taken before the snapshot is: two at once could each write what the other has seen
//! changed since. Writers of payments are never waited for and never wait.

use std::sync::atomic::Ordering;

use super::range::{Cut, Range};
use crate::lock::LOCK_CLASS;
use crate::{Store, StoreError};

/// The lock of who settles.
pub(super) const SETTLING: i32 = 1;

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
        let days = if range.cut == Cut::Days { &range.starts_at[..] } else { &[] };
        self.settle(days, &range.ends_at, turn).await.map(drop)
    }

    /// Settles beside the answer that found something to settle; one at a time in a process.
    pub(super) fn settle_in_background(&self, range: Range) {
        if self.settling.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(error) = store.settle_revenue_in_turn(&range, Turn::Yield).await {
                tracing::debug!(%error, "revenue was not settled; the next question tries again");
            }
            store.settling.store(false, Ordering::Release);
        });
    }

    pub(super) async fn settle(
        &self,
        starts_at: &[chrono::DateTime<chrono::Utc>],
        ends_at: &[chrono::DateTime<chrono::Utc>],
        turn: Turn,
    ) -> Result<i64, StoreError> {
        let fail = || self.fail("settle revenue");
        // What is lost with the server's memory is settled again: marks and buckets are lost together.
        let begin =
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL jit = off; SET LOCAL synchronous_commit = off";
        let mut tx = self.pool.begin_with(begin).await.map_err(fail())?;
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
