//! Overlaps: payments of different sources that are likely one sale, such as a deal and the charge that paid it.

mod decision;
mod pairing;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::{Currency, Source};

pub use decision::{Decision, DecisionId, Doubt, Verdict};
pub use pairing::Pairing;

/// A payment by its source and the id it has there, written `hubspot:31415`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PaymentKey {
    /// The source.
    pub source: Source,
    /// The vendor's id.
    pub external_id: String,
}

impl fmt::Display for PaymentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.external_id)
    }
}

impl Serialize for PaymentKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that names no payment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a payment as SOURCE:ID, such as hubspot:31415")]
pub struct PaymentKeyError;

impl FromStr for PaymentKey {
    type Err = PaymentKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((source, id)) if !source.is_empty() && !id.is_empty() => {
                Ok(Self { source: Source::new(source), external_id: id.to_owned() })
            }
            _ => Err(PaymentKeyError),
        }
    }
}

/// Which overlaps are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlapQuery {
    /// One of the payments is from this time on.
    pub starts_at: Option<DateTime<Utc>>,
    /// And before this one.
    pub ends_at: Option<DateTime<Utc>>,
    /// How far apart the two may be at most, in days of 24 hours.
    pub most_apart_days: u16,
    /// The sources that count as revenue; none: all. What does not count is not counted twice.
    pub counted: Option<BTreeSet<Source>>,
}

impl OverlapQuery {
    /// How far apart the two may be if nothing is said, in days.
    pub const DEFAULT_DAYS_APART: u16 = 7;

    /// How far apart two payments may be.
    #[must_use]
    pub fn most_apart(&self) -> TimeDelta {
        TimeDelta::days(self.most_apart_days.into())
    }

    /// Whether the pair is in the range: one payment of it is enough.
    #[must_use]
    pub fn asks_for(&self, overlap: &Overlap) -> bool {
        overlap.payments.iter().any(|sale| {
            self.starts_at.is_none_or(|starts_at| sale.occurred_at >= starts_at)
                && self.ends_at.is_none_or(|ends_at| sale.occurred_at < ends_at)
        })
    }
}

/// A payment that was collected and counts as a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// Which payment.
    pub key: PaymentKey,
    /// What its source calls it: `charge`, `deal`.
    pub kind: String,
    /// Its currency.
    pub currency: Currency,
    /// Its amount in minor units.
    pub amount_minor: i64,
    /// When it happened by the vendor's account.
    pub occurred_at: DateTime<Utc>,
    /// The vendor's id of the customer, where it is known.
    pub customer_external_id: Option<String>,
    /// The customer's e-mail address in lower case, where it is known.
    pub customer_email: Option<String>,
}

/// How sure it is that two payments are one sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// They have the same customer or e-mail address as well.
    Likely,
    /// Nothing but amount, currency and time speaks for it.
    Possible,
}

impl Certainty {
    /// The name in documents and parameters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

/// Two payments of different sources, of the same amount, that may be one sale. No payment is in two of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The payments, by source and id.
    pub payments: [Sale; 2],
    /// Of as many payments of one source each would fit the other: 1 where there is no other choice.
    pub fitting: usize,
}

impl Overlap {
    /// Whether both have the same e-mail address.
    #[must_use]
    pub fn has_same_email(&self) -> bool {
        let [one, other] = &self.payments;
        one.customer_email.is_some() && one.customer_email == other.customer_email
    }

    /// Whether both have the same id of the customer.
    #[must_use]
    pub fn has_same_customer(&self) -> bool {
        let [one, other] = &self.payments;
        one.customer_external_id.is_some() && one.customer_external_id == other.customer_external_id
    }

    /// How sure it is that they are one sale.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        if self.has_same_email() || self.has_same_customer() {
            Certainty::Likely
        } else {
            Certainty::Possible
        }
    }

    /// The time between them in whole days of 24 hours.
    #[must_use]
    pub fn days_apart(&self) -> i64 {
        let [one, other] = &self.payments;
        (one.occurred_at - other.occurred_at).abs().num_days()
    }
}

impl fmt::Display for Overlap {
    /// Why they are taken for one sale, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("same amount")?;
        if self.has_same_email() {
            f.write_str(" and e-mail address")?;
        }
        if self.has_same_customer() {
            f.write_str(" and customer")?;
        }
        match self.days_apart() {
            0 => f.write_str(", less than a day apart")?,
            1 => f.write_str(", a day apart")?,
            days => write!(f, ", {days} days apart")?,
        }
        match self.fitting {
            0 | 1 => f.write_str("; no other payment fits"),
            fitting => write!(f, "; the nearest of {fitting} that fit"),
        }
    }
}
