//! Questions as they are asked from outside, by flags or by query parameters, and what is wrong with them.

mod changes;
mod dead_letters;
mod explanation;
mod overlaps;
mod problem;
mod revenue;
pub(crate) mod schemas;

use buffalo_connectors::SOURCES;
use buffalo_model::{RunId, RunStatus, Source};
use buffalo_store::RunFilter;
use clap::Args;
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) use changes::ChangesParams;
pub(crate) use dead_letters::{DeadLetterFilterParams, DeadLetterListParams, DeadLetterPage};
pub(crate) use explanation::ExplanationParams;
pub(crate) use overlaps::{OverlapListParams, OverlapParams};
pub(crate) use problem::{FieldProblem, ProblemCode};
pub(crate) use revenue::RevenueParams;

/// The parameters of a list of runs.
#[derive(Debug, Clone, Default, Args, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct RunsParams {
    /// Only runs of this source (`all` for runs that process)
    #[arg(long)]
    #[param(inline, value_type = schemas::SourceOrAll, required = false, example = "stripe")]
    pub(crate) source: Option<String>,
    /// Only runs of this entity
    #[arg(long)]
    #[param(inline, value_type = schemas::Text, required = false, example = "payments")]
    pub(crate) entity: Option<String>,
    /// Only runs with this status: running, success, partial, failed, skipped or abandoned
    #[arg(long)]
    #[param(value_type = RunStatus, required = false, example = "success")]
    pub(crate) status: Option<String>,
    /// At most so many, 1 to 100 [default: 20]
    #[arg(long)]
    #[param(value_type = i64, required = false, minimum = 1, maximum = 100, example = 20)]
    pub(crate) limit: Option<String>,
    /// Go on after the list that gave this value
    #[arg(long)]
    #[param(value_type = uuid::Uuid, required = false)]
    pub(crate) cursor: Option<String>,
}

impl RunsParams {
    /// Makes a filter of the parameters, or says everything that is wrong with them.
    pub(crate) fn filter(&self) -> Result<RunFilter, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut note = |field: &'static str, code, message: String| {
            problems.push(FieldProblem { field: field.into(), message, code });
        };
        if let Some(source) = self.source.as_deref().filter(|source| *source != "all")
            && let Err(message) = known_source(source)
        {
            note("source", ProblemCode::UnknownSource, message);
        }
        let status = match self.status.as_deref().map(str::parse::<RunStatus>) {
            Some(Err(message)) => {
                note("status", ProblemCode::UnknownStatus, message);
                None
            }
            status => status.and_then(Result::ok),
        };
        let limit = match self.limit.as_deref().map(str::parse::<i64>) {
            None => 20,
            Some(Ok(limit)) if (1..=100).contains(&limit) => limit,
            Some(_) => {
                note("limit", ProblemCode::InvalidLimit, "must be a whole number from 1 to 100".to_owned());
                20
            }
        };
        let before = match self.cursor.as_deref().map(str::parse::<uuid::Uuid>) {
            Some(Err(_)) => {
                note(
                    "cursor",
                    ProblemCode::InvalidCursor,
                    "must be a nextCursor of a list of runs".to_owned(),
                );
                None
            }
            before => before.and_then(Result::ok).map(RunId),
        };
        if problems.is_empty() {
            Ok(RunFilter { source: self.source.clone(), entity: self.entity.clone(), status, before, limit })
        } else {
            Err(problems)
        }
    }
}

/// The parameters of a list of statuses that nobody knows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnmappedParams {
    /// At most so many, 1 to 200 [default: 50]
    #[param(value_type = i64, required = false, minimum = 1, maximum = 200, example = 50)]
    limit: Option<String>,
}

impl UnmappedParams {
    /// The longest list.
    pub(crate) const MOST: i64 = 200;

    /// How many to list, or what is wrong with the parameter.
    pub(crate) fn limit(&self) -> Result<i64, Vec<FieldProblem>> {
        match self.limit.as_deref().map(str::parse::<i64>) {
            None => Ok(50),
            Some(Ok(limit)) if (1..=Self::MOST).contains(&limit) => Ok(limit),
            Some(_) => {
                let message = format!("must be a whole number from 1 to {}", Self::MOST);
                Err(vec![FieldProblem { field: "limit".into(), message, code: ProblemCode::InvalidLimit }])
            }
        }
    }
}

/// Whether only to say what would be done.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRunParams {
    /// Only say what would be done
    #[param(value_type = bool, required = false, example = true)]
    dry_run: Option<String>,
}

impl DryRunParams {
    /// The wish, or what is wrong with the parameter: whoever means a dry run must not get a real one.
    pub(crate) fn is_dry_run(&self) -> Result<bool, Vec<FieldProblem>> {
        match self.dry_run.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let message = "must be true or false".to_owned();
                Err(vec![FieldProblem { field: "dryRun".into(), message, code: ProblemCode::InvalidValue }])
            }
        }
    }
}

/// The source of that name.
pub(crate) fn known_source(name: &str) -> Result<Source, String> {
    if SOURCES.iter().any(|source| source.name == name) {
        return Ok(Source::new(name));
    }
    let known: Vec<_> = SOURCES.iter().map(|source| source.name).collect();
    let name: String = name.chars().take(40).collect();
    Err(format!("unknown source `{name}`; there are: {}", known.join(", ")))
}
