//! Running totals of what runs do: counters that never go back, although runs are rows and their processes come and go.
//!
//! A process that cron starts can't be asked for its counters, and the next one begins at zero. What a run does is
//! therefore added to `run_totals` by the transaction that writes it down: the page, the sign of life, the end. Adding
//! up `sync_runs` instead would cost more with every run, and would fall when old runs are deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use buffalo_model::{Mode, RequestCounts, Run, RunStatus};

use crate::database::Tx;
use crate::{DeliveryOutcome, Store, StoreError, durations};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Runs, by mode and by the status with which they ended. A run that was taken for abandoned and said later how it
    /// ended is counted for both.
    Runs,
    /// Pages stored.
    Pages,
    /// Records, by [`RecordOutcome`].
    Records,
    /// Requests made of vendors, by [`buffalo_model::RequestOutcome`].
    Requests,
    /// Decisions to ask a vendor again.
    Retries,
    /// How long claims took that found something, in buckets.
    ClaimDuration,
    /// How long batches took, from the claim to the commit, in buckets.
    BatchDuration,
    /// Attempts to deliver notifications, by channel and by [`DeliveryOutcome`].
    Notifications,
}

impl Counter {
    const ALL: [Self; 8] = [
        Self::Runs,
        Self::Pages,
        Self::Records,
        Self::Requests,
        Self::Retries,
        Self::ClaimDuration,
        Self::BatchDuration,
        Self::Notifications,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Pages => "pages",
            Self::Records => "records",
            Self::Requests => "requests",
            Self::Retries => "retries",
            Self::ClaimDuration => "claim_duration",
            Self::BatchDuration => "batch_duration",
            Self::Notifications => "notifications",
        }
    }
}

/// What became of a record, or of an attempt at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordOutcome {
    /// It was on a page.
    Fetched,
    /// It was new or had changed.
    Enqueued,
    /// It was neither.
    Deduped,
    /// It was normalised and stored.
    Processed,
    /// An attempt at it failed.
    Failed,
    /// It became a dead letter.
    DeadLettered,
}

impl RecordOutcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::Fetched, Self::Enqueued, Self::Deduped, Self::Processed, Self::Failed, Self::DeadLettered];

    /// The name in tables and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Enqueued => "enqueued",
            Self::Deduped => "deduped",
            Self::Processed => "processed",
            Self::Failed => "failed",
            Self::DeadLettered => "dead_lettered",
        }
    }
}

/// Things to be added to the totals.
#[derive(Debug, Default)]
pub struct Totals(BTreeMap<Key, i64>);

/// In the order in which rows are locked, which has to be the same for everybody.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    counter: Counter,
    source: String,
    entity: String,
    mode: &'static str,
    outcome: String,
}

/// A total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// What is counted.
    pub counter: Counter,
    /// Of which source; of notifications, which have none here: through which channel.
    pub source: String,
    /// Of which entity; empty where there is none.
    pub entity: String,
    /// Of runs: in which mode.
    pub mode: String,
    /// With which outcome.
    pub outcome: String,
    /// How many.
    pub total: i64,
}

impl Totals {
    /// Adds records.
    pub fn records(&mut self, source: &str, entity: &str, outcome: RecordOutcome, count: i64) {
        self.add(Counter::Records, source, entity, "", outcome.as_str().to_owned(), count);
    }

    /// Adds pages.
    pub fn pages(&mut self, source: &str, entity: &str, count: i64) {
        self.add(Counter::Pages, source, entity, "", String::new(), count);
    }

    /// Adds requests.
    pub fn requests(&mut self, source: &str, entity: &str, counts: &RequestCounts) {
        for (outcome, count) in counts.outcomes() {
            self.add(Counter::Requests, source, entity, "", outcome.as_str().to_owned(), whole(count));
        }
        self.add(Counter::Retries, source, entity, "", String::new(), whole(counts.retries));
    }

    /// Adds the end of a run.
    pub(crate) fn run_ended(&mut self, run: &Run) {
        self.run(&run.source, &run.entity, run.mode, run.status);
    }

    /// Adds a run that ended as it began.
    pub(crate) fn run_skipped(&mut self, source: &str, entity: &str, mode: Mode) {
        self.run(source, entity, mode, RunStatus::Skipped);
    }

    /// Adds an attempt to deliver a notification. The channel stands where the source does elsewhere: both name the
    /// system outside with which something went well or did not.
    pub(crate) fn notification(&mut self, channel: &str, outcome: DeliveryOutcome) {
        self.add(Counter::Notifications, channel, "", "", outcome.as_str().to_owned(), 1);
    }

    /// Adds a duration.
    pub fn duration(&mut self, counter: Counter, duration: Duration) {
        let (bucket, us) = durations::bucket(duration);
        self.add(counter, "all", "all", "", bucket, 1);
        self.add(counter, "all", "all", "", durations::SUM_US.to_owned(), whole(us));
    }

    /// Adds everything of another.
    pub fn append(&mut self, other: Self) {
        for (key, count) in other.0 {
            *self.0.entry(key).or_default() += count;
        }
    }

    fn run(&mut self, source: &str, entity: &str, mode: Mode, status: RunStatus) {
        self.add(Counter::Runs, source, entity, mode.as_str(), status.as_str().to_owned(), 1);
    }

    fn add(
        &mut self,
        counter: Counter,
        source: &str,
        entity: &str,
        mode: &'static str,
        outcome: String,
        count: i64,
    ) {
        if count > 0 {
            let key = Key { counter, source: source.to_owned(), entity: entity.to_owned(), mode, outcome };
            *self.0.entry(key).or_default() += count;
        }
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Store {
    /// Adds to the totals. The last thing before the commit, since others may wait for the same rows.
    pub(crate) async fn add_totals_in_tx(&self, tx: &mut Tx<'_>, totals: &Totals) -> Result<(), StoreError> {
        if totals.0.is_empty() {
            return Ok(());
        }
        let column = |name: fn(&Key) -> &str| -> Vec<&str> { totals.0.keys().map(name).collect() };
        let counts: Vec<i64> = totals.0.values().copied().collect();
        sqlx::query!(
            "INSERT INTO run_totals AS known (counter, source, entity, mode, outcome, total)
             SELECT counter, source, entity, mode, outcome, total
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
                 AS more (counter, source, entity, mode, outcome, total)
             ORDER BY counter, source, entity, mode, outcome
             ON CONFLICT (counter, source, entity, mode, outcome)
                 DO UPDATE SET total = known.total + excluded.total",
            &column(|key| key.counter.as_str()) as &[&str],
            &column(|key| &key.source) as &[&str],
            &column(|key| &key.entity) as &[&str],
            &column(|key| key.mode) as &[&str],
            &column(|key| &key.outcome) as &[&str],
            &counts,
        )
        .execute(tx)
        .await
        .map_err(self.fail("add to the totals"))?;
        Ok(())
    }

    /// All totals, but for those of counters that only a newer program knows.
    pub(crate) async fn totals(&self) -> Result<Vec<Total>, StoreError> {
        let rows = sqlx::query!("SELECT counter, source, entity, mode, outcome, total FROM run_totals")
            .fetch_all(&self.pool)
            .await
            .map_err(self.fail("read the totals"))?;
        let known = |name: &str| Counter::ALL.into_iter().find(|counter| counter.as_str() == name);
        let totals = rows.into_iter().filter_map(|row| {
            Some(Total {
                counter: known(&row.counter)?,
                source: row.source,
                entity: row.entity,
                mode: row.mode,
                outcome: row.outcome,
                total: row.total,
            })
        });
        Ok(totals.collect())
    }
}
