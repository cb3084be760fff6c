//! The revenue question and its answer, with the proof that the answer's parts add up.
//!
//! `buffalo-store` asks Postgres for rows; everything that turns rows into figures is here, once, for every face of the
//! program.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{Currency, Source};

/// How a range of days is cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// One figure for the whole range.
    Summary,
    /// By day.
    Daily,
    /// By week, Monday to Sunday.
    Weekly,
    /// By calendar month.
    Monthly,
}

impl Granularity {
    /// The unit of the buckets that are asked of Postgres. A summary is cut by month as well, only to prove its total.
    #[must_use]
    pub fn bucket(self) -> Bucket {
        match self {
            Self::Daily => Bucket::Day,
            Self::Weekly => Bucket::Week,
            Self::Summary | Self::Monthly => Bucket::Month,
        }
    }
}

/// The unit of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// A day in the query's time zone.
    Day,
    /// A week, named by its Monday.
    Week,
    /// A calendar month, named by its first day.
    Month,
}

impl Bucket {
    /// The unit as PostgreSQL's `date_trunc` calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The field that names the bucket in documents.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Day => "date",
            Self::Week => "weekStartDate",
            Self::Month => "month",
        }
    }

    /// The name of the bucket that starts on `first_day`: a date, or `2026-11` for a month.
    #[must_use]
    pub fn label(self, first_day: NaiveDate) -> String {
        match self {
            Self::Day | Self::Week => first_day.to_string(),
            Self::Month => format!("{:04}-{:02}", first_day.year(), first_day.month()),
        }
    }

    /// The first day of the bucket that holds `day`.
    fn start_of(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Week => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }

    fn next(self, first_day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => first_day.checked_add_days(Days::new(1)),
            Self::Week => first_day.checked_add_days(Days::new(7)),
            Self::Month => first_day.checked_add_months(Months::new(1)),
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
    /// Only this source; none: all.
    pub source: Option<Source>,
    /// The currency whose figures are the answer; others are listed beside it, never added.
    pub currency: Currency,
    /// The zone in which days begin and end.
    pub timezone: Tz,
    /// Whether buckets without payments are listed too, with zeros.
    pub fill: bool,
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
    /// Filling so many buckets would be an answer nobody can read.
    #[error("the range has more than {0} buckets to fill; ask for a shorter one or for larger buckets")]
    TooManyBuckets(usize),
    /// A zone that the time zone database does not know.
    #[error("`{0}` is not a time zone; write a name such as UTC or Europe/Berlin")]
    UnknownTimezone(String),
}

/// The most buckets that `fill` writes: ten years of days.
const MAX_FILLED_BUCKETS: usize = 3_660;

/// Reads a day written as `YYYY-MM-DD` with exactly these digits.
///
/// # Errors
///
/// [`RevenueQueryError::InvalidDate`] for anything else, 30 February included.
pub fn parse_date(text: &str) -> Result<NaiveDate, RevenueQueryError> {
    let bad = || RevenueQueryError::InvalidDate(text.chars().take(40).collect());
    if text.len() != 10 {
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

impl RevenueQuery {
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
}

/// What was collected, and what went back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Gross: the sum of COLLECTED payments, in minor units.
    pub collected: i128,
    /// The number of COLLECTED payments.
    pub count: i64,
    /// The sum of REFUNDED payments, in minor units.
    pub refunded: i128,
    /// The sum of DISPUTED payments, in minor units.
    pub disputed: i128,
}

impl Figures {
    /// What is left: collected less refunded and disputed, in minor units.
    #[must_use]
    pub fn net(&self) -> i128 {
        self.collected - self.refunded - self.disputed
    }

    fn add(&mut self, other: &Self) {
        self.collected += other.collected;
        self.count += other.count;
        self.refunded += other.refunded;
        self.disputed += other.disputed;
    }
}

/// One row of the answer as Postgres gives it: a bucket, or a currency's total where `bucket` is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketRow {
    /// The currency.
    pub currency: Currency,
    /// The first day of the bucket.
    pub bucket: Option<NaiveDate>,
    /// What happened in it.
    pub figures: Figures,
}

/// The parts of an answer do not add up to its total, so there is no answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("revenue can't be proved: in {currency} the buckets add up to {parts}, the total is {total}")]
pub struct RevenueDrift {
    currency: Currency,
    parts: String,
    total: String,
}

/// The answer to a [`RevenueQuery`].
#[derive(Debug, Clone, PartialEq)]
pub struct Revenue {
    /// The question.
    pub query: RevenueQuery,
    /// The total in the query's currency.
    pub total: Figures,
    /// The buckets in the query's currency, ascending; empty for a summary.
    pub breakdown: Vec<(NaiveDate, Figures)>,
    /// The totals in all other currencies that have any.
    pub other_currencies: Vec<(Currency, Figures)>,
    /// For each source the time up to which everything it said is in these figures; none where no fetch was completed.
    pub data_through: BTreeMap<Source, Option<DateTime<Utc>>>,
}

impl Revenue {
    /// Makes the answer of rows that come from one snapshot, and proves it: for every currency the buckets must add up
    /// to the total that Postgres computed apart from them.
    ///
    /// # Errors
    ///
    /// [`RevenueDrift`] where they do not. A figure that can't be proved is not shown.
    pub fn assemble(
        query: RevenueQuery,
        rows: &[BucketRow],
        data_through: BTreeMap<Source, Option<DateTime<Utc>>>,
    ) -> Result<Self, RevenueDrift> {
        let mut totals: BTreeMap<Currency, Figures> = BTreeMap::new();
        let mut parts: BTreeMap<Currency, Figures> = BTreeMap::new();
        let mut breakdown = BTreeMap::new();
        for row in rows {
            match row.bucket {
                None => totals.entry(row.currency).or_default().add(&row.figures),
                Some(first_day) => {
                    parts.entry(row.currency).or_default().add(&row.figures);
                    if row.currency == query.currency {
                        breakdown.insert(first_day, row.figures);
                    }
                }
            }
        }
        for currency in totals.keys().chain(parts.keys()) {
            let total = totals.get(currency).copied().unwrap_or_default();
            let parts = parts.get(currency).copied().unwrap_or_default();
            if total != parts {
                let (parts, total) = (format!("{parts:?}"), format!("{total:?}"));
                return Err(RevenueDrift { currency: *currency, parts, total });
            }
        }
        let total = totals.remove(&query.currency).unwrap_or_default();
        if query.granularity == Granularity::Summary {
            breakdown.clear();
        }
        let breakdown = breakdown.into_iter().collect();
        Ok(Self { query, total, breakdown, other_currencies: totals.into_iter().collect(), data_through })
    }

    /// Adds the buckets in which nothing happened, when the query asks for them.
    ///
    /// Without a start or end date the range is that of the buckets there are.
    ///
    /// # Errors
    ///
    /// [`RevenueQueryError::TooManyBuckets`].
    pub fn filled(mut self) -> Result<Self, RevenueQueryError> {
        if !self.query.fill || self.query.granularity == Granularity::Summary {
            return Ok(self);
        }
        let unit = self.query.granularity.bucket();
        let first = self.query.start_date.map(|day| unit.start_of(day));
        let first = first.or(self.breakdown.first().map(|(day, _)| *day));
        let last = self.query.end_date.or(self.breakdown.last().map(|(day, _)| *day));
        let (Some(mut day), Some(last)) = (first, last) else { return Ok(self) };
        let mut buckets: BTreeMap<NaiveDate, Figures> = self.breakdown.into_iter().collect();
        while day <= last {
            buckets.entry(day).or_default();
            if buckets.len() > MAX_FILLED_BUCKETS {
                return Err(RevenueQueryError::TooManyBuckets(MAX_FILLED_BUCKETS));
            }
            let Some(next) = unit.next(day) else { break };
            day = next;
        }
        self.breakdown = buckets.into_iter().collect();
        Ok(self)
    }
}

/// Writes the document of the HTTP contract: camelCase, amounts as decimal strings of minor units.
impl Serialize for Revenue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        totals_entries(&mut map, self.query.currency, &self.total)?;
        map.serialize_entry("startDate", &self.query.start_date)?;
        map.serialize_entry("endDate", &self.query.end_date)?;
        map.serialize_entry("source", &self.query.source)?;
        map.serialize_entry("timezone", self.query.timezone.name())?;
        map.serialize_entry("dataThrough", &self.data_through)?;
        let others: Vec<_> = self.other_currencies.iter().map(OtherCurrency).collect();
        map.serialize_entry("otherCurrencies", &others)?;
        if self.query.granularity != Granularity::Summary {
            let unit = self.query.granularity.bucket();
            let rows: Vec<_> =
                self.breakdown.iter().map(|(day, figures)| Row { unit, day: *day, figures }).collect();
            map.serialize_entry("breakdown", &rows)?;
        }
        map.end()
    }
}

fn totals_entries<M: SerializeMap>(
    map: &mut M,
    currency: Currency,
    figures: &Figures,
) -> Result<(), M::Error> {
    map.serialize_entry("totalRevenueCents", &figures.collected.to_string())?;
    map.serialize_entry("currency", &currency)?;
    map.serialize_entry("count", &figures.count)?;
    map.serialize_entry("refundedCents", &figures.refunded.to_string())?;
    map.serialize_entry("disputedCents", &figures.disputed.to_string())?;
    map.serialize_entry("netRevenueCents", &figures.net().to_string())
}

struct OtherCurrency<'a>(&'a (Currency, Figures));

impl Serialize for OtherCurrency<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        totals_entries(&mut map, self.0.0, &self.0.1)?;
        map.end()
    }
}

struct Row<'a> {
    unit: Bucket,
    day: NaiveDate,
    figures: &'a Figures,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.unit.field(), &self.unit.label(self.day))?;
        map.serialize_entry("amountCents", &self.figures.collected.to_string())?;
        map.serialize_entry("count", &self.figures.count)?;
        map.serialize_entry("refundedCents", &self.figures.refunded.to_string())?;
        map.serialize_entry("disputedCents", &self.figures.disputed.to_string())?;
        map.serialize_entry("netCents", &self.figures.net().to_string())?;
        map.end()
    }
}

#[cfg(test)]
#[path = "revenue_tests.rs"]
mod tests;
