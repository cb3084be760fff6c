//! The parameters of a question for the payments behind a figure.

use buffalo_model::{ContributionPosition, ExplanationQuery, Granularity, Measure, RevenueQuery};
use chrono::NaiveDate;
use clap::Args;
use serde::Deserialize;
use utoipa::IntoParams;

use super::revenue::Problems;
use super::{FieldProblem, ProblemCode, schemas};
use crate::config::Config;

/// The longest range that is explained: a leap year.
const MOST_DAYS: i64 = 366;

/// The parameters of a question for the payments behind a figure.
#[derive(Debug, Clone, Default, Args, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplanationParams {
    /// The day whose figures are to be explained, as YYYY-MM-DD
    #[param(value_type = NaiveDate, required = false, example = "2026-10-15")]
    pub(crate) date: Option<String>,
    /// In place of a day: the first one of up to 366
    #[arg(long)]
    #[param(value_type = NaiveDate, required = false)]
    pub(crate) start_date: Option<String>,
    /// The last day, included [default: the first one]
    #[arg(long)]
    #[param(value_type = NaiveDate, required = false)]
    pub(crate) end_date: Option<String>,
    /// Only this source
    #[arg(long)]
    #[param(inline, value_type = schemas::SourceName, required = false, example = "stripe")]
    pub(crate) source: Option<String>,
    /// The currency of the figures [default: REPORTING_CURRENCY, else USD]
    #[arg(long)]
    #[param(inline, value_type = schemas::CurrencyCode, required = false, example = "USD")]
    pub(crate) currency: Option<String>,
    /// The zone in which days begin and end [default: REPORTING_TIMEZONE, else UTC]
    #[arg(long)]
    #[param(value_type = schemas::TimeZone, required = false, example = "Europe/Berlin")]
    pub(crate) timezone: Option<String>,
    /// On which day refunds and disputes count: `event` for their own, `payment` for that of the charge [default: event]
    #[arg(long)]
    #[param(inline, value_type = schemas::RevenueBasis, required = false, example = "event")]
    pub(crate) basis: Option<String>,
    /// The figures as they were known at this instant, as 2026-11-30T12:00:00Z; as they are known now if left out
    #[arg(long)]
    #[param(value_type = chrono::DateTime<chrono::Utc>, required = false)]
    pub(crate) as_of: Option<String>,
    /// Only what counts for this: collected, refunded, disputed, withdrawn, pending, pending_return, unknown or excluded
    #[arg(long)]
    #[param(inline, value_type = schemas::RevenueMeasure, required = false, example = "collected")]
    pub(crate) measure: Option<String>,
    /// At most so many, 1 to 100 [default: 20]
    #[arg(long)]
    #[param(value_type = i64, required = false, minimum = 1, maximum = 100, example = 20)]
    pub(crate) limit: Option<String>,
    /// Go on after the list that gave this value
    #[arg(long)]
    #[param(inline, value_type = schemas::ContributionPlace, required = false)]
    pub(crate) cursor: Option<String>,
}

impl ExplanationParams {
    /// Makes a question of the parameters, or says everything that is wrong with them.
    pub(crate) fn question(&self, config: &Config) -> Result<ExplanationQuery, Vec<FieldProblem>> {
        let mut problems = Problems(Vec::new());
        let first = self.first_day(&mut problems);
        let last = problems.date("endDate", self.end_date.as_deref()).or(first);
        let currency = problems.currency(self.currency.as_deref(), config);
        let figure = RevenueQuery {
            start_date: first,
            end_date: last,
            source: problems.source(self.source.as_deref()),
            counted: config.counted_sources.clone(),
            timezone: problems.timezone(self.timezone.as_deref(), config),
            basis: problems.basis(self.basis.as_deref()),
            as_of: problems.instant("asOf", self.as_of.as_deref()),
            ..RevenueQuery::of(Granularity::Summary, currency)
        };
        if let Err(error) = figure.validate() {
            problems.note("endDate", ProblemCode::StartAfterEnd, error.to_string());
        }
        if let (Some(first), Some(last)) = (first, last)
            && (last - first).num_days() >= MOST_DAYS
        {
            let message =
                format!("is more than {MOST_DAYS} days after the first one; ask for a shorter range");
            problems.note("endDate", ProblemCode::RangeTooLong, message);
        }
        let question = ExplanationQuery {
            figure,
            measure: self.measure(&mut problems),
            after: self.after(&mut problems),
            limit: problems.limit(self.limit.as_deref()),
        };
        if problems.0.is_empty() { Ok(question) } else { Err(problems.0) }
    }

    fn first_day(&self, problems: &mut Problems) -> Option<NaiveDate> {
        let date = problems.date("date", self.date.as_deref());
        let start = problems.date("startDate", self.start_date.as_deref());
        match (&self.date, &self.start_date) {
            (None, None) => {
                let message = "must be given: a day as YYYY-MM-DD, or startDate and endDate".to_owned();
                problems.note("date", ProblemCode::InvalidDate, message);
            }
            (Some(_), Some(_)) => {
                let message = "takes the place of date; give one of them".to_owned();
                problems.note("startDate", ProblemCode::InvalidValue, message);
            }
            _ => {}
        }
        date.or(start)
    }

    fn measure(&self, problems: &mut Problems) -> Option<Measure> {
        let name = self.measure.as_deref()?;
        let found = Measure::ALL.into_iter().find(|measure| measure.as_str() == name);
        if found.is_none() {
            let names = Measure::ALL.map(Measure::as_str).join(", ");
            problems.note("measure", ProblemCode::InvalidValue, format!("must be one of: {names}"));
        }
        found
    }

    fn after(&self, problems: &mut Problems) -> Option<ContributionPosition> {
        let read = self.cursor.as_deref()?.parse::<ContributionPosition>();
        read.map_err(|error| problems.note("cursor", ProblemCode::InvalidCursor, error.to_string())).ok()
    }
}
