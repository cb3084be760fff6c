//! Questions as they are asked from outside, by flags or by query parameters, and what is wrong with them.

mod dead_letters;
mod problem;
pub(crate) mod schemas;

use buffalo_connectors::SOURCES;
use buffalo_model::{
    Currency, Granularity, RevenueQuery, RunId, RunStatus, Source, parse_date, parse_timezone,
};
use buffalo_store::RunFilter;
use chrono_tz::Tz;
use clap::Args;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::config::Config;

pub(crate) use dead_letters::{DeadLetterFilterParams, DeadLetterListParams, DeadLetterPage};
pub(crate) use problem::{FieldProblem, ProblemCode};

/// The parameters of a question about revenue.
#[derive(Debug, Clone, Default, Args, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct RevenueParams {
    /// The first day, as YYYY-MM-DD; from the first payment on if left out
    #[arg(long)]
    #[param(value_type = NaiveDate, required = false, example = "2026-01-01")]
    pub(crate) start_date: Option<String>,
    /// The last day, included; up to the last payment if left out
    #[arg(long)]
    #[param(value_type = NaiveDate, required = false, example = "2026-12-31")]
    pub(crate) end_date: Option<String>,
    /// Only this source
    #[arg(long)]
    #[param(inline, value_type = schemas::SourceName, required = false, example = "stripe")]
    pub(crate) source: Option<String>,
    /// The currency to answer in; others are listed beside it, never added [default: REPORTING_CURRENCY, else USD]
    #[arg(long)]
    #[param(inline, value_type = schemas::CurrencyCode, required = false, example = "USD")]
    pub(crate) currency: Option<String>,
    /// The zone in which days begin and end [default: UTC]
    #[arg(long)]
    #[param(value_type = schemas::TimeZone, required = false, example = "Europe/Berlin")]
    pub(crate) timezone: Option<String>,
    /// List days, weeks or months without payments too
    #[arg(long)]
    #[serde(default)]
    #[param(required = false, example = false)]
    pub(crate) fill: bool,
}

impl RevenueParams {
    /// Makes a question of the parameters, or says everything that is wrong with them.
    pub(crate) fn question(
        &self,
        granularity: Granularity,
        config: &Config,
    ) -> Result<RevenueQuery, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut note = |field: &'static str, code, message: String| {
            problems.push(FieldProblem { field: field.into(), message, code });
        };
        let mut date = |field, text: &Option<String>| match text.as_deref().map(parse_date)? {
            Ok(date) => Some(date),
            Err(error) => {
                note(field, ProblemCode::InvalidDate, error.to_string());
                None
            }
        };
        let start_date = date("startDate", &self.start_date);
        let end_date = date("endDate", &self.end_date);
        let source = match self.source.as_deref().map(known_source) {
            Some(Err(message)) => {
                note("source", ProblemCode::UnknownSource, message);
                None
            }
            Some(Ok(source)) => Some(source),
            None => None,
        };
        let currency = match self.currency.as_deref().map(str::parse::<Currency>) {
            Some(Err(error)) => {
                note("currency", ProblemCode::UnknownCurrency, error.to_string());
                config.reporting_currency
            }
            Some(Ok(currency)) if !config.currencies.contains(currency) => {
                note(
                    "currency",
                    ProblemCode::UnknownCurrency,
                    format!("{currency} is not among SUPPORTED_CURRENCIES"),
                );
                currency
            }
            Some(Ok(currency)) => currency,
            None => config.reporting_currency,
        };
        let timezone = match self.timezone.as_deref().map(parse_timezone) {
            Some(Err(error)) => {
                note("timezone", ProblemCode::UnknownTimezone, error.to_string());
                Tz::UTC
            }
            Some(Ok(timezone)) => timezone,
            None => Tz::UTC,
        };
        let query =
            RevenueQuery { granularity, start_date, end_date, source, currency, timezone, fill: self.fill };
        if let Err(error) = query.validate() {
            note("startDate", ProblemCode::StartAfterEnd, error.to_string());
        }
        if problems.is_empty() { Ok(query) } else { Err(problems) }
    }
}

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
