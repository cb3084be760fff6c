//! The question about revenue, and what can be wrong with it.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Granularity;
use crate::{Currency, Source};

/// On which day a refund or dispute counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// On its own.
    #[default]
    Event,
    /// On that of the charge it belongs to.
    Payment,
}

impl Basis {
    /// The name in parameters, documents and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Payment => "payment",
        }
    }
}

/// A question about revenue.
#[derive(Debug, Clone, PartialEq)]
pub struct RevenueQuery {
    /// How the range is cut.
    pub granularity: Granularity,
    /// The first day, in `timezone`; none: from the first payment on.
    pub start_date: Option<NaiveDate>,
    /// The last day, included; none: up to the last payment.
    pub end_date: Option<NaiveDate>,
    /// Only this source; none: all that count.
    pub source: Option<Source>,
    /// The sources that count where none is asked for (`REVENUE_SOURCES`); none: all.
    pub counted: Option<BTreeSet<Source>>,
    /// The currency whose figures are the answer; others are listed beside it, never added.
    pub currency: Currency,
    /// The currency into which the totals of all are converted as well; none: they are not.
    pub reporting: Option<Currency>,
    /// The zone in which days begin and end.
    pub timezone: Tz,
    /// On which day refunds and disputes count.
    pub basis: Basis,
    /// As the figures were known at this instant; none: as they are known now.
    pub as_of: Option<DateTime<Utc>>,
    /// Whether buckets without payments are listed too, with zeros.
    pub fill: bool,
}

impl RevenueQuery {
    /// All payments in UTC, in one currency: what a question is without further words.
    #[must_use]
    pub fn of(granularity: Granularity, currency: Currency) -> Self {
        Self {
            granularity,
            start_date: None,
            end_date: None,
            source: None,
            counted: None,
            currency,
            reporting: None,
            timezone: Tz::UTC,
            basis: Basis::Event,
            as_of: None,
            fill: false,
        }
    }

    /// Says whether the question makes sense.
    ///
    /// # Errors
    ///
    /// [`RevenueQueryError::StartAfterEnd`].
    pub fn validate(&self) -> Result<(), RevenueQueryError> {
        match (self.start_date, self.end_date) {
            (Some(start), Some(end)) if start > end => Err(RevenueQueryError::StartAfterEnd { start, end }),
            _ => Ok(()),
        }
    }

    /// The sources that count; none: all there are.
    #[must_use]
    pub fn sources(&self) -> Option<Vec<&Source>> {
        sources_of(self.source.as_ref(), self.counted.as_ref())
    }

    /// Whether this source counts.
    #[must_use]
    pub fn counts(&self, source: &Source) -> bool {
        self.sources().is_none_or(|sources| sources.contains(&source))
    }
}

/// The one source that was asked for, or those that count; none: all there are.
pub(super) fn sources_of<'a>(
    only: Option<&'a Source>,
    counted: Option<&'a BTreeSet<Source>>,
) -> Option<Vec<&'a Source>> {
    match only {
        Some(only) => Some(vec![only]),
        None => counted.map(|counted| counted.iter().collect()),
    }
}

/// A question that can't be asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RevenueQueryError {
    /// A date that is not in the calendar, or is not written as `2026-11-30`.
    #[error("`{0}` is not a date; write a day of the calendar as YYYY-MM-DD")]
    InvalidDate(String),
    /// The range ends before it starts.
    #[error("the range starts on {start} and ends before that, on {end}")]
    StartAfterEnd {
        /// The first day asked for.
        start: NaiveDate,
        /// The last day asked for.
        end: NaiveDate,
    },
    /// So many pieces would be an answer nobody can read.
    #[error("the range has more than {0} pieces; ask for a shorter one or for larger pieces")]
    TooManyPieces(usize),
    /// Filling so many buckets would be an answer nobody can read.
    #[error("the range has more than {0} buckets to fill; ask for a shorter one or for larger buckets")]
    TooManyBuckets(usize),
    /// A zone that the time zone database does not know.
    #[error("`{0}` is not a time zone; write a name such as UTC or Europe/Berlin")]
    UnknownTimezone(String),
}

/// The most buckets that `fill` writes: ten years of days.
pub(super) const MAX_FILLED_BUCKETS: usize = 3_660;

/// Reads a day written as `YYYY-MM-DD` with exactly these digits; a year of more has a sign, as it has in answers.
///
/// # Errors
///
/// [`RevenueQueryError::InvalidDate`] for anything else, 30 February included.
pub fn parse_date(text: &str) -> Result<NaiveDate, RevenueQueryError> {
    let bad = || RevenueQueryError::InvalidDate(text.chars().take(40).collect());
    let length = match text.strip_prefix(['+', '-']) {
        Some(_) => 12..=13,
        None => 10..=10,
    };
    if !length.contains(&text.len()) {
        return Err(bad());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| bad())
}

/// Reads the name of a time zone.
///
/// # Errors
///
/// [`RevenueQueryError::UnknownTimezone`] where the time zone database has no such name.
pub fn parse_timezone(name: &str) -> Result<Tz, RevenueQueryError> {
    name.parse().map_err(|_| RevenueQueryError::UnknownTimezone(name.chars().take(40).collect()))
}
