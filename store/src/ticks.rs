//! Ticks of the schedule: each is fired by one replica only.

use buffalo_model::{MAX_REASON_BYTES, storable};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{Store, StoreError};

/// How long ticks are remembered, in days. Only the newest of each job matters to the schedule; the others are for people.
const REMEMBERED_DAYS: i64 = 30;

impl Store {
    /// Takes a tick; false when another replica was quicker.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn claim_tick(
        &self,
        job: &str,
        due_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let claimed = sqlx::query!(
            "WITH forgotten AS (DELETE FROM schedule_ticks WHERE job = $1 AND due_at < $4)
             INSERT INTO schedule_ticks (job, due_at, fired_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            job,
            due_at,
            now,
            now - TimeDelta::days(REMEMBERED_DAYS),
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("take a tick of the schedule"))?;
        Ok(claimed.rows_affected() == 1)
    }

    /// Says how a tick's work ended.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn finish_tick(
        &self,
        job: &str,
        due_at: DateTime<Utc>,
        outcome: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE schedule_ticks SET finished_at = $3, outcome = $4 WHERE job = $1 AND due_at = $2",
            job,
            due_at,
            now,
            &*storable(outcome, MAX_REASON_BYTES),
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("record how a tick of the schedule ended"))?;
        Ok(())
    }

    /// When the newest tick of a job was due; none when it never ticked.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn newest_tick(&self, job: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        sqlx::query_scalar!("SELECT max(due_at) FROM schedule_ticks WHERE job = $1", job)
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("read the schedule"))
    }
}
