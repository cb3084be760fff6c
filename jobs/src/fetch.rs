//! Fetching: one run of one entity of one source, from the lock to the end of its pages.

mod decision;
mod options;
mod read_ahead;
mod refetch;
mod sweep;
mod trouble;
mod write;

use std::time::Duration;

use buffalo_connectors::{Connector, CursorState, Pages, Plan, registration};
use buffalo_model::{Clock, Entity, Mode, Run, RunId, RunStatus};
use buffalo_store::{Lane, NewRun, ProducerLock, RunOutcome, Store, StoreError};
use tokio::time::Instant;
use tracing::Instrument;

use crate::identity::Owner;
use crate::persist::persist;
use crate::run_span::run_span;
pub use options::FetchOptions;
use read_ahead::{PAGES_AHEAD, ReadAhead};
use trouble::Trouble;
use write::{Requests, Writing};

/// How often a run makes sure of its lock and says that it is alive.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// A run of one entity of one source.
pub struct Fetch<'a> {
    /// Where records go.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Where records come from.
    pub connector: &'a dyn Connector,
    /// Which records.
    pub entity: Entity,
    /// How.
    pub options: FetchOptions,
}

impl Fetch<'_> {
    /// Runs to the end of the pages, and returns the run as it was recorded: also when it failed, and also when another
    /// producer is at work and this one was skipped.
    ///
    /// # Errors
    ///
    /// Only when the database could not be told; the run then counts as abandoned, or was never known.
    pub async fn run(&self) -> Result<Run, StoreError> {
        self.run_announced(RunId::generate()).await
    }

    /// The same for a run whose row is there already: [`Store::announce_runs`].
    ///
    /// # Errors
    ///
    /// Those of [`Fetch::run`].
    pub async fn run_announced(&self, run_id: RunId) -> Result<Run, StoreError> {
        let span = run_span(run_id, self.connector.source().as_str(), self.entity.as_str());
        self.run_as(run_id).instrument(span).await
    }

    async fn run_as(&self, run_id: RunId) -> Result<Run, StoreError> {
        let source = self.connector.source();
        let mut run = NewRun {
            run_id,
            source: source.as_str(),
            entity: self.entity.as_str(),
            mode: self.options.mode,
            status: RunStatus::Running,
        };
        let Some(mut lock) =
            persist(|| self.store.try_lock_producer(source, self.entity, self.clock.now())).await?
        else {
            run.status = RunStatus::Skipped;
            self.store.start_run(&run, self.clock.now()).await?;
            return self.store.find_run(run_id).await?.ok_or_else(|| StoreError::Unreadable {
                table: "sync_runs",
                what: format!("run {run_id} is gone"),
            });
        };
        self.store.start_run(&run, self.clock.now()).await?;
        let mut requests = Requests::default();
        let trouble = self.fetch_and_answer(run_id, &mut lock, &mut requests).await.err();
        if let Some(trouble) = &trouble {
            tracing::debug!(error = ?trouble, "the run ends early");
        }
        let outcome = RunOutcome {
            to_be_continued: trouble.as_ref().is_some_and(Trouble::is_a_limit),
            stopped: matches!(trouble, Some(Trouble::Stopped)),
            error: trouble.map(|trouble| trouble.to_string()),
            requests: requests.unrecorded(),
        };
        self.note_circuit().await;
        let run = persist(|| self.store.finish_run(run_id, &outcome, self.clock.now())).await;
        lock.release().await;
        run
    }

    /// Fetches, and answers the hints that were raised before that.
    async fn fetch_and_answer(
        &self,
        run_id: RunId,
        lock: &mut ProducerLock,
        requests: &mut Requests,
    ) -> Result<(), Trouble> {
        let source = self.connector.source();
        let hint = persist(|| self.store.begin_hint(source, self.entity, self.clock.now())).await?;
        self.fetch_pages(run_id, lock, requests).await?;
        if let Some(hint) = hint {
            persist(|| self.store.answer_hint(source, self.entity, hint)).await?;
        }
        Ok(())
    }

    async fn fetch_pages(
        &self,
        run_id: RunId,
        lock: &mut ProducerLock,
        requests: &mut Requests,
    ) -> Result<(), Trouble> {
        let source = self.connector.source();
        let found = persist(|| self.store.read_cursor(source, self.entity, self.clock.now())).await?;
        let owner = Owner::of(self.store, self.clock, self.connector, self.entity, &found).await?;
        let decision = self.decide(run_id, &found).await?;
        if decision.continue_from.is_none() {
            persist(|| self.store.note_full_backfill(source, self.entity, self.clock.now())).await?;
        }
        let lane = if decision.mode == Mode::Full { Lane::Backfill } else { Lane::Live };
        let mut writing = Writing {
            run_id,
            lane,
            owner,
            cursor_version: found.version,
            cursor: None,
            position: found.cursor.clone(),
            written: None,
            is_at_end: false,
            ties: 0,
        };
        self.erase_due().await?;
        let deadline = Instant::now() + self.options.deadline;
        if let Some(cursor) = &decision.continue_from {
            if decision.mode == Mode::Incremental {
                let now = self.clock.now();
                persist(|| self.store.ask_for_missing_returns(source, self.entity, now)).await?;
            }
            writing.cursor = Some(cursor.clone());
            self.refetch_due(&mut writing, lock, requests, deadline).await?;
            writing.cursor = None;
        }
        let plan = decision.continue_from.as_ref().map_or(Plan::Backfill, Plan::Continue);
        let pages = self.connector.open(self.entity, plan, self.clock.now());
        writing.is_at_end = false;
        self.write_all(pages, &mut writing, lock, requests, deadline).await?;
        self.is_at_its_end(&writing)?;
        if writing.ties > 0 {
            writing.cursor = writing.written.clone();
            self.refetch_due(&mut writing, lock, requests, deadline).await?;
        }
        Ok(())
    }

    /// Makes sure that a plan whose pages have come to an end left the cursor where later runs start from.
    fn is_at_its_end(&self, writing: &Writing<'_>) -> Result<(), Trouble> {
        let state = self.connector.assess(self.entity, writing.written.as_ref(), self.clock.now());
        // A source that gives no place to go on from, as some calendar servers, is listed as a whole by each run.
        if writing.is_at_end && matches!(state, CursorState::Current | CursorState::Backfilling) {
            return Ok(());
        }
        let (source_name, entity) = (self.connector.source().to_string(), self.entity);
        Err(Trouble::NotAtItsEnd { source_name, entity })
    }

    /// Erases what a webhook said that nothing may be kept of.
    async fn erase_due(&self) -> Result<(), Trouble> {
        let source = self.connector.source();
        let Some(registration) = registration(source.as_str()) else { return Ok(()) };
        let now = self.clock.now();
        let erased = persist(|| self.store.erase_due(source, self.entity, registration.gone, now)).await?;
        if erased > 0 {
            tracing::info!(%source, entity = %self.entity, records = erased, "erased for privacy's sake");
        }
        Ok(())
    }

    /// Reads pages to their end and writes them.
    async fn write_all(
        &self,
        pages: Box<dyn Pages>,
        writing: &mut Writing<'_>,
        lock: &mut ProducerLock,
        requests: &mut Requests,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let made_before = requests.made;
        let mut reading = ReadAhead::begin(pages);
        let mut check = tokio::time::interval(CHECK_EVERY);
        let mut stop = self.options.stop.clone();
        let expired = tokio::time::sleep_until(deadline);
        tokio::pin!(expired);
        let mut batch = Vec::with_capacity(PAGES_AHEAD);
        loop {
            tokio::select! {
                biased;
                () = stop.requested() => return Err(Trouble::Stopped),
                () = &mut expired => return Err(Trouble::Deadline(self.options.deadline)),
                _ = check.tick() => self.still_alone(writing.run_id, lock).await?,
                received = reading.next_into(&mut batch) => {
                    if received == 0 {
                        return Ok(());
                    }
                    let mut pages = Vec::with_capacity(received);
                    let mut end = None;
                    // Held until the pages are written.
                    let mut rooms = Vec::with_capacity(received);
                    for read in batch.drain(..) {
                        requests.made = made_before + read.requests;
                        rooms.push(read.room);
                        match read.page {
                            Ok(Some(page)) => {
                                // A key that is refused says nothing of whose data is stored.
                                writing.owner.accept(&read.identity).await?;
                                pages.push(page);
                            }
                            Ok(None) => end = Some(Ok(())),
                            Err(error) => end = Some(Err(error)),
                        }
                    }
                    if !pages.is_empty() {
                        self.write_and_sweep(writing, pages, lock, requests, deadline).await?;
                    }
                    if let Some(end) = end {
                        return Ok(end?);
                    }
                }
            }
        }
    }

    /// Lets other processes know how the source's circuit breaker stands. Nothing rests on it.
    async fn note_circuit(&self) {
        let circuit = self.connector.circuit();
        if let Err(error) = self.store.note_circuit(self.connector.source(), &circuit, self.clock.now()).await
        {
            tracing::warn!(%error, "the state of the source could not be noted");
        }
    }

    /// Makes sure of the lock and says that the run is alive. A lock that was lost with its connection is taken anew;
    /// when somebody else was quicker, the run ends.
    async fn still_alone(&self, run_id: RunId, lock: &mut ProducerLock) -> Result<(), Trouble> {
        if let Err(lost) = lock.check().await {
            tracing::warn!(error = %lost, "taking the lock anew");
            let source = self.connector.source();
            *lock = persist(|| self.store.try_lock_producer(source, self.entity, self.clock.now()))
                .await?
                .ok_or(Trouble::LockTaken)?;
        }
        self.note_circuit().await;
        persist(|| self.store.heartbeat(run_id, self.clock.now())).await?;
        Ok(())
    }
}
