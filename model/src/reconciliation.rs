//! What a source was found to hold, against what is stored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::RunId;

/// The result of comparing a source with what is stored of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconciliation {
    /// The run that made it.
    pub run_id: RunId,
    /// The source.
    pub source: String,
    /// The entity.
    pub entity: String,
    /// Only records from this time on were compared; none for all.
    pub since: Option<DateTime<Utc>>,
    /// Records that came into being later were not yet fetched, and are not missing.
    pub through: Option<DateTime<Utc>>,
    /// When it was finished.
    pub compared_at: DateTime<Utc>,
    /// Records that the source listed.
    pub listed: i64,
    /// Of these, records that are not stored.
    pub missing: i64,
    /// Records that are stored in another state.
    pub different: i64,
    /// Records that are stored and were not listed.
    pub extra: i64,
    /// Records that were put into the outbox to mend it.
    pub repaired: i64,
    /// Counts and amounts by currency and status, where the entity has amounts.
    pub totals: Vec<ReconciledTotal>,
    /// Some of the records in question.
    pub samples: Vec<Discrepancy>,
}

impl Reconciliation {
    /// Whether nothing is missing, different or extra.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.missing == 0 && self.different == 0 && self.extra == 0
    }
}

/// Counts and amounts of one currency and status on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReconciledTotal {
    /// The currency.
    pub currency: String,
    /// What the vendor's status means.
    pub status: String,
    /// Records that the source listed.
    pub listed_count: i64,
    /// Their amounts in minor units, as a decimal string.
    pub listed_cents: String,
    /// Records that are stored.
    pub stored_count: i64,
    /// Their amounts in minor units, as a decimal string.
    pub stored_cents: String,
}

/// A record that is not as the source has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discrepancy {
    /// The vendor's id.
    pub external_id: String,
    /// What is wrong, in one line.
    pub what: String,
}
