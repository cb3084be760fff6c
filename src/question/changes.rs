//! The parameters of a question for what restated days.

use buffalo_model::{ChangesQuery, RestatementPosition};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use serde::Deserialize;
use utoipa::IntoParams;

use super::revenue::Problems;
use super::{FieldProblem, ProblemCode, schemas};
use crate::config::Config;

/// The longest time that is looked at: a leap year.
const MOST_DAYS: i64 = 366;

/// The parameters of a question for what restated days.
#[derive(Debug, Clone, Default, Args, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangesParams {
    /// What became known from this day or instant on, as 2026-11-30 (midnight of the zone) or 2026-11-30T12:00:00Z
    #[arg(long, required = true)]
    #[param(inline, value_type = schemas::DayOrTime, required = true, example = "2026-11-01")]
    pub(crate) since: Option<String>,
    /// Up to, and without, this day or instant, up to 366 days later [default: now]
    #[arg(long)]
    #[param(inline, value_type = schemas::DayOrTime, required = false)]
    pub(crate) until: Option<String>,
    /// Only this source
    #[arg(long)]
    #[param(inline, value_type = schemas::SourceName, required = false, example = "stripe")]
    pub(crate) source: Option<String>,
    /// Only this currency; all if left out, each for itself
    #[arg(long)]
    #[param(inline, value_type = schemas::CurrencyCode, required = false, example = "USD")]
    pub(crate) currency: Option<String>,
    /// The zone in which days begin and end [default: REPORTING_TIMEZONE, else UTC]
    #[arg(long)]
    #[param(value_type = schemas::TimeZone, required = false, example = "Europe/Berlin")]
    pub(crate) timezone: Option<String>,
    /// At most so many payments, 1 to 100 [default: 20]
    #[arg(long)]
    #[param(value_type = i64, required = false, minimum = 1, maximum = 100, example = 20)]
    pub(crate) limit: Option<String>,
    /// Go on after the list that gave this value, with what was known then unless `until` is given
    #[arg(long)]
    #[param(inline, value_type = schemas::RestatementPlace, required = false)]
    pub(crate) cursor: Option<String>,
}

impl ChangesParams {
    /// Makes a question of the parameters, or says everything that is wrong with them.
    pub(crate) fn question(
        &self,
        config: &Config,
        now: DateTime<Utc>,
    ) -> Result<ChangesQuery, Vec<FieldProblem>> {
        let mut problems = Problems(Vec::new());
        let timezone = problems.timezone(self.timezone.as_deref(), config);
        if self.since.is_none() {
            let message = "must be given: a day as YYYY-MM-DD, or a time such as 2026-11-30T12:00:00Z";
            problems.note("since", ProblemCode::InvalidDate, message.to_owned());
        }
        let since = problems.day_or_instant("since", self.since.as_deref(), timezone);
        let after = self.after(&mut problems);
        let until = problems.day_or_instant("until", self.until.as_deref(), timezone);
        // Nothing is known of the time to come.
        let until = until.or(after.as_ref().map(|place| place.until)).unwrap_or(now).min(now);
        if let Some(since) = since {
            check_range(&mut problems, since, until);
        }
        let currency = self.currency.as_deref().map(|code| problems.currency(Some(code), config));
        let question = ChangesQuery {
            since: since.unwrap_or(until),
            until,
            source: problems.source(self.source.as_deref()),
            counted: config.counted_sources.clone(),
            currency,
            timezone,
            after,
            limit: problems.limit(self.limit.as_deref()),
        };
        if problems.0.is_empty() { Ok(question) } else { Err(problems.0) }
    }

    fn after(&self, problems: &mut Problems) -> Option<RestatementPosition> {
        let read = self.cursor.as_deref()?.parse::<RestatementPosition>();
        read.map_err(|error| problems.note("cursor", ProblemCode::InvalidCursor, error.to_string())).ok()
    }
}

fn check_range(problems: &mut Problems, since: DateTime<Utc>, until: DateTime<Utc>) {
    if since > until {
        let message = format!("lies after {}, where the question ends", until.to_rfc3339());
        problems.note("since", ProblemCode::StartAfterEnd, message);
    }
    if until.signed_duration_since(since) > TimeDelta::days(MOST_DAYS) {
        let message = format!(
            "is more than {MOST_DAYS} days before {}, where the question ends; ask for a shorter time",
            until.to_rfc3339()
        );
        problems.note("since", ProblemCode::RangeTooLong, message);
    }
}
