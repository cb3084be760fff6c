//! Maintaining what grows: partitions of the raw history are made before they are needed, and dropped when they are past
//! retention; events of webhooks are forgotten.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use buffalo_model::{
    Clock, CreatedPartition, DroppedPartition, KeptPartition, Maintenance, MaintenanceStep, NotDone,
    Retention, Span, Week, missing_weeks,
};
use buffalo_store::{Dropping, Partition, Store, StoreError, partition_name};
use chrono::TimeDelta;

/// How often a lock that others hold is asked for, each time for two seconds. In between others get their turn.
const ATTEMPTS: usize = 3;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// How long an event of a webhook is remembered. Vendors repeat one for a few days by themselves, and for
/// about thirty when a person asks them to.
const EVENTS_REMEMBERED: TimeDelta = TimeDelta::days(31);

/// Whether maintenance is to be done, or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is done.
    Done,
    /// Nothing is changed.
    OnlyTold,
}

/// What is said of a step for which the table was never free.
const BUSY: &str = "others were reading or writing raw_records all the time; run it again later";

/// One maintenance.
#[derive(Debug)]
pub struct Maintain<'a> {
    /// Where the raw history is.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// How long raw history is kept.
    pub retention: Retention,
    /// Whether anything is changed.
    pub effect: Effect,
}

/// Whether there is any use in trying the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    /// Others let go of it.
    Free,
    /// Others did not let go of it: asking again for the next step would only make them wait once more.
    Busy,
}

impl Maintain<'_> {
    /// Makes the partitions that are missing, moves into them what has landed in the default partition, and drops those
    /// that are past retention and that nothing in the outbox needs. None when another process is doing it.
    ///
    /// What can't be done because others are using the table is told in [`Maintenance::not_done`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; steps that were done before stay done.
    pub async fn run(&self) -> Result<Option<Maintenance>, StoreError> {
        let Some(lock) = self.store.try_lock_maintenance().await? else { return Ok(None) };
        let maintained = self.maintain().await;
        lock.release().await;
        maintained.map(Some)
    }

    async fn maintain(&self) -> Result<Maintenance, StoreError> {
        let now = self.clock.now();
        let partitions = self.store.partitions().await?;
        let spans: Vec<Span> = partitions.iter().map(|partition| partition.span).collect();
        let missing = missing_weeks(now, &self.store.stray_weeks().await?, &spans);
        let past = partitions
            .into_iter()
            .filter(|partition| partition.is_ours() && self.retention.is_past(partition.span, now));
        let mut report = Maintenance::begun(self.retention);
        report.dry_run = self.effect == Effect::OnlyTold;
        let mut table = Table::Free;
        for week in missing {
            self.create(week, &mut table, &mut report).await?;
        }
        for partition in past {
            self.drop(partition, &mut table, &mut report).await?;
        }
        report.forgotten_events = self.forget_events().await?;
        Ok(report)
    }

    async fn forget_events(&self) -> Result<i64, StoreError> {
        let before = self.clock.now() - EVENTS_REMEMBERED;
        if self.effect == Effect::OnlyTold {
            return self.store.count_events_before(before).await;
        }
        let mut forgotten = 0;
        loop {
            match self.store.forget_events_before(before).await? {
                0 => return Ok(forgotten),
                some => forgotten += i64::try_from(some).unwrap_or(i64::MAX),
            }
        }
    }

    async fn create(
        &self,
        week: Week,
        table: &mut Table,
        report: &mut Maintenance,
    ) -> Result<(), StoreError> {
        let span = week.span();
        let partition = partition_name(span).unwrap_or_default();
        let created = match self.effect {
            Effect::OnlyTold => Ok(self.store.stray_rows(week).await?),
            Effect::Done => patiently(table, || self.store.create_partition(week)).await?,
        };
        match created {
            Ok(rows_from_default) => {
                report.created.push(CreatedPartition { partition, span, rows_from_default });
            }
            Err(reason) => {
                report.not_done.push(NotDone { partition, step: MaintenanceStep::Create, reason });
            }
        }
        Ok(())
    }

    async fn drop(
        &self,
        partition: Partition,
        table: &mut Table,
        report: &mut Maintenance,
    ) -> Result<(), StoreError> {
        // Looked at beforehand too, as this makes nobody wait.
        let waiting_rows = self.store.waiting_rows(partition.span).await?;
        let dropping = match self.effect {
            _ if waiting_rows > 0 => Ok(Dropping::Needed),
            Effect::OnlyTold => Ok(Dropping::Dropped),
            Effect::Done => patiently(table, || self.store.drop_partition(&partition)).await?,
        };
        let Partition { name: partition, span, estimated_rows, bytes } = partition;
        match dropping {
            Ok(Dropping::Dropped) => {
                report.dropped.push(DroppedPartition { partition, span, estimated_rows, bytes });
            }
            Ok(Dropping::Needed) => {
                // At least the one that came only just now.
                report.kept.push(KeptPartition { partition, span, waiting_rows: waiting_rows.max(1) });
            }
            Err(reason) => {
                report.not_done.push(NotDone { partition, step: MaintenanceStep::Drop, reason });
            }
        }
        Ok(())
    }
}

/// Takes a step, and takes it again a few times while others hold the lock it needs. The inner error says why it could not
/// be done; the outer one is trouble that every other step would meet too.
async fn patiently<T, F>(table: &mut Table, step: impl FnMut() -> F) -> Result<Result<T, String>, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    if *table == Table::Busy {
        return Ok(Err(BUSY.to_owned()));
    }
    let delays =
        ConstantBuilder::default().with_delay(BETWEEN_ATTEMPTS).with_max_times(ATTEMPTS - 1).with_jitter();
    match step.retry(delays).when(StoreError::is_locked_out).await {
        Ok(done) => Ok(Ok(done)),
        Err(error) if error.is_locked_out() => {
            *table = Table::Busy;
            Ok(Err(BUSY.to_owned()))
        }
        Err(error @ StoreError::Refused { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}
