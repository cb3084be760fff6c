//! The parameters of a question about revenue.

use buffalo_model::{
    Basis, Currency, Granularity, RevenueQuery, Source, midnight, parse_date, parse_timezone,
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use clap::Args;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{FieldProblem, ProblemCode, known_source, schemas};
use crate::config::Config;

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
    /// Convert the totals of all currencies into this one too, at the rates of `fx import` of the range's last day
    #[arg(long)]
    #[param(inline, value_type = schemas::CurrencyCode, required = false, example = "EUR")]
    pub(crate) reporting_currency: Option<String>,
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
    /// List days, weeks and so on without payments too
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
        let mut problems = Problems(Vec::new());
        let query = RevenueQuery {
            granularity,
            start_date: problems.date("startDate", self.start_date.as_deref()),
            end_date: problems.date("endDate", self.end_date.as_deref()),
            source: problems.source(self.source.as_deref()),
            counted: config.counted_sources.clone(),
            currency: problems.currency(self.currency.as_deref(), config),
            reporting: problems.reporting(self.reporting_currency.as_deref()),
            timezone: problems.timezone(self.timezone.as_deref(), config),
            basis: problems.basis(self.basis.as_deref()),
            as_of: problems.instant("asOf", self.as_of.as_deref()),
            fill: self.fill,
        };
        if let Err(error) = query.validate() {
            problems.note("startDate", ProblemCode::StartAfterEnd, error.to_string());
        }
        if problems.0.is_empty() { Ok(query) } else { Err(problems.0) }
    }
}

/// What is wrong with the parameters of a question about figures. What can't be read is noted, and something takes its place.
#[derive(Debug)]
pub(super) struct Problems(pub(super) Vec<FieldProblem>);

impl Problems {
    pub(super) fn note(&mut self, field: &'static str, code: ProblemCode, message: String) {
        self.0.push(FieldProblem { field: field.into(), message, code });
    }

    pub(super) fn date(&mut self, field: &'static str, text: Option<&str>) -> Option<NaiveDate> {
        let read = text.map(parse_date)?;
        read.map_err(|error| self.note(field, ProblemCode::InvalidDate, error.to_string())).ok()
    }

    pub(super) fn instant(&mut self, field: &'static str, text: Option<&str>) -> Option<DateTime<Utc>> {
        let read = text.map(DateTime::parse_from_rfc3339)?;
        let message = "must be a time such as 2026-11-30T12:00:00Z".to_owned();
        read.map_err(|_| self.note(field, ProblemCode::InvalidDate, message)).ok().map(|time| time.to_utc())
    }

    /// An instant, or the midnight at which a day begins.
    pub(super) fn day_or_instant(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        timezone: Tz,
    ) -> Option<DateTime<Utc>> {
        let text = text?;
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(time.to_utc());
        }
        let message = |error| format!("{error}, nor a time such as 2026-11-30T12:00:00Z");
        let day =
            parse_date(text).map_err(|error| self.note(field, ProblemCode::InvalidDate, message(error)));
        day.ok().map(|day| midnight(day, timezone))
    }

    pub(super) fn limit(&mut self, text: Option<&str>) -> u8 {
        match text.map(str::parse::<u8>) {
            None => 20,
            Some(Ok(limit)) if (1..=100).contains(&limit) => limit,
            Some(_) => {
                let message = "must be a whole number from 1 to 100".to_owned();
                self.note("limit", ProblemCode::InvalidLimit, message);
                20
            }
        }
    }

    pub(super) fn source(&mut self, name: Option<&str>) -> Option<Source> {
        let read = name.map(known_source)?;
        read.map_err(|message| self.note("source", ProblemCode::UnknownSource, message)).ok()
    }

    pub(super) fn currency(&mut self, code: Option<&str>, config: &Config) -> Currency {
        let reporting = config.reporting_currency;
        match code.map(str::parse::<Currency>) {
            None => reporting,
            Some(Err(error)) => {
                self.note("currency", ProblemCode::UnknownCurrency, error.to_string());
                reporting
            }
            Some(Ok(currency)) => {
                if !config.currencies.contains(currency) {
                    let message = format!("{currency} is not among SUPPORTED_CURRENCIES");
                    self.note("currency", ProblemCode::UnknownCurrency, message);
                }
                currency
            }
        }
    }

    fn reporting(&mut self, code: Option<&str>) -> Option<Currency> {
        let read = code.map(str::parse::<Currency>)?;
        read.map_err(|error| {
            self.note("reportingCurrency", ProblemCode::UnknownCurrency, error.to_string());
        })
        .ok()
    }

    /// The zone that is asked for; otherwise that of mails and schedules, so that a day has one revenue wherever it is read.
    pub(super) fn timezone(&mut self, name: Option<&str>, config: &Config) -> Tz {
        let reporting = config.reporting_timezone;
        let read = name.map_or(Ok(reporting), parse_timezone);
        read.unwrap_or_else(|error| {
            self.note("timezone", ProblemCode::UnknownTimezone, error.to_string());
            reporting
        })
    }

    pub(super) fn basis(&mut self, name: Option<&str>) -> Basis {
        match name {
            None | Some("event") => Basis::Event,
            Some("payment") => Basis::Payment,
            Some(_) => {
                self.note("basis", ProblemCode::InvalidValue, "must be event or payment".to_owned());
                Basis::Event
            }
        }
    }
}
