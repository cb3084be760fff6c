//! Runs: written from their first moment on, so that a crashed one is known.

mod abandoned;
mod record;

use std::borrow::Cow;

use buffalo_model::{
    Cursor, Ending, FailedRecord, MAX_REASON_BYTES, Mode, RequestCounts, Run, RunId, RunStatus, storable,
    storable_id,
};
use chrono::{DateTime, Utc};

pub(crate) use self::abandoned::SILENT_FOR_S;
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
    /// Whether it ended before it was done because somebody asked it to. That is nobody's failure.
    pub stopped: bool,
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
    /// Writes runs that somebody asked for and that begin as soon as there is room for them, all or none. Until then
    /// they need signs of life as those do that have begun.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn announce_runs(
        &self,
        runs: &[NewRun<'_>],
        requested_by: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "announce runs";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        for run in runs {
            sqlx::query!(
                "INSERT INTO sync_runs
                     (run_id, source, entity, mode, status, started_at, heartbeat_at, requested_by, waiting)
                 VALUES ($1, $2, $3, $4, $5, $6, $6, $7, true)",
                run.run_id.0,
                run.source,
                run.entity,
                run.mode.as_str(),
                run.status.as_str(),
                now,
                requested_by,
            )
            .execute(&mut tx)
            .await
            .map_err(self.fail(operation))?;
        }
        tx.commit().await.map_err(self.fail(operation))
    }

    /// Writes the row of a run that begins now, or that was announced. A fetch that holds the producer's lock declares
    /// every other running fetch of the same entity abandoned: its process would hold the lock if it were alive.
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
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)
             ON CONFLICT (run_id) DO UPDATE
                 SET status = excluded.status, heartbeat_at = excluded.heartbeat_at, waiting = false,
                     finished_at = excluded.finished_at, error = excluded.error",
            run.run_id.0,
            run.source,
            run.entity,
            run.mode.as_str(),
            run.status.as_str(),
            now,
            finished_at,
            error,
        )
        .execute(&mut tx)
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
            full_backfill_reason.map(|reason| storable(reason, MAX_REASON_BYTES)) as Option<Cow<'_, str>>,
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

    /// Adds what became of rows to runs, running or ended, and to the running totals. Runs that nobody knows any more are
    /// left out. New dead letters are told in the same transaction: a run that watches may go on for months.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn credit_runs(
        &self,
        credits: &[RunCredit],
        totals: &Totals,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "record what became of rows";
        let json = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
        let reason = |text: &str| storable(text, MAX_REASON_BYTES).into_owned();
        let failed_record = |failed: &FailedRecord| FailedRecord {
            external_id: storable_id(&failed.external_id).into_owned(),
            stage: failed.stage.clone(),
            error: reason(&failed.error),
        };
        let run_ids: Vec<uuid::Uuid> = credits.iter().map(|credit| credit.run_id.0).collect();
        let processed: Vec<i64> = credits.iter().map(|credit| credit.processed).collect();
        let failed: Vec<i64> = credits.iter().map(|credit| credit.failed).collect();
        let dead_lettered: Vec<i64> = credits.iter().map(|credit| credit.dead_lettered).collect();
        let of_credits =
            credits.iter().map(|credit| credit.failed_records.iter().map(failed_record).collect::<Vec<_>>());
        let failed_records: Vec<serde_json::Value> =
            of_credits.map(|failed| json(serde_json::to_value(failed))).collect();
        let of_credits = credits.iter().map(|credit| {
            credit.unmapped_statuses_seen.iter().map(|status| reason(status)).collect::<Vec<_>>()
        });
        let unmapped: Vec<serde_json::Value> =
            of_credits.map(|statuses| json(serde_json::to_value(statuses))).collect();
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        sqlx::query_file!(
            "queries/credit_runs.sql",
            &run_ids,
            &processed,
            &failed,
            &dead_lettered,
            &failed_records,
            &unmapped,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        if credits.iter().any(|credit| credit.dead_lettered > 0) {
            self.hear_of_dead_letters_in_tx(&mut tx, &run_ids, now).await?;
        }
        self.add_totals_in_tx(&mut tx, totals).await?;
        tx.commit().await.map_err(self.fail(operation))
    }

    /// Ends a run and returns it as it stands. The status follows from what it did: with an error it is `partial` when
    /// something was stored or the next run continues it, and `failed` otherwise; without one it is `success`, or `partial`
    /// when rows became dead letters. What people are to be told of it is written in the same transaction.
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
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let ended = sqlx::query_as!(
            RunRecord,
            "UPDATE sync_runs
             SET status = CASE
                     WHEN $2::text IS NULL AND mode = 'process' AND records_dead_lettered > 0 THEN 'partial'
                     WHEN $2::text IS NULL THEN 'success'
                     WHEN $5 OR pages_fetched > 0 OR mode = 'process' AND records_processed > 0 THEN 'partial'
                     ELSE 'failed'
                 END,
                 error = $2, requests_made = requests_made + $3, finished_at = $4, heartbeat_at = $4
             WHERE run_id = $1 AND status IN ('running', 'abandoned') RETURNING *",
            run_id.0,
            outcome.error.as_deref().map(|error| storable(error, MAX_REASON_BYTES)) as Option<Cow<'_, str>>,
            i64::try_from(outcome.requests.made).unwrap_or(i64::MAX),
            now,
            outcome.to_be_continued,
        )
        .fetch_optional(&mut tx)
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
        let continued = outcome.to_be_continued || outcome.stopped;
        let ending = if continued { Ending::Continued } else { Ending::Final };
        self.hear_in_tx(&mut tx, &run, ending, now).await?;
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
