//! Runs: written from their first moment on, so that a crashed one is known.

mod abandoned;
mod record;

use buffalo_model::{Cursor, FailedRecord, Mode, RequestCounts, Run, RunId, RunStatus};
use chrono::{DateTime, Utc};

use self::record::RunRecord;
use crate::{Store, StoreError, Totals};

/// A run that begins.
#[derive(Debug)]
pub struct NewRun<'a> {
    /// Its id.
    pub run_id: RunId,
    /// The source, or `all`.
    pub source: &'a str,
    /// The entity, or `all`.
    pub entity: &'a str,
    /// What it does.
    pub mode: Mode,
    /// `Running`, or `Skipped` for one that finds the lock taken and so ends as it begins.
    pub status: RunStatus,
}

/// What a run says of itself while it is running. Fetch counts are not here: they are written with each page.
#[derive(Debug, Default)]
pub struct RunProgress {
    /// Rows processed since the last word.
    pub processed: i64,
    /// Attempts failed since the last word.
    pub failed: i64,
    /// Rows dead-lettered since the last word.
    pub dead_lettered: i64,
    /// The same and more for the running totals, by source and entity.
    pub totals: Totals,
}

/// How a run ends.
#[derive(Debug, Default)]
pub struct RunOutcome {
    /// Why it did not end well.
    pub error: Option<String>,
    /// Records that failed.
    pub failed_records: Vec<FailedRecord>,
    /// Whether it ended as it was meant to, before it was done: at its deadline, or at what the vendor allows in a day.
    pub to_be_continued: bool,
    /// Vendor statuses that Buffalo does not know.
    pub unmapped_statuses_seen: Vec<String>,
    /// Requests that belong to no stored page.
    pub requests: RequestCounts,
}

/// Which runs to list.
#[derive(Debug, Default)]
pub struct RunFilter {
    /// Only this source.
    pub source: Option<String>,
    /// Only this entity.
    pub entity: Option<String>,
    /// Only this status.
    pub status: Option<RunStatus>,
    /// Only runs before this one.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: i64,
}

impl Store {
    /// Writes the row of a run that begins now. A fetch that holds the producer's lock declares every other running
    /// fetch of the same entity abandoned: its process would hold the lock if it were alive.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn start_run(&self, run: &NewRun<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let operation = "record the run";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        if run.status == RunStatus::Running && run.mode != Mode::Process {
            self.abandon_predecessors_in_tx(&mut tx, run.source, run.entity, now).await?;
        }
        let finished_at = (run.status != RunStatus::Running).then_some(now);
        let error = (run.status == RunStatus::Skipped).then_some("another producer is at work on it");
        sqlx::query!(
            "INSERT INTO sync_runs (run_id, source, entity, mode, status, started_at, heartbeat_at, finished_at, error)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)",
            run.run_id.0,
            run.source,
            run.entity,
            run.mode.as_str(),
            run.status.as_str(),
            now,
            finished_at,
            error,
        )
        .execute(&mut *tx)
        .await
        .map_err(self.fail(operation))?;
        if run.status == RunStatus::Skipped {
            let mut totals = Totals::default();
            totals.run_skipped(run.source, run.entity, run.mode);
            self.add_totals_in_tx(&mut tx, &totals).await?;
        }
        tx.commit().await.map_err(self.fail(operation))
    }

    /// Writes what a fetch found out before its first page: the mode it took, its cursor, and why it backfills.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn describe_run(
        &self,
        run_id: RunId,
        mode: Mode,
        cursor_before: Option<&Cursor>,
        stale_cursor_detected: bool,
        full_backfill_reason: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE sync_runs
             SET mode = $2, cursor_before = $3, cursor_after = $3, stale_cursor_detected = $4,
                 full_backfill_triggered = $5::text IS NOT NULL, full_backfill_reason = $5
             WHERE run_id = $1",
            run_id.0,
            mode.as_str(),
            cursor_before.map(Cursor::as_value),
            stale_cursor_detected,
            full_backfill_reason,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("describe the run"))?;
        Ok(())
    }

    /// Says that a run is alive, and what it has done since it last said so.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn heartbeat(
        &self,
        run_id: RunId,
        progress: &RunProgress,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "record the run's progress";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        sqlx::query!(
            "UPDATE sync_runs
             SET heartbeat_at = $2, records_processed = records_processed + $3, records_failed = records_failed + $4,
                 records_dead_lettered = records_dead_lettered + $5
             WHERE run_id = $1",
            run_id.0,
            now,
            progress.processed,
            progress.failed,
            progress.dead_lettered,
        )
        .execute(&mut *tx)
        .await
        .map_err(self.fail(operation))?;
        self.add_totals_in_tx(&mut tx, &progress.totals).await?;
        tx.commit().await.map_err(self.fail(operation))
    }

    /// Ends a run and returns it as it stands. The status follows from what it did: with an error it is `partial` when
    /// something was stored or the next run continues it, and `failed` otherwise; without one it is `success`, or `partial` when rows became
    /// dead letters.
    ///
    /// A run that was declared abandoned may still say how it ended; one that has ended keeps its end, so that this may be
    /// called again when nobody knows whether the first call came through.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn finish_run(
        &self,
        run_id: RunId,
        outcome: &RunOutcome,
        now: DateTime<Utc>,
    ) -> Result<Run, StoreError> {
        let operation = "record the end of the run";
        let failed_records = serde_json::to_value(&outcome.failed_records).unwrap_or_default();
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let ended = sqlx::query_as!(
            RunRecord,
            "UPDATE sync_runs
             SET status = CASE
                     WHEN $2::text IS NULL THEN CASE WHEN records_dead_lettered > 0 THEN 'partial' ELSE 'success' END
                     WHEN $7 OR pages_fetched > 0 OR records_processed > 0 THEN 'partial'
                     ELSE 'failed'
                 END,
                 error = $2, failed_records = $3, unmapped_statuses_seen = $4, requests_made = requests_made + $5,
                 finished_at = $6, heartbeat_at = $6
             WHERE run_id = $1 AND status IN ('running', 'abandoned') RETURNING *",
            run_id.0,
            outcome.error,
            failed_records,
            &outcome.unmapped_statuses_seen,
            i64::try_from(outcome.requests.made).unwrap_or(i64::MAX),
            now,
            outcome.to_be_continued,
        )
        .fetch_optional(&mut *tx)
        .await
        .map_err(self.fail(operation))?;
        let Some(ended) = ended else {
            tx.rollback().await.map_err(self.fail(operation))?;
            return self.find_run(run_id).await?.ok_or_else(|| StoreError::Unreadable {
                table: "sync_runs",
                what: format!("run {run_id} is gone"),
            });
        };
        let run = Run::try_from(ended)?;
        let mut totals = Totals::default();
        totals.requests(&run.source, &run.entity, &outcome.requests);
        totals.run_ended(&run);
        self.add_totals_in_tx(&mut tx, &totals).await?;
        tx.commit().await.map_err(self.fail(operation))?;
        Ok(run)
    }

    /// One run; none when there is no such run.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn find_run(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        sqlx::query_as!(RunRecord, "SELECT * FROM sync_runs WHERE run_id = $1", run_id.0)
            .fetch_optional(&self.pool)
            .await
            .map_err(self.fail("read the run"))?
            .map(Run::try_from)
            .transpose()
    }

    /// Runs, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
        sqlx::query_as!(
            RunRecord,
            "SELECT * FROM sync_runs
             WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR entity = $2)
               AND ($3::text IS NULL OR status = $3) AND ($4::uuid IS NULL OR run_id < $4)
             ORDER BY run_id DESC LIMIT $5",
            filter.source,
            filter.entity,
            filter.status.map(RunStatus::as_str),
            filter.before.map(|run_id| run_id.0),
            filter.limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("list the runs"))?
        .into_iter()
        .map(Run::try_from)
        .collect()
    }
}
