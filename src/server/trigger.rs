//! POST /trigger/{source}/{mode} and POST /process: runs that somebody asks for over HTTP.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use buffalo_connectors::Connector;
use buffalo_jobs::{Fetch, FetchOptions, Process, ProcessOptions};
use buffalo_model::{Clock, Entity, Mode, RunId, RunStatus, SystemClock};
use buffalo_store::NewRun;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::auth::Caller;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::idempotency::{Answer, Once};
use super::params::{InPath, NoParams, Params};
use crate::question::{FieldProblem, ProblemCode, known_source, schemas};

/// What to fetch, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct SourceAndMode {
    /// The source; it must be enabled.
    #[param(inline, value_type = schemas::SourceName, example = "stripe")]
    source: String,
    /// What changed since the last fetch, or everything.
    #[param(inline, value_type = schemas::FetchMode, example = "incremental")]
    mode: String,
}

/// Runs that will begin as soon as there is room for them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accepted {
    /// The first of the runs.
    run_id: RunId,
    /// The source, or `all` for a drain of the outbox.
    source: String,
    /// What they do.
    mode: Mode,
    /// Always `accepted`.
    #[schema(pattern = "^accepted$", example = "accepted")]
    status: &'static str,
    /// All of the runs, one for each entity.
    runs: Vec<AcceptedRun>,
}

/// A run of one entity.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AcceptedRun {
    run_id: RunId,
    entity: String,
}

/// Fetch a source now
///
/// Every entity of it, in a run each. The runs are written before the answer, and at work after it.
#[utoipa::path(
    post,
    path = "/trigger/{source}/{mode}",
    operation_id = "trigger",
    tag = "Work",
    params(SourceAndMode),
    responses((status = 202, description = "The runs will begin as soon as there is room", body = Accepted, links(
        ("run" = (operation_id = "getRun", parameters(("runId" = "$response.body#/runId")))),
        ("events" = (operation_id = "followRun", parameters(("runId" = "$response.body#/runId")))),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::SourceNotEnabled, ErrorCode::ShuttingDown]))),
)]
pub(super) async fn fetch(
    State(app): State<App>,
    InPath(SourceAndMode { source, mode }): InPath<SourceAndMode>,
    Params(NoParams {}): Params<NoParams>,
    Extension(caller): Extension<Caller>,
    once: Once,
) -> Result<Response, ApiError> {
    let mode = fetching(&source, &mode)?;
    let connector = enabled(&app, &source)?;
    let work = begin_fetches(app.clone(), connector, mode, caller);
    once.answer(&app, work).await
}

/// Process what was fetched, now
///
/// Drains the outbox into payments, contacts and events.
#[utoipa::path(
    post,
    path = "/process",
    operation_id = "process",
    tag = "Work",
    responses((status = 202, description = "The run will begin as soon as there is room", body = Accepted, links(
        ("run" = (operation_id = "getRun", parameters(("runId" = "$response.body#/runId")))),
        ("events" = (operation_id = "followRun", parameters(("runId" = "$response.body#/runId")))),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::ShuttingDown]))),
)]
pub(super) async fn process(
    State(app): State<App>,
    Params(NoParams {}): Params<NoParams>,
    Extension(caller): Extension<Caller>,
    once: Once,
) -> Result<Response, ApiError> {
    once.answer(&app, begin_process(app.clone(), caller)).await
}

fn fetching(source: &str, mode: &str) -> Result<Mode, ApiError> {
    let mut problems = Vec::new();
    if let Err(message) = known_source(source) {
        problems.push(FieldProblem { field: "source".into(), message, code: ProblemCode::UnknownSource });
    }
    let known = match mode {
        "incremental" => Some(Mode::Incremental),
        "full" => Some(Mode::Full),
        _ => None,
    };
    match known {
        Some(mode) if problems.is_empty() => Ok(mode),
        Some(_) => Err(ApiError::validation_in("path", problems)),
        None => {
            let message = "must be incremental or full".to_owned();
            problems.push(FieldProblem { field: "mode".into(), message, code: ProblemCode::UnknownMode });
            Err(ApiError::validation_in("path", problems))
        }
    }
}

fn enabled(app: &App, source: &str) -> Result<Arc<dyn Connector>, ApiError> {
    let mut connectors = app.config.sources.iter();
    connectors.find(|connector| connector.source().as_str() == source).cloned().ok_or_else(|| {
        let enabled: Vec<_> = app.config.source_names().iter().map(ToString::to_string).collect();
        let enabled = if enabled.is_empty() { "none".to_owned() } else { enabled.join(", ") };
        ApiError::source_not_enabled(format!("{source} is not enabled here; enabled: {enabled}"))
    })
}

async fn begin_fetches(
    app: App,
    connector: Arc<dyn Connector>,
    mode: Mode,
    caller: Caller,
) -> Result<Answer, ApiError> {
    let source = connector.source().as_str();
    let runs: Vec<(RunId, Entity)> =
        connector.entities().iter().map(|entity| (RunId::generate(), *entity)).collect();
    let announced: Vec<_> = runs
        .iter()
        .map(|(run_id, entity)| NewRun {
            run_id: *run_id,
            source,
            entity: entity.as_str(),
            mode,
            status: RunStatus::Running,
        })
        .collect();
    let answer = announce(&app, &announced, &caller).await?;
    for (run_id, entity) in runs {
        let options = FetchOptions {
            mode,
            full_backfill_min_interval: app.config.full_backfill_min_interval,
            deadline: app.config.fetch_deadline,
            stop: app.background.stop(),
            ..FetchOptions::default()
        };
        let (store, connector) = (app.store.clone(), Arc::clone(&connector));
        app.background.run(app.store.clone(), run_id, async move {
            let fetch = Fetch { store: &store, clock: &SystemClock, connector: &*connector, entity, options };
            fetch.run_announced(run_id).await
        });
    }
    Ok(answer)
}

async fn begin_process(app: App, caller: Caller) -> Result<Answer, ApiError> {
    let run_id = RunId::generate();
    let run =
        NewRun { run_id, source: "all", entity: "all", mode: Mode::Process, status: RunStatus::Running };
    let answer = announce(&app, &[run], &caller).await?;
    let options = ProcessOptions { stop: app.background.stop(), ..app.config.process_options() };
    let process = Process { store: app.store.clone(), clock: Arc::new(SystemClock), options };
    app.background.run(app.store.clone(), run_id, async move { process.run_announced(run_id).await });
    Ok(answer)
}

/// Writes the runs, and says so.
async fn announce(app: &App, runs: &[NewRun<'_>], caller: &Caller) -> Result<Answer, ApiError> {
    if app.background.stop().is_requested() {
        return Err(ApiError::shutting_down());
    }
    app.store.announce_runs(runs, &caller.to_string(), SystemClock.now()).await?;
    let accepted =
        runs.iter().map(|run| AcceptedRun { run_id: run.run_id, entity: run.entity.to_owned() }).collect();
    let first = runs.first().ok_or_else(ApiError::internal)?;
    Answer::accepted(&Accepted {
        run_id: first.run_id,
        source: first.source.to_owned(),
        mode: first.mode,
        status: "accepted",
        runs: accepted,
    })
}
