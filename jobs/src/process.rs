//! Processing: draining the outbox. Each batch is claimed, normalised, upserted and settled in one transaction.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use buffalo_connectors::registration;
use buffalo_model::{
    Clock, EventStatus, FailedRecord, Mode, Normalised, PaymentStatus, Run, RunId, RunStatus,
    SupportedCurrencies,
};
use buffalo_store::{
    ClaimedBatch, ClaimedRow, DeadRow, NewRun, RetryRow, RunOutcome, RunProgress, Settled, Store, StoreError,
    Totals, UpsertRow,
};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;

use crate::persist::persist;
use crate::{OnProgress, Stop, batch_totals};

/// The most payload that a worker holds at once, give or take one row.
const BATCH_BYTES: i64 = 4 * 1024 * 1024;
/// How long an idle watcher waits before it looks again.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How often a run says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(2);
/// Failed records that a run remembers.
const REMEMBERED_FAILURES: usize = 50;
/// A reason longer than this helps nobody.
const LONGEST_REASON: usize = 500;
/// Passing database errors in a row after which a worker gives up.
const MAX_PASSING_ERRORS: u32 = 6;

/// What may vary from run to run.
#[derive(Clone)]
pub struct ProcessOptions {
    /// Workers side by side.
    pub workers: usize,
    /// Rows in a batch (`OUTBOX_BATCH_SIZE`).
    pub batch_size: u32,
    /// Attempts after which a row is a dead letter (`OUTBOX_MAX_ATTEMPTS`).
    pub max_attempts: u32,
    /// When a failed row is tried again.
    pub retry: RetrySchedule,
    /// Currencies that are accepted (`SUPPORTED_CURRENCIES`).
    pub currencies: SupportedCurrencies,
    /// Whether to wait for more once the outbox is empty, until stopped.
    pub watch: bool,
    /// Ends the run after the batches at hand.
    pub stop: Stop,
    /// Hears of rows as they are settled.
    pub on_progress: OnProgress,
}

impl Default for ProcessOptions {
    fn default() -> Self {
        Self {
            workers: 2,
            batch_size: 500,
            max_attempts: 5,
            retry: RetrySchedule::default(),
            currencies: SupportedCurrencies::All,
            watch: false,
            stop: Stop::never(),
            on_progress: Arc::new(|_| {}),
        }
    }
}

/// When a failed row is tried again: delays double from `first` up to `longest`, and each is shortened by up to half at
/// random, so that rows that failed together do not come back together.
#[derive(Debug, Clone, Copy)]
pub struct RetrySchedule {
    /// The delay after the first failure.
    pub first: TimeDelta,
    /// The longest delay.
    pub longest: TimeDelta,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self { first: TimeDelta::seconds(30), longest: TimeDelta::hours(1) }
    }
}

impl RetrySchedule {
    fn after(&self, failures: u32, now: DateTime<Utc>) -> DateTime<Utc> {
        let doubled =
            self.first.num_milliseconds().saturating_mul(1_i64 << failures.saturating_sub(1).min(30));
        let ceiling = doubled.min(self.longest.num_milliseconds()).max(1);
        now + TimeDelta::milliseconds(fastrand::i64(ceiling / 2..=ceiling))
    }
}

/// A run that drains the outbox.
#[derive(Clone)]
pub struct Process {
    /// Where rows are.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How.
    pub options: ProcessOptions,
}

/// What the workers of a run did that is not recorded yet.
#[derive(Default)]
struct Tally {
    progress: RunProgress,
    failed_records: Vec<FailedRecord>,
    unmapped_statuses: BTreeSet<String>,
}

/// A row that could not be processed.
struct Failure {
    row: usize,
    stage: &'static str,
    reason: String,
}

impl Process {
    /// Drains the outbox and returns the run as it was recorded. Rows that fail are put back or become dead letters and
    /// do not fail the run; a run with new dead letters is `partial`.
    ///
    /// # Errors
    ///
    /// Only when the database could not be told how the run ended.
    pub async fn run(&self) -> Result<Run, StoreError> {
        let run_id = RunId::generate();
        let run =
            NewRun { run_id, source: "all", entity: "all", mode: Mode::Process, status: RunStatus::Running };
        persist(|| self.store.start_run(&run, self.clock.now())).await?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut workers = JoinSet::new();
        for _ in 0..self.options.workers.max(1) {
            let (this, tally) = (self.clone(), Arc::clone(&tally));
            workers.spawn(async move { this.work(&tally).await });
        }
        let mut report = tokio::time::interval(REPORT_EVERY);
        let mut error = None;
        loop {
            tokio::select! {
                _ = report.tick() => self.report(run_id, &tally).await?,
                ended = workers.join_next() => match ended {
                    None => break,
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(trouble))) => error = Some(trouble.to_string()),
                    Some(Err(crash)) => error = Some(format!("a worker ended unexpectedly: {crash}")),
                },
            }
        }
        self.report(run_id, &tally).await?;
        let outcome = {
            let mut tally = locked(&tally);
            RunOutcome {
                error,
                failed_records: std::mem::take(&mut tally.failed_records),
                unmapped_statuses_seen: std::mem::take(&mut tally.unmapped_statuses).into_iter().collect(),
                ..RunOutcome::default()
            }
        };
        persist(|| self.store.finish_run(run_id, &outcome, self.clock.now())).await
    }

    async fn report(&self, run_id: RunId, tally: &Mutex<Tally>) -> Result<(), StoreError> {
        let progress = std::mem::take(&mut locked(tally).progress);
        persist(|| self.store.heartbeat(run_id, &progress, self.clock.now())).await
    }

    async fn work(&self, tally: &Mutex<Tally>) -> Result<(), StoreError> {
        let mut stop = self.options.stop.clone();
        let mut passing_errors = 0;
        while !stop.is_requested() {
            match self.work_off_a_batch(tally).await {
                Ok(true) => passing_errors = 0,
                Ok(false) if !self.options.watch => return Ok(()),
                Ok(false) => {
                    passing_errors = 0;
                    pause(POLL_EVERY, &mut stop).await;
                }
                // The transaction is gone and its rows are free again: there is nothing to undo.
                Err(error) if error.is_transient() && passing_errors < MAX_PASSING_ERRORS => {
                    passing_errors += 1;
                    let ceiling_ms = 200 << passing_errors;
                    let delay = Duration::from_millis(fastrand::u64(ceiling_ms / 2..=ceiling_ms));
                    tracing::warn!(%error, ?delay, "database trouble; trying again");
                    pause(delay, &mut stop).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Claims, normalises, upserts and settles one batch. Returns whether there was one.
    async fn work_off_a_batch(&self, tally: &Mutex<Tally>) -> Result<bool, StoreError> {
        let options = &self.options;
        let began = Instant::now();
        let claimed = self.store.claim(self.clock.now(), i64::from(options.batch_size), BATCH_BYTES).await?;
        let Some(mut batch) = claimed else { return Ok(false) };
        let claimed_within = began.elapsed();
        let mut upserts = Vec::with_capacity(batch.rows().len());
        let mut failures = Vec::new();
        for (row, claimed) in batch.rows().iter().enumerate() {
            match normalise(claimed, &options.currencies) {
                Ok(value) => upserts.push(UpsertRow { row, value }),
                Err(reason) => failures.push(Failure { row, stage: "normalise", reason }),
            }
        }
        let now = self.clock.now();
        for failed in batch.upsert(&upserts, now).await? {
            failures.push(Failure { row: failed.row, stage: "store", reason: failed.reason });
        }
        let unmapped = unmapped_statuses(&upserts);
        let failed_records = failures.iter().map(|failure| failed_record(&batch, failure)).collect();
        let (retries, dead) = self.sentence(&batch, failures, now);
        let mut totals = batch_totals::of_rows(&batch, &retries, &dead);
        let settled = batch.settle(&retries, &dead, now).await?;
        totals.append(batch_totals::of_durations(claimed_within, began.elapsed()));
        note(&mut locked(tally), settled, totals, failed_records, unmapped);
        (options.on_progress)(settled.processed);
        Ok(true)
    }

    fn sentence(
        &self,
        batch: &ClaimedBatch,
        failures: Vec<Failure>,
        now: DateTime<Utc>,
    ) -> (Vec<RetryRow>, Vec<DeadRow>) {
        let mut retries = Vec::new();
        let mut dead = Vec::new();
        for Failure { row, stage, reason } in failures {
            let claimed = &batch.rows()[row];
            let failed = u32::try_from(claimed.attempts).unwrap_or(0) + 1;
            let (source, external_id) = (&claimed.key.source, &claimed.key.external_id);
            if failed >= self.options.max_attempts {
                tracing::error!(%source, %external_id, stage, reason, "dead letter");
                dead.push(DeadRow { row, stage, reason });
            } else {
                let available_at = self.options.retry.after(failed, now);
                tracing::warn!(%source, %external_id, stage, reason, attempt = failed, %available_at, "row failed");
                retries.push(RetryRow { row, available_at, reason });
            }
        }
        (retries, dead)
    }
}

fn normalise(row: &ClaimedRow, currencies: &SupportedCurrencies) -> Result<Normalised, String> {
    let source = row.key.source.as_str();
    let registration =
        registration(source).ok_or_else(|| format!("this program knows no source `{source}`"))?;
    // A payload that makes the normaliser panic must not take the worker with it, nor be tried for ever.
    let normalised = catch_unwind(AssertUnwindSafe(|| (registration.normalise)(row.state())))
        .map_err(|_| "the normaliser panicked".to_owned())?
        .map_err(|error| error.to_string().chars().take(LONGEST_REASON).collect::<String>())?;
    match &normalised {
        Normalised::Payment(payment) if !currencies.contains(payment.currency) => {
            Err(format!("unsupported_currency: {}", payment.currency))
        }
        _ => Ok(normalised),
    }
}

fn unmapped_statuses(upserts: &[UpsertRow]) -> Vec<String> {
    upserts
        .iter()
        .filter_map(|upsert| match &upsert.value {
            Normalised::Payment(payment) if payment.status == PaymentStatus::Unknown => {
                Some(&payment.raw_status)
            }
            Normalised::Event(event) if event.status == EventStatus::Unknown => Some(&event.raw_status),
            _ => None,
        })
        .cloned()
        .collect()
}

fn failed_record(batch: &ClaimedBatch, failure: &Failure) -> FailedRecord {
    FailedRecord {
        external_id: batch.rows()[failure.row].key.external_id.clone(),
        stage: failure.stage.to_owned(),
        error: failure.reason.clone(),
    }
}

fn note(
    tally: &mut Tally,
    settled: Settled,
    totals: Totals,
    failed_records: Vec<FailedRecord>,
    unmapped: Vec<String>,
) {
    let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
    tally.progress.processed += count(settled.processed);
    tally.progress.failed += count(settled.retried + settled.dead);
    tally.progress.dead_lettered += count(settled.dead);
    tally.progress.totals.append(totals);
    let room = REMEMBERED_FAILURES - tally.failed_records.len();
    tally.failed_records.extend(failed_records.into_iter().take(room));
    tally.unmapped_statuses.extend(unmapped);
}

fn locked(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pause(delay: Duration, stop: &mut Stop) {
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        () = stop.requested() => {}
    }
}
