//! The journal of claims: what tells which rows a worker held that died.
//!
//! A claim lives in a transaction, so whoever dies leaves no trace of it there. The trace is written beside that
//! transaction, on a connection of its own, and not waited for to reach the disk: it has to outlive our process, not the
//! server.

use chrono::{DateTime, Utc};

use crate::{Store, StoreError};

/// What is noted of a row whose worker died.
const DIED: &str = "the process died while it was working on this row";

impl Store {
    /// Notes what a claiming transaction holds.
    pub(crate) async fn journal_claim(&self, claim_id: i64, raw_ids: &[i64]) -> Result<(), StoreError> {
        // Set for this one transaction, so that it also holds behind a pooler and for nobody else.
        sqlx::query!(
            "WITH unhurried AS (SELECT set_config('synchronous_commit', 'off', true))
             INSERT INTO outbox_claims (claim_id, raw_ids) SELECT $1, $2 FROM unhurried",
            claim_id,
            raw_ids,
        )
        .execute(&self.journal)
        .await
        .map_err(self.fail("note what is claimed"))?;
        Ok(())
    }

    /// Forgets a claim whose transaction was rolled back while its worker lives: nothing was wrong with the rows.
    pub(crate) async fn forget_claim(&self, claim_id: i64) -> Result<(), StoreError> {
        sqlx::query!("DELETE FROM outbox_claims WHERE claim_id = $1", claim_id)
            .execute(&self.journal)
            .await
            .map_err(self.fail("forget a claim"))?;
        Ok(())
    }

    /// Looks for rows that were claimed by workers that died. Each of them has failed once more and will be worked on
    /// alone; the one that was alone when its worker died, and has failed `max_attempts` times, is ready to be buried.
    /// Returns how many there were.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn adopt_orphans(&self, max_attempts: u32, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let operation = "look for rows of workers that died";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        // In a statement of its own: a worker that settles meanwhile deletes its claim before it gives up the lock, and
        // only the next statement is sure to see that.
        let orphans = sqlx::query_scalar!(
            "SELECT claim_id FROM outbox_claims WHERE pg_try_advisory_xact_lock(claim_id)"
        )
        .fetch_all(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        if orphans.is_empty() {
            return Ok(0);
        }
        let max_attempts = i32::try_from(max_attempts).unwrap_or(i32::MAX);
        let adopted = sqlx::query_file!("queries/adopt_orphans.sql", &orphans, max_attempts, now, DIED)
            .execute(&mut tx)
            .await
            .map_err(self.fail(operation))?
            .rows_affected();
        tx.commit().await.map_err(self.fail(operation))?;
        Ok(adopted)
    }
}
