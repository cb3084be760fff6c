//! Runs: written from their first moment on, so that a crashed one is known.

use buffalo_model::{Cursor, FailedRecord, Mode, Run, RunCounts, RunId, RunStatus};
use chrono::{DateTime, TimeDelta, Utc};

use crate::{Store, StoreError};

/// A run that says nothing for this long has no process any more. Processes say something every few seconds.
const SILENT_FOR_S: i64 = 90;

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

/// What became of rows, to be added to a run: that which processed them, or that which fetched them.
#[derive(Debug)]
pub struct RunCredit {
    /// The run.
    pub run_id: RunId,
    /// Rows processed.
    pub processed: i64,
    /// Attempts failed.
    pub failed: i64,
    /// Rows dead-lettered.
    pub dead_lettered: i64,
    /// Records that failed; a run remembers the first fifty.
    pub failed_records: Vec<FailedRecord>,
    /// Vendor statuses that Buffalo does not know.
    pub unmapped_statuses_seen: Vec<String>,
}

/// How a run ends.
#[derive(Debug, Default)]
pub struct RunOutcome {
    /// Why it did not end well.
    pub error: Option<String>,
    /// Whether it ended as it was meant to, before it was done: at its deadline, or at what the vendor allows in a day.
    pub to_be_continued: bool,
    /// Requests that belong to no stored page.
    pub requests: i64,
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
        if run.status == RunStatus::Running && run.mode != Mode::Process {
            sqlx::query!(
                "UPDATE sync_runs SET status = 'abandoned', finished_at = $3, error = 'its process is gone'
                 WHERE source = $1 AND entity = $2 AND status = 'running' AND mode <> 'process'",
                run.source,
                run.entity,
                now,
            )
            .execute(&self.pool)
            .await
            .map_err(self.fail(operation))?;
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
        .execute(&self.pool)
        .await
        .map_err(self.fail(operation))?;
        Ok(())
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

    /// Says that a run is alive.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn heartbeat(&self, run_id: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query!("UPDATE sync_runs SET heartbeat_at = $2 WHERE run_id = $1", run_id.0, now)
            .execute(&self.pool)
            .await
            .map_err(self.fail("record that the run is alive"))?;
        Ok(())
    }

    /// Adds what became of rows to runs, running or ended. Runs that nobody knows any more are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn credit_runs(&self, credits: &[RunCredit]) -> Result<(), StoreError> {
        let json = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
        let run_ids: Vec<uuid::Uuid> = credits.iter().map(|credit| credit.run_id.0).collect();
        let processed: Vec<i64> = credits.iter().map(|credit| credit.processed).collect();
        let failed: Vec<i64> = credits.iter().map(|credit| credit.failed).collect();
        let dead_lettered: Vec<i64> = credits.iter().map(|credit| credit.dead_lettered).collect();
        let failed_records: Vec<serde_json::Value> =
            credits.iter().map(|credit| json(serde_json::to_value(&credit.failed_records))).collect();
        let unmapped: Vec<serde_json::Value> =
            credits.iter().map(|credit| json(serde_json::to_value(&credit.unmapped_statuses_seen))).collect();
        sqlx::query_file!(
            "queries/credit_runs.sql",
            &run_ids,
            &processed,
            &failed,
            &dead_lettered,
            &failed_records,
            &unmapped,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("record what became of rows"))?;
        Ok(())
    }

    /// Ends a run and returns it as it stands. The status follows from what it did: with an error it is `partial` when
    /// something was stored or the next run continues it, and `failed` otherwise; without one it is `success`, or `partial` when rows became
    /// dead letters.
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
        sqlx::query!(
            "UPDATE sync_runs
             SET status = CASE
                     WHEN $2::text IS NULL AND mode = 'process' AND records_dead_lettered > 0 THEN 'partial'
                     WHEN $2::text IS NULL THEN 'success'
                     WHEN $5 OR pages_fetched > 0 OR mode = 'process' AND records_processed > 0 THEN 'partial'
                     ELSE 'failed'
                 END,
                 error = $2, requests_made = requests_made + $3, finished_at = $4, heartbeat_at = $4
             WHERE run_id = $1",
            run_id.0,
            outcome.error,
            outcome.requests,
            now,
            outcome.to_be_continued,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("record the end of the run"))?;
        self.find_run(run_id).await?.ok_or_else(|| StoreError::Unreadable {
            table: "sync_runs",
            what: format!("run {run_id} is gone"),
        })
    }

    /// Declares runs abandoned that have not given a sign of life for a minute and a half. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn abandon_silent_runs(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let done = sqlx::query!(
            "UPDATE sync_runs SET status = 'abandoned', finished_at = $2, error = 'its process is gone'
             WHERE status = 'running' AND heartbeat_at < $1",
            now - TimeDelta::seconds(SILENT_FOR_S),
            now,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("look for abandoned runs"))?;
        Ok(done.rows_affected())
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

struct RunRecord {
    run_id: uuid::Uuid,
    source: String,
    entity: String,
    mode: String,
    status: String,
    started_at: DateTime<Utc>,
    #[expect(dead_code, reason = "people see the status that follows from it")]
    heartbeat_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    cursor_before: Option<serde_json::Value>,
    cursor_after: Option<serde_json::Value>,
    stale_cursor_detected: bool,
    full_backfill_triggered: bool,
    full_backfill_reason: Option<String>,
    pages_fetched: i64,
    requests_made: i64,
    records_fetched: i64,
    records_enqueued: i64,
    records_deduped: i64,
    records_processed: i64,
    records_failed: i64,
    records_dead_lettered: i64,
    failed_records: serde_json::Value,
    unmapped_statuses_seen: Vec<String>,
    data_through: Option<DateTime<Utc>>,
    error: Option<String>,
}

impl TryFrom<RunRecord> for Run {
    type Error = StoreError;

    fn try_from(row: RunRecord) -> Result<Self, StoreError> {
        let unreadable = |what| StoreError::Unreadable { table: "sync_runs", what };
        Ok(Self {
            run_id: RunId(row.run_id),
            source: row.source,
            entity: row.entity,
            mode: row.mode.parse().map_err(unreadable)?,
            status: row.status.parse().map_err(unreadable)?,
            started_at: row.started_at,
            finished_at: row.finished_at,
            cursor_before: row.cursor_before.map(Cursor::new),
            cursor_after: row.cursor_after.map(Cursor::new),
            stale_cursor_detected: row.stale_cursor_detected,
            full_backfill_triggered: row.full_backfill_triggered,
            full_backfill_reason: row.full_backfill_reason,
            counts: RunCounts {
                pages_fetched: row.pages_fetched,
                requests_made: row.requests_made,
                records_fetched: row.records_fetched,
                records_enqueued: row.records_enqueued,
                records_deduped: row.records_deduped,
                records_processed: row.records_processed,
                records_failed: row.records_failed,
                records_dead_lettered: row.records_dead_lettered,
            },
            failed_records: serde_json::from_value(row.failed_records).unwrap_or_default(),
            unmapped_statuses_seen: row.unmapped_statuses_seen,
            data_through: row.data_through,
            error: row.error,
        })
    }
}
