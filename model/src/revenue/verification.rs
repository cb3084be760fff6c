//! What a verification of all figures found.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Difference;

/// A difference in figures, and by which basis they count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FigureDifference {
    /// `both`, `event` or `payment`.
    pub basis: String,
    /// The difference.
    #[serde(flatten)]
    pub difference: Difference,
}

/// A payment that is not what its raw record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentDifference {
    /// The source.
    pub source: String,
    /// The vendor's id.
    pub external_id: String,
    /// In what it differs.
    pub fields: Vec<FieldDifference>,
}

/// A field of a payment that differs. Fields that may be about a person are named without what is in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// Its name.
    pub field: &'static str,
    /// What is stored; none where it is empty, or kept out of reports.
    pub stored: Option<String>,
    /// What the raw record says; none where that is empty, or kept out of reports.
    pub expected: Option<String>,
}

/// A payment that says that money went back, of which no refund or dispute is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingReturn {
    /// The source.
    pub source: String,
    /// The vendor's id of the payment.
    pub external_id: String,
}

/// What a verification looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// When it began.
    pub checked_at: DateTime<Utc>,
    /// Payments that were compared with their raw records.
    pub payments: i64,
    /// Payments whose raw records were dropped with old history, so that they could not be compared.
    pub without_raw: i64,
    /// Payments whose raw records this program can't read, though the one that stored them could.
    pub unreadable: i64,
    /// Payments that differ from what their raw records say.
    pub wrong_payments: i64,
    /// Payments that the source has told of and that are not stored, or only in an older state.
    pub missing_payments: i64,
    /// Of these, those of which no raw record is left either: only the source can tell what they were.
    pub lost_payments: i64,
    /// Some that are wrong or missing.
    pub payment_samples: Vec<PaymentDifference>,
    /// Payments that say that money went back, of which no refund or dispute is stored. The next fetch asks for them.
    pub missing_returns: i64,
    /// Some of them.
    pub missing_return_samples: Vec<MissingReturn>,
    /// Figures that differ from what they should be, as many as were counted.
    pub wrong_figures: i64,
    /// Some of them.
    pub figure_samples: Vec<FigureDifference>,
    /// Whether what was wrong was mended.
    pub repaired: bool,
}

impl Verification {
    /// Whether everything was as it should be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.wrong_payments == 0
            && self.missing_payments == 0
            && self.missing_returns == 0
            && self.wrong_figures == 0
    }
}
