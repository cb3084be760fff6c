//! GET /runs: what was done, and how it ended.

use axum::Json;
use axum::extract::State;
use buffalo_model::{Clock, Run, RunId, SystemClock};
use buffalo_store::{RunFilter, Store, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::params::{InPath, NoParams, Params};
use crate::question::RunsParams;

/// A list of runs, newest first, and where to go on.
#[derive(Debug, Serialize, ToSchema)]
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

/// List runs
///
/// Newest first. A run is one attempt to fetch an entity of a source, or to process what was fetched.
#[utoipa::path(
    get,
    path = "/runs",
    operation_id = "listRuns",
    tag = "Runs",
    params(RunsParams),
    responses((status = 200, description = "Some runs", body = RunList, links(
        ("run" = (operation_id = "getRun", parameters(("runId" = "$response.body#/runs/0/runId")))),
        ("events" = (operation_id = "followRun", parameters(("runId" = "$response.body#/runs/0/runId")))),
        ("next" = (operation_id = "listRuns", parameters(("cursor" = "$response.body#/nextCursor")))),
    ))),
)]
pub(super) async fn list(
    State(app): State<App>,
    Params(params): Params<RunsParams>,
) -> Result<Json<RunList>, ApiError> {
    let filter = params.filter().map_err(ApiError::validation)?;
    app.store.abandon_silent_runs(SystemClock.now()).await?;
    Ok(Json(RunList::find(&app.store, filter).await?))
}

/// Tell about a run
///
/// Also while it is at work.
#[utoipa::path(
    get,
    path = "/runs/{runId}",
    operation_id = "getRun",
    tag = "Runs",
    params(("runId" = Uuid, Path, description = "The run's id")),
    responses((status = 200, description = "The run", body = Run, links(
        ("events" = (operation_id = "followRun", parameters(("runId" = "$response.body#/runId")))),
        ("sameKind" = (operation_id = "listRuns", parameters(
            ("source" = "$response.body#/source"),
            ("entity" = "$response.body#/entity"),
        ))),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::RunNotFound]))),
)]
pub(super) async fn show(
    State(app): State<App>,
    InPath(run_id): InPath<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<Run>, ApiError> {
    let run_id = run_id.parse().map_err(|_| ApiError::run_not_found())?;
    app.store.abandon_silent_runs(SystemClock.now()).await?;
    let run = app.store.find_run(RunId(run_id)).await?;
    run.map(Json).ok_or_else(ApiError::run_not_found)
}
