//! Questions as they are asked from outside, by flags or by query parameters, and what is wrong with them.

mod dead_letters;

use std::borrow::Cow;

use buffalo_connectors::SOURCES;
use buffalo_model::{
    Currency, Granularity, RevenueQuery, RunId, RunStatus, Source, parse_date, parse_timezone,
};
use buffalo_store::RunFilter;
use chrono_tz::Tz;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::config::Config;

pub(crate) use dead_letters::{DeadLetterFilterParams, DeadLetterListParams, DeadLetterPage};

/// Something wrong with a parameter.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FieldProblem {
    /// The parameter in camelCase, as HTTP has it.
    pub(crate) field: Cow<'static, str>,
    /// What is wrong.
    pub(crate) message: String,
    /// The same for programs.
    pub(crate) code: &'static str,
}

/// The parameters of a question about revenue.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevenueParams {
    /// The first day, as YYYY-MM-DD; from the first payment on if left out
    #[arg(long)]
    pub(crate) start_date: Option<String>,
    /// The last day, included; up to the last payment if left out
    #[arg(long)]
    pub(crate) end_date: Option<String>,
    /// Only this source
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The currency to answer in; others are listed beside it, never added [default: REPORTING_CURRENCY, else USD]
    #[arg(long)]
    pub(crate) currency: Option<String>,
    /// The zone in which days begin and end [default: UTC]
    #[arg(long)]
    pub(crate) timezone: Option<String>,
    /// List days, weeks or months without payments too
    #[arg(long)]
    #[serde(default)]
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
                note(field, "INVALID_DATE", error.to_string());
                None
            }
        };
        let start_date = date("startDate", &self.start_date);
        let end_date = date("endDate", &self.end_date);
        let source = match self.source.as_deref().map(known_source) {
            Some(Err(message)) => {
                note("source", "UNKNOWN_SOURCE", message);
                None
            }
            Some(Ok(source)) => Some(source),
            None => None,
        };
        let currency = match self.currency.as_deref().map(str::parse::<Currency>) {
            Some(Err(error)) => {
                note("currency", "UNKNOWN_CURRENCY", error.to_string());
                config.reporting_currency
            }
            Some(Ok(currency)) if !config.currencies.contains(currency) => {
                note("currency", "UNKNOWN_CURRENCY", format!("{currency} is not among SUPPORTED_CURRENCIES"));
                currency
            }
            Some(Ok(currency)) => currency,
            None => config.reporting_currency,
        };
        let timezone = match self.timezone.as_deref().map(parse_timezone) {
            Some(Err(error)) => {
                note("timezone", "UNKNOWN_TIMEZONE", error.to_string());
                Tz::UTC
            }
            Some(Ok(timezone)) => timezone,
            None => Tz::UTC,
        };
        let query =
            RevenueQuery { granularity, start_date, end_date, source, currency, timezone, fill: self.fill };
        if let Err(error) = query.validate() {
            note("startDate", "START_AFTER_END", error.to_string());
        }
        if problems.is_empty() { Ok(query) } else { Err(problems) }
    }
}

/// The parameters of a list of runs.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunsParams {
    /// Only runs of this source (`all` for runs that process)
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Only runs of this entity
    #[arg(long)]
    pub(crate) entity: Option<String>,
    /// Only runs with this status: running, success, partial, failed, skipped or abandoned
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// At most so many, 1 to 100 [default: 20]
    #[arg(long)]
    pub(crate) limit: Option<String>,
    /// Go on after the list that gave this value
    #[arg(long)]
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
            note("source", "UNKNOWN_SOURCE", message);
        }
        let status = match self.status.as_deref().map(str::parse::<RunStatus>) {
            Some(Err(message)) => {
                note("status", "UNKNOWN_STATUS", message);
                None
            }
            status => status.and_then(Result::ok),
        };
        let limit = match self.limit.as_deref().map(str::parse::<i64>) {
            None => 20,
            Some(Ok(limit)) if (1..=100).contains(&limit) => limit,
            Some(_) => {
                note("limit", "INVALID_LIMIT", "must be a whole number from 1 to 100".to_owned());
                20
            }
        };
        let before = match self.cursor.as_deref().map(str::parse::<uuid::Uuid>) {
            Some(Err(_)) => {
                note("cursor", "INVALID_CURSOR", "must be a nextCursor of a list of runs".to_owned());
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
#[derive(Debug, Default, Deserialize)]
pub(crate) struct UnmappedParams {
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
                Err(vec![FieldProblem { field: "limit".into(), message, code: "INVALID_LIMIT" }])
            }
        }
    }
}

/// Whether only to say what would be done.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DryRunParams {
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
                Err(vec![FieldProblem { field: "dryRun".into(), message, code: "INVALID_VALUE" }])
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
