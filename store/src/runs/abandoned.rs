//! Runs that are heard of before they end by themselves: their process is gone, or their rows became dead letters.

use buffalo_model::{Ending, Run, Work};
use chrono::{DateTime, TimeDelta, Utc};

use super::record::RunRecord;
use crate::database::Tx;
use crate::{Sessions, Store, StoreError, Totals};

/// A run that says nothing for this long has no process any more. Processes say something every few seconds.
pub(crate) const SILENT_FOR_S: i64 = 90;

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
        .fetch_all(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        let count = abandoned.len() as u64;
        self.hear_of_abandoned_in_tx(&mut tx, abandoned, now).await?;
        tx.commit().await.map_err(self.fail(operation))?;
        Ok(count)
    }

    /// Declares the running fetches and comparisons of one entity abandoned. For the holder of the producer's lock only,
    /// which where sessions are shared says nothing of runs that began at the same moment.
    pub(super) async fn abandon_predecessors_in_tx(
        &self,
        tx: &mut Tx<'_>,
        source: &str,
        entity: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let silent_since = match self.pool.sessions() {
            Sessions::Own => None,
            Sessions::Shared => Some(now - TimeDelta::seconds(SILENT_FOR_S)),
        };
        let abandoned = sqlx::query_as!(
            RunRecord,
            "UPDATE sync_runs SET status = 'abandoned', finished_at = $3, error = 'its process is gone'
             WHERE source = $1 AND entity = $2 AND status = 'running' AND mode <> 'process' AND NOT waiting
               AND ($4::timestamptz IS NULL OR heartbeat_at < $4) RETURNING *",
            source,
            entity,
            now,
            silent_since,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(self.fail("record the run"))?;
        self.hear_of_abandoned_in_tx(tx, abandoned, now).await
    }

    async fn hear_of_abandoned_in_tx(
        &self,
        tx: &mut Tx<'_>,
        abandoned: Vec<RunRecord>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut runs = abandoned.into_iter().map(Run::try_from).collect::<Result<Vec<_>, _>>()?;
        // Everybody takes the lines' locks in the same order.
        let line = |run: &Run| (run.source.clone(), run.entity.clone(), Work::of(run.mode), run.run_id.0);
        runs.sort_by_key(line);
        let mut totals = Totals::default();
        for run in &runs {
            self.hear_in_tx(tx, run, Ending::Final, now).await?;
            totals.run_ended(run);
        }
        self.add_totals_in_tx(tx, &totals).await
    }

    /// Those of these runs that process have new dead letters.
    pub(super) async fn hear_of_dead_letters_in_tx(
        &self,
        tx: &mut Tx<'_>,
        run_ids: &[uuid::Uuid],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let processing = sqlx::query_as!(
            RunRecord,
            "SELECT * FROM sync_runs WHERE run_id = ANY ($1) AND mode = 'process' ORDER BY run_id",
            run_ids,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(self.fail("read the run"))?;
        for run in processing {
            self.hear_in_tx(tx, &run.try_into()?, Ending::Final, now).await?;
        }
        Ok(())
    }
}
