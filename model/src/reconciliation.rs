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
    /// Whether nothing is missing, different or extra, and both sides have the same counts and amounts.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.in_question() == 0 && self.totals_agree()
    }

    /// How many records are missing, different or extra.
    #[must_use]
    pub fn in_question(&self) -> i64 {
        self.missing + self.different + self.extra
    }

    /// Whether both sides of every total are the same.
    #[must_use]
    pub fn totals_agree(&self) -> bool {
        self.totals
            .iter()
            .all(|total| total.listed_count == total.stored_count && total.listed_cents == total.stored_cents)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_that_differ_are_not_equal() {
        let total = |stored_count, stored_cents: &str| ReconciledTotal {
            currency: "USD".to_owned(),
            status: "COLLECTED".to_owned(),
            listed_count: 2,
            listed_cents: "300".to_owned(),
            stored_count,
            stored_cents: stored_cents.to_owned(),
        };
        let compared = |totals| Reconciliation {
            run_id: RunId::generate(),
            source: "stripe".to_owned(),
            entity: "payments".to_owned(),
            since: None,
            through: None,
            compared_at: DateTime::UNIX_EPOCH,
            listed: 2,
            missing: 0,
            different: 0,
            extra: 0,
            repaired: 0,
            totals,
            samples: Vec::new(),
        };
        assert!(compared(vec![]).is_equal() && compared(vec![total(2, "300")]).is_equal());
        for differing in [total(1, "300"), total(3, "300"), total(2, "299")] {
            assert!(!compared(vec![total(2, "300"), differing]).is_equal());
        }
    }
}
