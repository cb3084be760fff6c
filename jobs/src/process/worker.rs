//! A worker: claims, normalises, upserts and settles one batch after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use buffalo_connectors::registration;
use buffalo_model::{Normalised, SupportedCurrencies, storable};
use buffalo_store::{ClaimedBatch, ClaimedRow, Claimer, DeadRow, Look, RetryRow, StoreError, UpsertRow};
use chrono::{DateTime, Utc};

use super::Process;
use super::tally::Tally;
use crate::Stop;
use crate::wake::Wake;

/// The most payload that a worker holds at once, give or take one row.
const BATCH_BYTES: i64 = 4 * 1024 * 1024;
/// A reason longer than this helps nobody.
const LONGEST_REASON: usize = 500;
/// Passing database errors in a row after which a worker of a run that has an end gives up.
const MAX_PASSING_ERRORS: u32 = 6;
/// The longest pause after a passing database error.
const LONGEST_PAUSE_MS: u64 = 10_000;
/// How many batches pass between two looks for rows that a dead worker left behind.
const BATCHES_BETWEEN_LOOKS: u64 = 64;

/// One of the workers of a run.
pub(super) struct Worker {
    pub(super) process: Process,
    pub(super) claimer: Claimer,
    pub(super) stop: Stop,
    pub(super) wake: Wake,
    pub(super) tally: Arc<Mutex<Tally>>,
    /// Rows that the run may still claim; shared by its workers.
    pub(super) rows_left: Arc<AtomicU64>,
}

/// A row that could not be processed.
struct Failure {
    row: usize,
    stage: &'static str,
    reason: String,
}

impl Worker {
    /// Works until nothing is due, or, when watching, until stopped.
    pub(super) async fn work(mut self) -> Result<(), StoreError> {
        let watch = self.process.options.watch;
        let (mut passing_errors, mut batches) = (0, 0);
        while !self.stop.is_requested() && self.rows_left.load(Ordering::Relaxed) > 0 {
            self.wake.looking();
            match self.work_off_a_batch(batches).await {
                Ok(true) => (passing_errors, batches) = (0, batches + 1),
                Ok(false) if !watch => return Ok(()),
                // Whoever waited for long looks for everything.
                Ok(false) => {
                    (passing_errors, batches) = (0, 0);
                    self.wake.wait(&mut self.stop).await;
                }
                // The transaction is gone and its rows are free again: there is nothing to undo.
                Err(error) if error.is_transient() && (watch || passing_errors < MAX_PASSING_ERRORS) => {
                    self.claimer.give_up();
                    passing_errors += 1;
                    let ceiling_ms = (200 << passing_errors.min(10)).min(LONGEST_PAUSE_MS);
                    let delay = Duration::from_millis(fastrand::u64(ceiling_ms / 2..=ceiling_ms));
                    tracing::warn!(%error, ?delay, "database trouble; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(delay) => {}
                        () = self.stop.requested() => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Claims, normalises, upserts and settles one batch. Returns whether there was one.
    async fn work_off_a_batch(&mut self, batches: u64) -> Result<bool, StoreError> {
        let Process { store, clock, options } = &self.process;
        if batches.is_multiple_of(BATCHES_BETWEEN_LOOKS) {
            let orphans = store.adopt_orphans(options.max_attempts, clock.now()).await?;
            if orphans > 0 {
                tracing::warn!(rows = orphans, "a worker died; the rows that it held are tried one by one");
            }
        }
        let look = if options.watch { Look::NowAndThen } else { Look::Everywhere };
        let most = take_from(&self.rows_left, u64::from(options.batch_size));
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let began = Instant::now();
        let claimed = self.claimer.claim(clock.now(), limit, BATCH_BYTES, look).await;
        let held = claimed.as_ref().map_or(0, |batch| batch.as_ref().map_or(0, |batch| batch.rows().len()));
        self.rows_left.fetch_add(most - held as u64, Ordering::Relaxed);
        let claimed_within = began.elapsed();
        let Some(mut batch) = claimed? else { return Ok(false) };
        let mut upserts = Vec::with_capacity(batch.rows().len());
        let mut failures = Vec::new();
        for (row, claimed) in batch.rows().iter().enumerate() {
            match normalise(claimed, &options.currencies, options.max_attempts) {
                Ok(value) => upserts.push(UpsertRow { row, value }),
                Err((stage, reason)) => failures.push(Failure { row, stage, reason }),
            }
        }
        let now = clock.now();
        let refused = batch.upsert(&upserts, now).await?;
        if !refused.is_empty() {
            tracing::debug!(
                rows = refused.len(),
                tries = batch.tries(),
                "found the rows that the database refuses"
            );
        }
        for failed in refused {
            failures.push(Failure { row: failed.row, stage: "store", reason: failed.reason });
        }
        let (retries, dead) = self.sentence(&batch, failures, now);
        let mut came_to = Tally::of(&batch, &upserts, &retries, &dead);
        let settled = batch.settle(&retries, &dead, now).await?;
        came_to.took(claimed_within, began.elapsed());
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(came_to);
        (self.process.options.on_progress)(settled.processed);
        Ok(true)
    }

    fn sentence(
        &self,
        batch: &ClaimedBatch,
        failures: Vec<Failure>,
        now: DateTime<Utc>,
    ) -> (Vec<RetryRow>, Vec<DeadRow>) {
        let options = &self.process.options;
        let mut retries = Vec::new();
        let mut dead = Vec::new();
        for Failure { row, stage, reason } in failures {
            let claimed = &batch.rows()[row];
            let failed_before = u32::try_from(claimed.attempts).unwrap_or(0);
            // Whoever has had all attempts already was not tried again.
            let attempts =
                if failed_before >= options.max_attempts { failed_before } else { failed_before + 1 };
            let (source, external_id) = (&claimed.key.source, &claimed.key.external_id);
            if attempts >= options.max_attempts {
                tracing::error!(%source, %external_id, stage, reason, "dead letter");
                dead.push(DeadRow { row, attempts, stage, reason });
            } else {
                let available_at = options.retry.after(attempts, now);
                tracing::warn!(%source, %external_id, stage, reason, attempt = attempts, %available_at, "row failed");
                retries.push(RetryRow { row, available_at, stage, reason });
            }
        }
        (retries, dead)
    }
}

/// Takes up to `most` of what is left.
fn take_from(left: &AtomicU64, most: u64) -> u64 {
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left - most.min(left)));
    before.map_or(0, |before| most.min(before))
}

/// What a row means, or at which stage it fails and why.
pub(crate) fn normalise(
    row: &ClaimedRow,
    currencies: &SupportedCurrencies,
    max_attempts: u32,
) -> Result<Normalised, (&'static str, String)> {
    if u32::try_from(row.attempts).unwrap_or(0) >= max_attempts {
        return Err((
            "process",
            row.last_error.clone().unwrap_or_else(|| "it has failed too often".to_owned()),
        ));
    }
    let failed = |reason: String| ("normalise", reason);
    let source = row.key.source.as_str();
    let registration =
        registration(source).ok_or_else(|| failed(format!("this program knows no source `{source}`")))?;
    // A payload that makes the normaliser panic must not take the worker with it, nor be tried for ever.
    let normalised = catch_unwind(AssertUnwindSafe(|| registration.read(row.state())))
        .map_err(|_| failed("the normaliser panicked".to_owned()))?
        .map_err(|error| failed(storable(&error.to_string(), LONGEST_REASON).into_owned()))?;
    match &normalised {
        Normalised::Payment(payment) if !currencies.contains(payment.currency) => {
            Err(failed(format!("unsupported_currency: {}", payment.currency)))
        }
        _ => Ok(normalised),
    }
}
