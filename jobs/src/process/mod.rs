//! Processing: draining the outbox. Each batch is claimed, normalised, upserted and settled in one transaction.

mod batch_totals;
mod retry;
mod tally;
mod worker;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use buffalo_model::{Clock, Mode, Run, RunId, RunStatus, SupportedCurrencies};
use buffalo_store::{Heard, NewRun, RunOutcome, Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing::Instrument;

use crate::persist::persist;
use crate::run_span::run_span;
use crate::wake::Wake;
use crate::{OnProgress, Stop, StopSwitch};
pub use retry::RetrySchedule;
use tally::Tally;
use worker::Worker;
pub(crate) use worker::normalise;

/// How often a run says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(2);

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
    /// The most rows that are worked on; none for all.
    pub max_rows: Option<u64>,
    /// The longest that the run may take, give or take the batches at hand; none for as long as it takes.
    pub deadline: Option<Duration>,
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
            max_rows: None,
            deadline: None,
            stop: Stop::never(),
            on_progress: Arc::new(|_| {}),
        }
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

impl Process {
    /// Drains the outbox and returns the run as it was recorded. Rows that fail are put back or become dead letters and
    /// do not fail the run; a run with new dead letters is `partial`.
    ///
    /// # Errors
    ///
    /// Only when the database could not be told how the run ended.
    pub async fn run(&self) -> Result<Run, StoreError> {
        self.run_announced(RunId::generate()).await
    }

    /// The same for a run whose row is there already: [`Store::announce_runs`].
    ///
    /// # Errors
    ///
    /// Those of [`Process::run`].
    pub async fn run_announced(&self, run_id: RunId) -> Result<Run, StoreError> {
        self.run_as(run_id).instrument(run_span(run_id, "all", "all")).await
    }

    async fn run_as(&self, run_id: RunId) -> Result<Run, StoreError> {
        let run =
            NewRun { run_id, source: "all", entity: "all", mode: Mode::Process, status: RunStatus::Running };
        persist(|| self.store.start_run(&run, self.clock.now())).await?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut helpers = JoinSet::new();
        let wake =
            if self.options.watch { Wake::of(&self.store, Heard::Rows, &mut helpers) } else { Wake::never() };
        let mut workers = self.start_workers(&tally, &wake, &mut helpers);
        let mut report = tokio::time::interval(REPORT_EVERY);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut error = None;
        loop {
            tokio::select! {
                _ = report.tick() => self.report_on_the_way(run_id, &tally).await?,
                ended = workers.join_next() => match ended {
                    None => break,
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(trouble))) => error = Some(trouble.to_string()),
                    Some(Err(crash)) => error = Some(format!("a worker ended unexpectedly: {crash}")),
                },
            }
        }
        persist(|| self.report(run_id, &tally)).await?;
        // Whoever asks for revenue next finds it settled; if this fails, that does no harm.
        if let Err(error) = self.store.settle_revenue().await {
            tracing::debug!(%error, "revenue was not settled; the next question does it");
        }
        let outcome = RunOutcome { error, ..RunOutcome::default() };
        persist(|| self.store.finish_run(run_id, &outcome, self.clock.now())).await
    }

    fn start_workers(
        &self,
        tally: &Arc<Mutex<Tally>>,
        wake: &Wake,
        helpers: &mut JoinSet<()>,
    ) -> JoinSet<Result<(), StoreError>> {
        let rows_left = Arc::new(AtomicU64::new(self.options.max_rows.unwrap_or(u64::MAX)));
        let stop = self.stop_at_deadline(helpers);
        let mut workers = JoinSet::new();
        for _ in 0..self.options.workers.max(1) {
            let worker = Worker {
                process: self.clone(),
                claimer: self.store.claimer(),
                stop: stop.clone(),
                wake: wake.clone(),
                tally: Arc::clone(tally),
                rows_left: Arc::clone(&rows_left),
            };
            workers.spawn(worker.work().in_current_span());
        }
        workers
    }

    /// What workers stop for: what the run is stopped for, and its deadline.
    fn stop_at_deadline(&self, helpers: &mut JoinSet<()>) -> Stop {
        let Some(deadline) = self.options.deadline else { return self.options.stop.clone() };
        let (switch, stop) = StopSwitch::new();
        let mut asked = self.options.stop.clone();
        let waiting = async move {
            tokio::select! {
                () = tokio::time::sleep(deadline) => tracing::info!(?deadline, "the deadline has come"),
                () = asked.requested() => {}
            }
            switch.stop();
        };
        helpers.spawn(waiting.in_current_span());
        stop
    }

    /// Reports while the run goes on. One that watches outlives any outage of the database, as its workers do: what could
    /// not be written down is part of the next report.
    async fn report_on_the_way(&self, run_id: RunId, tally: &Mutex<Tally>) -> Result<(), StoreError> {
        if !self.options.watch {
            return persist(|| self.report(run_id, tally)).await;
        }
        match self.report(run_id, tally).await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "how far the run is can't be written down yet");
                Ok(())
            }
            reported => reported,
        }
    }

    async fn report(&self, run_id: RunId, tally: &Mutex<Tally>) -> Result<(), StoreError> {
        self.store.heartbeat(run_id, self.clock.now()).await?;
        let news = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
        let (credits, totals) = news.credits(run_id);
        let credited = self.store.credit_runs(&credits, totals, self.clock.now()).await;
        if credited.is_err() {
            tally.lock().unwrap_or_else(PoisonError::into_inner).add(news);
        }
        credited
    }
}
