//! Questions about payments that are likely one sale.

use buffalo_model::{OverlapQuery, RevenueQueryError, midnight};
use chrono::NaiveDate;
use clap::Args;
use serde::Deserialize;
use utoipa::IntoParams;

use super::revenue::Problems;
use super::{FieldProblem, ProblemCode, schemas};
use crate::config::Config;

/// The most days that two payments of one sale may be apart.
const MOST_DAYS: u16 = 90;

/// Which pairs.
#[derive(Debug, Clone, Default, Args, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct OverlapParams {
    /// Only pairs with a payment on this day or later, as YYYY-MM-DD
    #[arg(long)]
    #[param(value_type = NaiveDate, required = false, example = "2026-01-01")]
    pub(crate) start_date: Option<String>,
    /// Only pairs with a payment on this day or earlier
    #[arg(long)]
    #[param(value_type = NaiveDate, required = false, example = "2026-12-31")]
    pub(crate) end_date: Option<String>,
    /// The zone in which days begin and end [default: REPORTING_TIMEZONE, else UTC]
    #[arg(long)]
    #[param(value_type = schemas::TimeZone, required = false, example = "Europe/Berlin")]
    pub(crate) timezone: Option<String>,
    /// How many days of 24 hours the two may be apart, 1 to 90 [default: 7]
    #[arg(long)]
    #[param(value_type = i64, required = false, minimum = 1, maximum = 90, example = 7)]
    pub(crate) days: Option<String>,
}

impl OverlapParams {
    /// Makes a question of the parameters, or says everything that is wrong with them.
    pub(crate) fn query(&self, config: &Config) -> Result<OverlapQuery, Vec<FieldProblem>> {
        let mut problems = Problems(Vec::new());
        let timezone = problems.timezone(self.timezone.as_deref(), config);
        let start = problems.date("startDate", self.start_date.as_deref());
        let end = problems.date("endDate", self.end_date.as_deref());
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            let error = RevenueQueryError::StartAfterEnd { start, end };
            problems.note("startDate", ProblemCode::StartAfterEnd, error.to_string());
        }
        let most_apart_days = match self.days.as_deref().map(str::parse::<u16>) {
            None => OverlapQuery::DEFAULT_DAYS_APART,
            Some(Ok(days)) if (1..=MOST_DAYS).contains(&days) => days,
            Some(_) => {
                let message = format!("must be a whole number from 1 to {MOST_DAYS}");
                problems.note("days", ProblemCode::InvalidLimit, message);
                OverlapQuery::DEFAULT_DAYS_APART
            }
        };
        let after = |day: NaiveDate| day.succ_opt().unwrap_or(day);
        let query = OverlapQuery {
            starts_at: start.map(|day| midnight(day, timezone)),
            ends_at: end.map(|day| midnight(after(day), timezone)),
            most_apart_days,
            counted: config.counted_sources.clone(),
        };
        if problems.0.is_empty() { Ok(query) } else { Err(problems.0) }
    }
}

/// A question for a list of pairs.
#[derive(Debug, Clone, Default, Args, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct OverlapListParams {
    // Documented beside these: the document can't have parameters within parameters.
    #[command(flatten)]
    #[serde(flatten)]
    #[param(ignore)]
    pub(crate) which: OverlapParams,
    /// At most so many, 1 to 1000 [default: 100]
    #[arg(long)]
    #[param(value_type = i64, required = false, minimum = 1, maximum = 1000, example = 100)]
    pub(crate) limit: Option<String>,
}

impl OverlapListParams {
    /// Makes a question of the parameters and the length of the answer, or says everything that is wrong with them.
    pub(crate) fn query(&self, config: &Config) -> Result<(OverlapQuery, usize), Vec<FieldProblem>> {
        let query = self.which.query(config);
        match (query, self.limit.as_deref().map(str::parse::<usize>)) {
            (Ok(query), None) => Ok((query, 100)),
            (Ok(query), Some(Ok(limit))) if (1..=1_000).contains(&limit) => Ok((query, limit)),
            (Err(problems), None | Some(Ok(1..=1_000))) => Err(problems),
            (query, _) => {
                let mut problems = query.err().unwrap_or_default();
                let message = "must be a whole number from 1 to 1000".to_owned();
                let field = "limit".into();
                problems.push(FieldProblem { field, message, code: ProblemCode::InvalidLimit });
                Err(problems)
            }
        }
    }
}
