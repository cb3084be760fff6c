//! Work that outlives the request that asked for it: bounded, watched, and ended with the program.

use std::sync::Arc;
use std::time::Duration;

use buffalo_jobs::Stop;
use buffalo_model::{Clock, Run, RunId, SystemClock};
use buffalo_store::{RunOutcome, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// How often a run that waits says that its process lives.
const ALIVE_EVERY: Duration = Duration::from_secs(20);

/// Work of this process that no request waits for.
#[derive(Clone)]
pub(super) struct Background {
    tracker: TaskTracker,
    /// Runs at work at once (`TRIGGER_CONCURRENCY`).
    room: Arc<Semaphore>,
    stop: Stop,
}

impl Background {
    pub(super) fn new(concurrency: usize, stop: Stop) -> Self {
        Self { tracker: TaskTracker::new(), room: Arc::new(Semaphore::new(concurrency)), stop }
    }

    /// Ends work early when the program is asked to.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Brings something to its end, whether or not the caller waits for it; none when it panicked.
    pub(super) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.tracker.spawn(work.in_current_span()).await.ok()
    }

    /// Begins a run that was announced, as soon as there is room for it.
    pub(super) fn run<W>(&self, store: Store, run_id: RunId, work: W)
    where
        W: Future<Output = Result<Run, StoreError>> + Send + 'static,
    {
        let this = self.clone();
        let task = async move {
            let ended = match this.turn(&store, run_id).await {
                Ok(Some(_room)) => work.await,
                Ok(None) => give_up(&store, run_id).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(run) => tracing::info!(%run_id, status = %run.status, "a requested run has ended"),
                Err(error) => tracing::error!(%run_id, %error, "a requested run could not be recorded"),
            }
        };
        self.tracker.spawn(task.in_current_span());
    }

    /// Waits for room; none when the program is asked to stop before there is any.
    async fn turn(&self, store: &Store, run_id: RunId) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        let mut stop = self.stop.clone();
        let mut alive = tokio::time::interval(ALIVE_EVERY);
        let room = Arc::clone(&self.room).acquire_owned();
        tokio::pin!(room);
        loop {
            tokio::select! {
                biased;
                () = stop.requested() => return Ok(None),
                // The semaphore is never closed.
                room = &mut room => return Ok(room.ok()),
                _ = alive.tick() => {
                    if let Err(error) = store.heartbeat(run_id, SystemClock.now()).await {
                        tracing::warn!(%run_id, %error, "a run that waits could not say that it does");
                    }
                }
            }
        }
    }

    /// Waits until everything has ended, for as long as `grace`. Returns whether it has.
    pub(super) async fn drain(&self, grace: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

async fn give_up(store: &Store, run_id: RunId) -> Result<Run, StoreError> {
    let error = Some("stopped before it began".to_owned());
    let outcome = RunOutcome { error, stopped: true, ..RunOutcome::default() };
    store.finish_run(run_id, &outcome, SystemClock.now()).await
}
