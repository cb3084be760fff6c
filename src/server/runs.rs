//! GET /runs: what was done, and how it ended.

use axum::Json;
use axum::extract::{Path, State};
use buffalo_model::{Clock, Run, RunId, SystemClock};
use buffalo_store::{RunFilter, Store, StoreError};
use serde::Serialize;

use super::App;
use super::error::ApiError;
use super::params::{NoParams, Params};
use crate::question::RunsParams;

/// A list of runs, newest first, and where to go on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunList {
    /// The runs.
    pub(crate) runs: Vec<Run>,
    /// Asks for those that follow; none at the end.
    pub(crate) next_cursor: Option<RunId>,
}

impl RunList {
    /// Finds runs, and whether there are more.
    pub(crate) async fn find(store: &Store, filter: RunFilter) -> Result<Self, StoreError> {
        let limit = usize::try_from(filter.limit).unwrap_or(0);
        let mut runs = store.list_runs(&RunFilter { limit: filter.limit + 1, ..filter }).await?;
        let more = runs.len() > limit;
        runs.truncate(limit);
        let next_cursor = runs.last().map(|run| run.run_id).filter(|_| more);
        Ok(Self { runs, next_cursor })
    }
}

/// GET /runs
pub(super) async fn list(
    State(app): State<App>,
    Params(params): Params<RunsParams>,
) -> Result<Json<RunList>, ApiError> {
    let filter = params.filter().map_err(ApiError::validation)?;
    app.store.abandon_silent_runs(SystemClock.now()).await?;
    Ok(Json(RunList::find(&app.store, filter).await?))
}

/// GET /runs/{runId}
pub(super) async fn show(
    State(app): State<App>,
    Path(run_id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<Run>, ApiError> {
    let run_id = run_id.parse().map_err(|_| ApiError::run_not_found())?;
    app.store.abandon_silent_runs(SystemClock.now()).await?;
    let run = app.store.find_run(RunId(run_id)).await?;
    run.map(Json).ok_or_else(ApiError::run_not_found)
}
