//! Questions about dead letters.

use buffalo_model::{DeadLetterPosition, Entity, parse_date};
use buffalo_store::DeadLetterFilter;
use chrono::{DateTime, NaiveTime, Utc};
use clap::Args;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{FieldProblem, ProblemCode, known_source, schemas};

/// Which dead letters.
#[derive(Debug, Clone, Default, Args, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLetterFilterParams {
    /// Only those of this source
    #[arg(long)]
    #[param(inline, value_type = schemas::SourceName, required = false, example = "stripe")]
    pub(crate) source: Option<String>,
    /// Only those of this entity: payments, contacts or events
    #[arg(long)]
    #[param(inline, value_type = schemas::EntityName, required = false, example = "payments")]
    pub(crate) entity: Option<String>,
    /// Only those whose reason contains this text anywhere, in upper or lower case
    #[arg(long)]
    #[param(inline, value_type = schemas::MoreThanBlanks, required = false, example = "currency")]
    pub(crate) reason: Option<String>,
    /// Only those given up at this time or later: a day (UTC) such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z
    #[arg(long)]
    #[param(inline, value_type = schemas::DayOrTime, required = false, example = "2026-01-31")]
    pub(crate) since: Option<String>,
}

impl DeadLetterFilterParams {
    /// Whether they leave nothing out.
    pub(crate) fn is_empty(&self) -> bool {
        [&self.source, &self.entity, &self.reason, &self.since].iter().all(|param| param.is_none())
    }

    /// Makes a filter of the parameters, or says everything that is wrong with them.
    pub(crate) fn filter(&self) -> Result<DeadLetterFilter, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let mut note = |field: &'static str, code, message: String| {
            problems.push(FieldProblem { field: field.into(), message, code });
        };
        let mut filter = DeadLetterFilter { reason: self.reason.clone(), ..DeadLetterFilter::default() };
        match self.source.as_deref().map(known_source).transpose() {
            Ok(source) => filter.source = source,
            Err(message) => note("source", ProblemCode::UnknownSource, message),
        }
        match self.entity.as_deref().map(str::parse::<Entity>).transpose() {
            Ok(entity) => filter.entity = entity,
            Err(error) => note("entity", ProblemCode::UnknownEntity, error.to_string()),
        }
        match self.since.as_deref().map(day_or_time).transpose() {
            Ok(since) => filter.since = since,
            Err(message) => note("since", ProblemCode::InvalidDate, message),
        }
        // An empty text is in every reason: most likely a variable that was not set, and nobody's wish for all of them.
        if self.reason.as_deref().is_some_and(|reason| reason.trim().is_empty()) {
            note("reason", ProblemCode::EmptyReason, "must not be empty".to_owned());
        }
        if self.reason.as_deref().is_some_and(|reason| reason.contains('\0')) {
            note("reason", ProblemCode::InvalidValue, "has a character NUL, which no reason has".to_owned());
        }
        if problems.is_empty() { Ok(filter) } else { Err(problems) }
    }
}

/// A question for a list of dead letters.
#[derive(Debug, Clone, Default, Args, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLetterListParams {
    // Documented beside these: the document can't have parameters within parameters.
    #[command(flatten)]
    #[serde(flatten)]
    #[param(ignore)]
    pub(crate) filter: DeadLetterFilterParams,
    /// At most so many, 1 to 100 [default: 20]
    #[arg(long)]
    #[param(value_type = i64, required = false, minimum = 1, maximum = 100, example = 20)]
    pub(crate) limit: Option<String>,
    /// Go on after the list that gave this value
    #[arg(long)]
    #[param(inline, value_type = schemas::Position, required = false)]
    pub(crate) cursor: Option<String>,
}

/// A part of the list of dead letters.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterPage {
    /// Which letters.
    pub(crate) filter: DeadLetterFilter,
    /// Those that follow this place; from the newest on if there is none.
    pub(crate) after: Option<DeadLetterPosition>,
    /// At most so many.
    pub(crate) limit: u8,
}

impl DeadLetterListParams {
    /// Makes a question of the parameters, or says everything that is wrong with them.
    pub(crate) fn page(&self) -> Result<DeadLetterPage, Vec<FieldProblem>> {
        let (filter, mut problems) = match self.filter.filter() {
            Ok(filter) => (filter, Vec::new()),
            Err(problems) => (DeadLetterFilter::default(), problems),
        };
        let limit = match self.limit.as_deref().map(str::parse::<u8>) {
            None => 20,
            Some(Ok(limit)) if (1..=100).contains(&limit) => limit,
            Some(_) => {
                let message = "must be a whole number from 1 to 100".to_owned();
                problems.push(FieldProblem {
                    field: "limit".into(),
                    message,
                    code: ProblemCode::InvalidLimit,
                });
                20
            }
        };
        let after = self.cursor.as_deref().map(str::parse::<DeadLetterPosition>).transpose();
        let after = after.unwrap_or_else(|error| {
            problems.push(FieldProblem {
                field: "cursor".into(),
                message: error.to_string(),
                code: ProblemCode::InvalidCursor,
            });
            None
        });
        if problems.is_empty() { Ok(DeadLetterPage { filter, after, limit }) } else { Err(problems) }
    }
}

/// The midnight (UTC) at which a day begins, or a time.
fn day_or_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let day =
        parse_date(text).map_err(|error| format!("{error}, nor a time such as 2026-01-31T12:00:00Z"))?;
    Ok(day.and_time(NaiveTime::MIN).and_utc())
}
