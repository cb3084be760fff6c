//! Decisions about payments that look like one sale.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::PaymentKey;

/// Identifies a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(transparent)]
pub struct DecisionId(pub Uuid);

impl DecisionId {
    /// A new one; later ones are greater.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What was decided about two payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// They are one sale: the first is left out, the second counted.
    Excluded,
    /// They are two sales, and both are counted.
    Distinct,
}

impl Verdict {
    /// The name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Excluded => "excluded",
            Self::Distinct => "distinct",
        }
    }
}

/// Why a sale that was decided about may be counted nowhere now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The payment that should be counted is not collected any more, or is gone.
    CountedPaymentNotCollected,
    /// Its source is not among those that count.
    CountedSourceNotCounted,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CountedPaymentNotCollected => "is not collected any more",
            Self::CountedSourceNotCounted => "is of a source that is not among REVENUE_SOURCES",
        })
    }
}

/// A decision about two payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// What was decided.
    pub verdict: Verdict,
    /// The payment that is left out; one of the two where both are counted.
    pub payment: PaymentKey,
    /// The payment that is counted in its place; the other one where both are counted.
    pub other: PaymentKey,
    /// Why.
    pub reason: String,
    /// By whom.
    pub decided_by: String,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// By whom it was revoked.
    pub revoked_by: Option<String>,
    /// When it was revoked; none while it is in force.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it should be looked at again.
    pub doubt: Option<Doubt>,
}
