//! What a figure is made of: the payments that count for it, and what the source said of each.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Measure, Revenue, RevenueQuery, RevenueSummary};
use crate::{Currency, RunId, Source};

/// A question for the payments behind a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplanationQuery {
    /// The figure: both days are given.
    pub figure: RevenueQuery,
    /// Only what counts for this; none for all.
    pub measure: Option<Measure>,
    /// Those that follow this place; none: from the beginning of the range on.
    pub after: Option<ContributionPosition>,
    /// At most so many.
    pub limit: u8,
}

/// A figure, and some of the payments that it is the sum of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The same answer as that of a summary of the range, of the same moment as the rows.
    #[schema(value_type = RevenueSummary)]
    pub totals: Revenue,
    /// Only rows that count for this are listed; null for all.
    #[schema(value_type = Option<String>, example = "collected")]
    pub measure: Option<Measure>,
    /// Payments of the range in the currency that was asked for, by the time at which they count.
    pub rows: Vec<Contribution>,
    /// Asks for those that follow; null at the end.
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<ContributionPosition>,
}

/// What a payment counts for, with the state that says so.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contribution {
    /// The source.
    #[schema(value_type = String, example = "stripe")]
    pub source: Source,
    /// The entity.
    pub entity: String,
    /// The vendor's id.
    pub external_id: String,
    /// Which way the money went: charge, refund, dispute or deal.
    pub kind: String,
    /// What the vendor's status means.
    pub status: String,
    /// The vendor's own word.
    pub raw_status: String,
    /// What it counts for.
    #[schema(value_type = String, example = "collected")]
    pub measure: Measure,
    /// How much of it counts, in minor units.
    #[serde(serialize_with = "in_digits")]
    #[schema(value_type = String, pattern = "^-?[0-9]+$", example = "4900")]
    pub amount_cents: i64,
    /// The currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "USD")]
    pub currency: Currency,
    /// When it happened by the vendor's account.
    pub occurred_at: DateTime<Utc>,
    /// When it counts: then, or by the day of the charge when that happened.
    pub counted_at: DateTime<Utc>,
    /// The charge that a refund or dispute belongs to.
    pub parent_external_id: Option<String>,
    /// The vendor's id of the customer.
    pub customer_external_id: Option<String>,
    /// When the source said so.
    pub observed_at: DateTime<Utc>,
    /// Since when it has been known.
    pub updated_at: DateTime<Utc>,
    /// The run that fetched it; null where raw history was dropped.
    pub run_id: Option<RunId>,
    /// When it was fetched; null where raw history was dropped.
    pub fetched_at: Option<DateTime<Utc>>,
    /// The vendor's API version in which the payload is written.
    pub api_version: Option<String>,
    /// What the vendor said, to the letter: JSON where it is, else a text; null where raw history was dropped.
    #[schema(value_type = serde_json::Value)]
    pub payload: Option<Box<RawValue>>,
    /// Whether the raw record is past `OUTBOX_RETENTION_DAYS`.
    #[schema(example = false)]
    pub raw_dropped: bool,
}

/// A payload as it is written into a document: as it is where it is JSON, else as a text.
///
/// # Errors
///
/// Never in practice: every text can be written as JSON.
pub fn payload_document(payload: &str) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::from_str::<&RawValue>(payload)
        .map(ToOwned::to_owned)
        .or_else(|_| serde_json::value::to_raw_value(payload))
}

fn in_digits<S: Serializer>(amount: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

impl Contribution {
    /// Where it stands in the list of all.
    #[must_use]
    pub fn position(&self) -> ContributionPosition {
        ContributionPosition {
            counted_at: self.counted_at,
            measure: self.measure,
            source: self.source.as_str().to_owned(),
            entity: self.entity.clone(),
            external_id: self.external_id.clone(),
        }
    }
}

/// A place in the list of what payments count for, by time. As text it goes into addresses and onto command lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributionPosition {
    /// When the payment counts, in microseconds as PostgreSQL keeps them.
    pub counted_at: DateTime<Utc>,
    /// What it counts for.
    pub measure: Measure,
    /// The source.
    pub source: String,
    /// The entity.
    pub entity: String,
    /// The vendor's id.
    pub external_id: String,
}

impl fmt::Display for ContributionPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counted_at, measure, source, entity, external_id } = self;
        let (micros, measure) = (counted_at.timestamp_micros(), measure.as_str());
        write!(f, "{micros}.{measure}.{source}.{entity}.{external_id}")
    }
}

impl Serialize for ContributionPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no place in an explanation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a nextCursor of an explanation")]
pub struct UnknownContribution;

impl FromStr for ContributionPosition {
    type Err = UnknownContribution;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(5, '.');
        let mut next = || parts.next().ok_or(UnknownContribution);
        let micros = next()?.parse().map_err(|_| UnknownContribution)?;
        Ok(Self {
            counted_at: DateTime::from_timestamp_micros(micros).ok_or(UnknownContribution)?,
            measure: Measure::named(next()?).ok_or(UnknownContribution)?,
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
        let position = ContributionPosition {
            counted_at: DateTime::from_timestamp_micros(1_793_491_200_123_456).unwrap(),
            measure: Measure::PendingReturn,
            source: "hubspot".to_owned(),
            entity: "payments".to_owned(),
            external_id: "deal:1.5".to_owned(),
        };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "1.collected.stripe.payments", "x.collected.a.b.c", "1.net.a.b.c"] {
            assert_eq!(text.parse::<ContributionPosition>(), Err(UnknownContribution), "{text}");
        }
    }

    #[test]
    fn a_payload_is_repeated_to_the_letter() {
        let json = r#"{"b": 1.10, "a": 123456789012345678901234567890}"#;
        assert_eq!(payload_document(json).unwrap().get(), json);
        assert_eq!(payload_document("<xml>").unwrap().get(), "\"<xml>\"");
    }
}
