//! The schedule, for hosts without cron: fires each tick of each job once, however many replicas there are.

mod cron;

use std::sync::Arc;
use std::time::Duration;

use buffalo_model::Clock;
use buffalo_store::{Store, StoreError};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;

use crate::Stop;
use crate::persist::persist;
use cron::Due;
pub use cron::{CronError, CronExpression};

/// The longest sleep: a clock may be set, and a laptop may have been closed.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How long to wait after trouble with the database that outlasted its retries.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// What a job does at a tick; says in a word how that ended. It ends early when it is asked to stop.
pub type Action = Arc<dyn Fn(Stop) -> BoxFuture<'static, String> + Send + Sync>;

/// A job and when it is due.
#[derive(Clone)]
pub struct ScheduledJob {
    /// Its name, which its ticks are stored under.
    pub name: &'static str,
    /// When it is due.
    pub when: CronExpression,
    /// What it does.
    pub action: Action,
}

/// All jobs.
#[derive(Clone)]
pub struct Schedule {
    /// Where ticks are.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The time zone of all expressions.
    pub timezone: Tz,
    /// The jobs. One that is still at work when it is due again is done once more afterwards.
    pub jobs: Vec<ScheduledJob>,
}

impl Schedule {
    /// Fires until stopped, and waits for what is being done then. Trouble of one job does not touch the others.
    pub async fn run(&self, stop: &Stop) {
        let mut running = JoinSet::new();
        for job in &self.jobs {
            let (this, job, stop) = (self.clone(), job.clone(), stop.clone());
            running.spawn(async move { this.keep(&job, stop).await });
        }
        while let Some(ended) = running.join_next().await {
            if let Err(crash) = ended {
                tracing::error!(error = %crash, "a job of the schedule ended unexpectedly and will not be done again");
            }
        }
    }

    async fn keep(&self, job: &ScheduledJob, mut stop: Stop) {
        while !stop.is_requested() {
            let pause = match self.tick(job, &stop).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, job = job.name, "the schedule can't be read");
                    AFTER_TROUBLE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.requested() => {}
            }
        }
    }

    /// Does the job if it is due; returns how long to wait before looking again.
    async fn tick(&self, job: &ScheduledJob, stop: &Stop) -> Result<Duration, StoreError> {
        let newest = persist(|| self.store.newest_tick(job.name)).await?;
        let now = self.clock.now();
        let due_at = match job.when.due(self.timezone, newest, now) {
            Due::Never => return Ok(LOOK_EVERY),
            Due::At(due_at) if due_at > now => {
                let wait = (due_at - now).to_std().unwrap_or_default();
                if wait > LOOK_EVERY {
                    return Ok(LOOK_EVERY);
                }
                let mut stop = stop.clone();
                tokio::select! {
                    () = tokio::time::sleep(wait) => due_at,
                    () = stop.requested() => return Ok(Duration::ZERO),
                }
            }
            Due::At(due_at) | Due::Missed(due_at) => due_at,
        };
        if persist(|| self.store.claim_tick(job.name, due_at, self.clock.now())).await? {
            tracing::info!(job = job.name, %due_at, "due");
            let outcome = (job.action)(stop.clone()).await;
            tracing::info!(job = job.name, %due_at, outcome, "done");
            persist(|| self.store.finish_tick(job.name, due_at, &outcome, self.clock.now())).await?;
        }
        Ok(Duration::ZERO)
    }

    /// The jobs with their expressions and the next time at which each is due.
    #[must_use]
    pub fn next_times(&self) -> Vec<(&'static str, String, Option<DateTime<Utc>>)> {
        let now = self.clock.now();
        let next = |job: &ScheduledJob| (job.name, job.when.to_string(), job.when.next(self.timezone, now));
        self.jobs.iter().map(next).collect()
    }
}

impl std::fmt::Debug for ScheduledJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScheduledJob")
            .field("name", &self.name)
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}
