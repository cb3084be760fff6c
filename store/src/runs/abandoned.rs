//! Runs whose process is gone without having said how they ended.

use buffalo_model::Run;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::record::RunRecord;
use crate::{Store, StoreError, Totals};

/// A run that says nothing for this long has no process any more. Processes say something every few seconds.
const SILENT_FOR_S: i64 = 90;

impl Store {
    /// Declares runs abandoned that have not given a sign of life for a minute and a half. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn abandon_silent_runs(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let operation = "look for abandoned runs";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let abandoned = sqlx::query_as!(
            RunRecord,
            "UPDATE sync_runs SET status = 'abandoned', finished_at = $2, error = 'its process is gone'
             WHERE status = 'running' AND heartbeat_at < $1 RETURNING *",
            now - TimeDelta::seconds(SILENT_FOR_S),
            now,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(self.fail(operation))?;
        let count = abandoned.len() as u64;
        self.count_abandoned_in_tx(&mut tx, abandoned).await?;
        tx.commit().await.map_err(self.fail(operation))?;
        Ok(count)
    }

    /// Declares the running fetches and comparisons of one entity abandoned. For the holder of the producer's lock only.
    pub(super) async fn abandon_predecessors_in_tx(
        &self,
        tx: &mut PgConnection,
        source: &str,
        entity: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let abandoned = sqlx::query_as!(
            RunRecord,
            "UPDATE sync_runs SET status = 'abandoned', finished_at = $3, error = 'its process is gone'
             WHERE source = $1 AND entity = $2 AND status = 'running' AND mode <> 'process' RETURNING *",
            source,
            entity,
            now,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(self.fail("record the run"))?;
        self.count_abandoned_in_tx(tx, abandoned).await
    }

    async fn count_abandoned_in_tx(
        &self,
        tx: &mut PgConnection,
        abandoned: Vec<RunRecord>,
    ) -> Result<(), StoreError> {
        let mut totals = Totals::default();
        for run in abandoned {
            totals.run_ended(&Run::try_from(run)?);
        }
        self.add_totals_in_tx(tx, &totals).await
    }
}
