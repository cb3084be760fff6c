//! What restated a day: payments that count otherwise than they were known to when the day had ended.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::Measure;
use super::query::sources_of;
use crate::{Currency, Source};

/// A question for what restated days that had ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangesQuery {
    /// What became known from then on.
    pub since: DateTime<Utc>,
    /// Up to, and without, this instant.
    pub until: DateTime<Utc>,
    /// Only this source; none: all that count.
    pub source: Option<Source>,
    /// The sources that count where none is asked for (`REVENUE_SOURCES`); none: all.
    pub counted: Option<BTreeSet<Source>>,
    /// Only this currency; none for all.
    pub currency: Option<Currency>,
    /// The zone in which days begin and end.
    pub timezone: Tz,
    /// Those that follow this place; none: from the first day on.
    pub after: Option<RestatementPosition>,
    /// At most so many.
    pub limit: u8,
}

impl ChangesQuery {
    /// The sources that count; none: all there are.
    #[must_use]
    pub fn sources(&self) -> Option<Vec<&Source>> {
        sources_of(self.source.as_ref(), self.counted.as_ref())
    }
}

/// What restated days: how much by day, and some of the payments that did it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevenueChanges {
    /// What became known from then on.
    pub since: DateTime<Utc>,
    /// Up to, and without, this instant.
    pub until: DateTime<Utc>,
    /// The zone in which days begin and end.
    #[schema(value_type = String, example = "Europe/Berlin")]
    #[serde(serialize_with = "by_name")]
    pub timezone: Tz,
    /// Only payments of this source; null for all that count.
    #[schema(value_type = Option<String>, example = "stripe")]
    pub source: Option<Source>,
    /// Only payments in this currency; null for all.
    #[schema(value_type = Option<String>, example = "USD")]
    pub currency: Option<Currency>,
    /// All that was restated, by day, currency and what it counts for.
    pub days: Vec<RestatedDay>,
    /// The payments that did it, by day and by when that became known.
    pub rows: Vec<Restatement>,
    /// Asks for those that follow; null at the end.
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<RestatementPosition>,
}

/// By how much a figure of a day has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestatedDay {
    /// The day.
    #[schema(example = "2026-10-15")]
    pub date: NaiveDate,
    /// The currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "USD")]
    pub currency: Currency,
    /// What the payments count for.
    #[schema(value_type = String, example = "refunded")]
    pub measure: Measure,
    /// What was added, or taken away, in minor units.
    #[serde(serialize_with = "in_digits")]
    #[schema(value_type = String, pattern = "^-?[0-9]+$", example = "1500")]
    pub difference_cents: i128,
    /// How many payments did it.
    #[schema(example = 1)]
    pub payments: i64,
}

/// A payment that counts for another amount on a day than it was known to when the day had ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restatement {
    /// The day.
    #[schema(example = "2026-10-15")]
    pub date: NaiveDate,
    /// What it counts for, or did.
    #[schema(value_type = String, example = "refunded")]
    pub measure: Measure,
    /// The currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "USD")]
    pub currency: Currency,
    /// What it counted for when the day had ended, or at `since` where that was later, in minor units.
    #[serde(serialize_with = "in_digits")]
    #[schema(value_type = String, pattern = "^[0-9]+$", example = "0")]
    pub before_cents: i64,
    /// What it counts for at `until`, in minor units.
    #[serde(serialize_with = "in_digits")]
    #[schema(value_type = String, pattern = "^[0-9]+$", example = "1500")]
    pub after_cents: i64,
    /// The one less the other.
    #[serde(serialize_with = "in_digits")]
    #[schema(value_type = String, pattern = "^-?[0-9]+$", example = "1500")]
    pub difference_cents: i128,
    /// The source.
    #[schema(value_type = String, example = "stripe")]
    pub source: Source,
    /// The entity.
    pub entity: String,
    /// The vendor's id.
    pub external_id: String,
    /// When the last change of it became known.
    pub known_at: DateTime<Utc>,
    /// What changed.
    pub reason: RestatementReason,
}

/// Why a payment counts otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RestatementReason {
    /// It was first known after the day had ended.
    Late,
    /// Its own state was replaced.
    State,
    /// It is gone.
    Deleted,
    /// Somebody decided that another payment stands for it.
    Excluded,
    /// Such a decision was revoked.
    CountedAgain,
    /// What of its sale was never captured, or another return of the sale, has changed.
    Sale,
}

impl RestatementReason {
    /// The name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Late => "LATE",
            Self::State => "STATE",
            Self::Deleted => "DELETED",
            Self::Excluded => "EXCLUDED",
            Self::CountedAgain => "COUNTED_AGAIN",
            Self::Sale => "SALE",
        }
    }
}

fn in_digits<S: Serializer>(amount: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

fn by_name<S: Serializer>(timezone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(timezone.name())
}

impl Restatement {
    /// Where it stands in the list of what restated days up to `until`.
    #[must_use]
    pub fn position(&self, until: DateTime<Utc>) -> RestatementPosition {
        RestatementPosition {
            until,
            date: self.date,
            known_at: self.known_at,
            measure: self.measure,
            currency: self.currency,
            source: self.source.as_str().to_owned(),
            entity: self.entity.clone(),
            external_id: self.external_id.clone(),
        }
    }
}

/// A place in the list of what restated days. As text it goes into addresses and onto command lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestatementPosition {
    /// Where the list ends: what becomes known between two pages is on none of them.
    pub until: DateTime<Utc>,
    /// The day.
    pub date: NaiveDate,
    /// When the change became known, in microseconds as PostgreSQL keeps them.
    pub known_at: DateTime<Utc>,
    /// What the payment counts for.
    pub measure: Measure,
    /// The currency.
    pub currency: Currency,
    /// The source.
    pub source: String,
    /// The entity.
    pub entity: String,
    /// The vendor's id.
    pub external_id: String,
}

impl fmt::Display for RestatementPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { until, date, known_at, measure, currency, source, entity, external_id } = self;
        let (until, known_at) = (until.timestamp_micros(), known_at.timestamp_micros());
        let measure = measure.as_str();
        write!(f, "{until}.{date}.{known_at}.{measure}.{currency}.{source}.{entity}.{external_id}")
    }
}

impl Serialize for RestatementPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no place in a list of what restated days.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a nextCursor of changes of revenue")]
pub struct UnknownRestatement;

impl FromStr for RestatementPosition {
    type Err = UnknownRestatement;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(8, '.');
        let mut next = || parts.next().ok_or(UnknownRestatement);
        let instant = |text: &str| {
            let micros = text.parse().map_err(|_| UnknownRestatement)?;
            DateTime::from_timestamp_micros(micros).ok_or(UnknownRestatement)
        };
        Ok(Self {
            until: instant(next()?)?,
            date: super::parse_date(next()?).map_err(|_| UnknownRestatement)?,
            known_at: instant(next()?)?,
            measure: Measure::named(next()?).ok_or(UnknownRestatement)?,
            currency: next()?.parse().map_err(|_| UnknownRestatement)?,
            source: next()?.to_owned(),
            entity: next()?.to_owned(),
            external_id: next()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_being_written() {
        let instant = |micros| DateTime::from_timestamp_micros(micros).unwrap();
        let position = RestatementPosition {
            until: instant(1_793_577_600_000_001),
            date: NaiveDate::from_ymd_opt(2026, 10, 15).unwrap(),
            known_at: instant(1_793_491_200_123_456),
            measure: Measure::PendingReturn,
            currency: "JPY".parse().unwrap(),
            source: "hubspot".to_owned(),
            entity: "payments".to_owned(),
            external_id: "deal:1.5".to_owned(),
        };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "1.2026-10-15.1.refunded.USD.stripe.payments", "1.2026-02-30.1.refunded.USD.a.b.c"] {
            assert_eq!(text.parse::<RestatementPosition>(), Err(UnknownRestatement), "{text}");
        }
    }
}
