//! GET /runs/{runId}/events: a run as it goes on, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use buffalo_model::{Clock, Run, RunId, RunStatus, SystemClock};
use buffalo_store::StoreError;
use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;

use super::App;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::params::{InPath, NoParams, Params};

/// Streams at once. Each asks the database every second.
pub(super) const MOST_STREAMS: usize = 64;

/// How often a stream looks. Runs say what they have done at least every few seconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// An event, for the document.
#[derive(ToSchema)]
#[expect(dead_code, reason = "axum writes events field by field")]
pub(super) struct RunEvent {
    /// Always `run`.
    #[schema(pattern = "^run$")]
    event: String,
    /// The run in JSON, as `GET /runs/{runId}` gives it.
    data: String,
}

/// A run that is watched.
struct Watched {
    app: App,
    run_id: RunId,
    told: Option<Run>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

/// Follow a run
///
/// Server-sent events: an event `run` with the whole run whenever it has changed, the first at once, the last when it has ended.
#[utoipa::path(
    get,
    path = "/runs/{runId}/events",
    operation_id = "followRun",
    tag = "Runs",
    params(("runId" = Uuid, Path, description = "The run's id")),
    responses((status = 200, description = "The run as it goes on", body = RunEvent, content_type = "text/event-stream",
               example = json!({"event": "run", "data": "{\"runId\":\"0199a2b4-7c00-7000-8000-000000000000\",…}"}))),
    extensions(("x-error-codes" = json!([ErrorCode::RunNotFound, ErrorCode::TooManyStreams]))),
)]
pub(super) async fn follow(
    State(app): State<App>,
    InPath(run_id): InPath<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let run_id = run_id.parse().map(RunId).map_err(|_| ApiError::run_not_found())?;
    let place =
        Semaphore::try_acquire_owned(Arc::clone(&app.streams)).map_err(|_| ApiError::too_many_streams())?;
    app.store.find_run(run_id).await?.ok_or_else(ApiError::run_not_found)?;
    let watched = Watched { app, run_id, told: None, ended: false, _place: place };
    let stream = futures_util::stream::unfold(watched, |mut watched| async move {
        let event = watched.next().await?;
        Some((Ok(event), watched))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

impl Watched {
    /// The next event; none once the run has ended, is gone, or the program is asked to stop.
    async fn next(&mut self) -> Option<Event> {
        let mut stop = self.app.background.stop();
        while !self.ended {
            if self.told.is_some() {
                tokio::select! {
                    () = stop.requested() => return None,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
            let run = match self.look().await {
                Ok(run) => run?,
                Err(error) => {
                    tracing::warn!(%error, "a run that is watched can't be read");
                    return None;
                }
            };
            if self.told.as_ref() == Some(&run) {
                continue;
            }
            self.ended = run.status != RunStatus::Running;
            let event = Event::default().event("run").json_data(&run).ok()?;
            self.told = Some(run);
            return Some(event);
        }
        None
    }

    async fn look(&self) -> Result<Option<Run>, StoreError> {
        self.app.store.abandon_silent_runs(SystemClock.now()).await?;
        self.app.store.find_run(self.run_id).await
    }
}
