//! What the workers of a run did and have not recorded yet, by the run that fetched the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use buffalo_model::{EventStatus, FailedRecord, Normalised, PaymentStatus, RunId};
use buffalo_store::{ClaimedBatch, Counter, DeadRow, RetryRow, RunCredit, Totals, UpsertRow};

use super::batch_totals;

/// Failed records that a run remembers; those of a single report are no more.
const REMEMBERED_FAILURES: usize = 50;

/// Sums by run, and what is to be added to the running totals.
#[derive(Debug, Default)]
pub(super) struct Tally {
    runs: BTreeMap<RunId, Sums>,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Sums {
    processed: i64,
    failed: i64,
    dead_lettered: i64,
    failed_records: Vec<FailedRecord>,
    unmapped_statuses: BTreeSet<String>,
}

impl Sums {
    fn credit(&self, run_id: RunId) -> RunCredit {
        RunCredit {
            run_id,
            processed: self.processed,
            failed: self.failed,
            dead_lettered: self.dead_lettered,
            failed_records: self.failed_records.clone(),
            unmapped_statuses_seen: self.unmapped_statuses.iter().cloned().collect(),
        }
    }

    fn fail(&mut self, failed: FailedRecord) {
        self.failed += 1;
        if self.failed_records.len() < REMEMBERED_FAILURES {
            self.failed_records.push(failed);
        }
    }

    fn add(&mut self, other: &Self) {
        self.processed += other.processed;
        self.failed += other.failed;
        self.dead_lettered += other.dead_lettered;
        let room = REMEMBERED_FAILURES - self.failed_records.len();
        self.failed_records.extend(other.failed_records.iter().take(room).cloned());
        self.unmapped_statuses.extend(other.unmapped_statuses.iter().cloned());
    }
}

impl Tally {
    /// What a batch is going to come to.
    pub(super) fn of(
        batch: &ClaimedBatch,
        upserts: &[UpsertRow],
        retries: &[RetryRow],
        dead: &[DeadRow],
    ) -> Self {
        let mut tally = Self { runs: BTreeMap::new(), totals: batch_totals::of_rows(batch, retries, dead) };
        let mut sums = vec![None; batch.rows().len()];
        for retry in retries {
            sums[retry.row] = Some((failed_record(batch, retry.row, retry.stage, &retry.reason), 0));
        }
        for dead in dead {
            sums[dead.row] = Some((failed_record(batch, dead.row, dead.stage, &dead.reason), 1));
        }
        for (row, failed) in batch.rows().iter().zip(sums) {
            let of_run = tally.runs.entry(row.run_id).or_default();
            match failed {
                None => of_run.processed += 1,
                Some((failed, dead)) => {
                    of_run.fail(failed);
                    of_run.dead_lettered += dead;
                }
            }
        }
        for upsert in upserts {
            if let Some(status) = unmapped_status(&upsert.value) {
                let run_id = batch.rows()[upsert.row].run_id;
                tally.runs.entry(run_id).or_default().unmapped_statuses.insert(status.to_owned());
            }
        }
        tally
    }

    /// Adds a batch that is settled, or what was taken out and could not be recorded.
    pub(super) fn add(&mut self, other: Self) {
        for (run_id, sums) in other.runs {
            self.runs.entry(run_id).or_default().add(&sums);
        }
        self.totals.append(other.totals);
    }

    /// Adds how long a batch took; `claim` is the part of it that the claim took.
    pub(super) fn took(&mut self, claim: Duration, batch: Duration) {
        self.totals.duration(Counter::ClaimDuration, claim);
        self.totals.duration(Counter::BatchDuration, batch);
    }

    /// What is to be added to the runs that fetched the rows, all of it to that which processed them, and to the totals.
    pub(super) fn credits(&self, processing: RunId) -> (Vec<RunCredit>, &Totals) {
        let mut total = Sums::default();
        for sums in self.runs.values() {
            total.add(sums);
        }
        let fetched = self.runs.iter().map(|(run_id, sums)| sums.credit(*run_id));
        (fetched.chain([total.credit(processing)]).collect(), &self.totals)
    }
}

fn failed_record(batch: &ClaimedBatch, row: usize, stage: &str, reason: &str) -> FailedRecord {
    FailedRecord {
        external_id: batch.rows()[row].key.external_id.clone(),
        stage: stage.to_owned(),
        error: reason.to_owned(),
    }
}

fn unmapped_status(value: &Normalised) -> Option<&str> {
    match value {
        Normalised::Payment(payment) if payment.status == PaymentStatus::Unknown => Some(&payment.raw_status),
        Normalised::Event(event) if event.status == EventStatus::Unknown => Some(&event.raw_status),
        _ => None,
    }
}
