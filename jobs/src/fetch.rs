//! Fetching: one run of one entity of one source, from the lock to the end of its pages.

use std::sync::Arc;
use std::time::Duration;

use buffalo_connectors::{Connector, CursorState, FetchedPage, Plan, SourceError, registration};
use buffalo_model::{Clock, Cursor, Entity, Mode, RawRecord, RequestCounts, Run, RunId, RunStatus};
use buffalo_store::{CursorRow, Lane, NewRun, Page, ProducerLock, RunOutcome, Store, StoreError, Sweep};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::persist::persist;
use crate::run_span::run_span;
use crate::{OnProgress, Stop};

/// Pages that may wait while one is being written. They are written together, in one transaction.
const PAGES_AHEAD: usize = 4;

/// The most payload that waits or is being written, in KiB; a single page may be larger.
const KIB_AHEAD: u32 = 2_048;

/// How often a run makes sure of its lock and says that it is alive.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// What may vary from run to run.
#[derive(Clone)]
pub struct FetchOptions {
    /// [`Mode::Full`] asks for a backfill, [`Mode::Incremental`] for what changed.
    pub mode: Mode,
    /// The least time between the beginnings of two backfills that nobody asked for
    /// (`FULL_BACKFILL_MIN_INTERVAL_MIN`).
    pub full_backfill_min_interval: TimeDelta,
    /// The longest that a run may take (`FETCH_DEADLINE_S`), so that it ends before the next begins.
    pub deadline: Duration,
    /// Ends the run after the page at hand.
    pub stop: Stop,
    /// Hears of records as they are stored.
    pub on_progress: OnProgress,
}

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

/// Why a run ended before its time.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "stale_cursor_but_rate_limited: {reason}; a backfill began at {begun}, the next may begin at {next}"
    )]
    StaleCursorButRateLimited { reason: String, begun: String, next: String },
    #[error("another producer took the lock while the database was out of reach")]
    LockTaken,
    #[error("stopped before its end; the next run continues")]
    Stopped,
    #[error("not at its end after {} s; the next run continues", .0.as_secs())]
    Deadline(Duration),
}

impl Trouble {
    /// Whether the run ended where it was meant to end, to be continued by the next.
    fn is_a_limit(&self) -> bool {
        matches!(self, Self::Deadline(_) | Self::Source(SourceError::LimitReached { .. }))
    }
}

/// What a run has decided to do.
struct Decision {
    mode: Mode,
    /// None to begin a backfill.
    continue_from: Option<Cursor>,
    stale: bool,
    backfill_reason: Option<String>,
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
        let decision = self.decide(run_id, &found).await?;
        if decision.continue_from.is_none() {
            persist(|| self.store.note_full_backfill(source, self.entity, self.clock.now())).await?;
        }
        let lane = if decision.mode == Mode::Full { Lane::Backfill } else { Lane::Live };
        let plan = decision.continue_from.as_ref().map_or(Plan::Backfill, Plan::Continue);
        let mut pages = self.connector.open(self.entity, plan, self.clock.now());

        // Reading and writing go on side by side; dropping the set ends the reading.
        let (sender, mut receiver) = mpsc::channel(PAGES_AHEAD);
        let room = Arc::new(Semaphore::new(KIB_AHEAD as usize));
        let mut reading = JoinSet::new();
        let read = async move {
            loop {
                let next = pages.next().await;
                let made = pages.requests();
                let last = !matches!(next, Ok(Some(_)));
                let size = next.as_ref().map_or(0, |page| page.as_ref().map_or(0, kib));
                // The semaphore is never closed. What is given up with the message frees its room.
                let Ok(taken) = Arc::clone(&room).acquire_many_owned(size).await else { return };
                if sender.send((next, made, taken)).await.is_err() || last {
                    return;
                }
            }
        };
        reading.spawn(read.in_current_span());

        let mut version = found.version;
        let mut check = tokio::time::interval(CHECK_EVERY);
        let mut stop = self.options.stop.clone();
        let deadline = tokio::time::sleep(self.options.deadline);
        tokio::pin!(deadline);
        let mut batch = Vec::with_capacity(PAGES_AHEAD);
        loop {
            tokio::select! {
                biased;
                () = stop.requested() => return Err(Trouble::Stopped),
                () = &mut deadline => return Err(Trouble::Deadline(self.options.deadline)),
                _ = check.tick() => self.still_alone(run_id, lock).await?,
                received = receiver.recv_many(&mut batch, PAGES_AHEAD) => {
                    if received == 0 {
                        return Ok(());
                    }
                    let mut pages = Vec::with_capacity(received);
                    let mut end = None;
                    // Held until the pages are written.
                    let mut rooms = Vec::with_capacity(received);
                    for (next, made, room) in batch.drain(..) {
                        requests.made = made;
                        rooms.push(room);
                        match next {
                            Ok(Some(page)) => pages.push(page),
                            Ok(None) => end = Some(Ok(())),
                            Err(error) => end = Some(Err(error)),
                        }
                    }
                    if !pages.is_empty() {
                        version = self.write(run_id, lane, pages, version, requests).await?;
                    }
                    if let Some(end) = end {
                        return Ok(end?);
                    }
                }
            }
        }
    }

    /// Chooses between continuing and a backfill, and writes down why.
    async fn decide(&self, run_id: RunId, found: &CursorRow) -> Result<Decision, Trouble> {
        let state = self.connector.assess(self.entity, found.cursor.as_ref(), self.clock.now());
        let backfill = |reason: Option<String>, stale| Decision {
            mode: Mode::Full,
            continue_from: None,
            stale,
            backfill_reason: reason,
        };
        let going_on = |mode| Decision {
            mode,
            continue_from: found.cursor.clone(),
            stale: false,
            backfill_reason: None,
        };
        let decision = match (&state, self.options.mode) {
            (CursorState::Backfilling, _) => going_on(Mode::Full),
            (_, Mode::Full) => backfill(None, false),
            (CursorState::Current, _) => going_on(Mode::Incremental),
            (CursorState::Missing, _) => backfill(Some("nothing was fetched so far".to_owned()), false),
            (CursorState::Stale(reason), _) => backfill(Some(reason.clone()), true),
        };
        let reason = decision.backfill_reason.as_deref();
        persist(|| {
            self.store.describe_run(run_id, decision.mode, found.cursor.as_ref(), decision.stale, reason)
        })
        .await?;
        if decision.stale
            && let Some(begun) = found.last_full_backfill_at
        {
            let next = begun + self.options.full_backfill_min_interval;
            if self.clock.now() < next {
                let reason = decision.backfill_reason.unwrap_or_default();
                return Err(Trouble::StaleCursorButRateLimited {
                    reason,
                    begun: to_the_second(begun),
                    next: to_the_second(next),
                });
            }
        }
        Ok(decision)
    }

    async fn write(
        &self,
        run_id: RunId,
        lane: Lane,
        pages: Vec<FetchedPage>,
        cursor_version: i64,
        requests: &mut Requests,
    ) -> Result<i64, Trouble> {
        let count = i64::try_from(pages.len()).unwrap_or(i64::MAX);
        let data_through = pages.iter().filter_map(|page| page.data_through).max();
        let mut records: Vec<RawRecord> =
            Vec::with_capacity(pages.iter().map(|page| page.records.len()).sum());
        let mut cursor = None;
        let mut sweeps = Vec::new();
        let gone = registration(self.connector.source().as_str()).map_or("{}", |source| source.gone);
        for page in pages {
            records.extend(page.records);
            cursor = Some(page.cursor);
            sweeps.extend(page.sweep.map(|sweep| Sweep {
                id_prefix: sweep.id_prefix,
                began_at: sweep.began_at,
                payload: gone,
            }));
        }
        let Some(cursor) = cursor else { return Ok(cursor_version) };
        let page = Page {
            source: self.connector.source(),
            entity: self.entity,
            run_id,
            records: &records,
            lane,
            pages: count,
            requests: requests.unrecorded(),
            cursor: &cursor,
            data_through,
            sweeps: &sweeps,
            cursor_version,
        };
        let written = persist(|| self.store.write_page(&page, self.clock.now())).await?;
        requests.recorded = requests.made;
        (self.options.on_progress)(records.len() as u64);
        tracing::debug!(pages = count, enqueued = written.enqueued, deduped = written.deduped, "stored");
        Ok(written.cursor_version)
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

/// Requests made, and how many of them are recorded with the run.
#[derive(Default)]
struct Requests {
    made: RequestCounts,
    recorded: RequestCounts,
}

impl Requests {
    fn unrecorded(&self) -> RequestCounts {
        self.made.since(&self.recorded)
    }
}

/// The room that a page takes, at most all of it.
fn kib(page: &FetchedPage) -> u32 {
    let bytes: usize = page.records.iter().map(|record| record.payload.len()).sum();
    u32::try_from(bytes / 1_024).unwrap_or(KIB_AHEAD).min(KIB_AHEAD)
}

fn to_the_second(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

impl std::fmt::Debug for FetchOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchOptions").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Incremental,
            full_backfill_min_interval: TimeDelta::minutes(60),
            deadline: Duration::from_secs(840),
            stop: Stop::never(),
            on_progress: Arc::new(|_| {}),
        }
    }
}
