//! Why a decision about payments is refused.

use buffalo_model::{DecisionId, PaymentKey};

use crate::StoreError;

/// A decision that was not made.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// Both payments are the same one.
    #[error("{0} can't be compared with itself: name two payments")]
    Same(PaymentKey),
    /// There is no such payment.
    #[error("there is no payment {0}; `buffalo revenue overlaps` lists pairs as they are written here")]
    Missing(PaymentKey),
    /// A payment that is no collected sale counts for nothing that could be left out or counted in its place.
    #[error("{0} is not a collected sale, so it is not counted anyway")]
    NotCollected(PaymentKey),
    /// The payment is left out already.
    #[error(
        "{key} is left out already, as {counted} is counted for it: `buffalo revenue overlaps revoke {id}` first"
    )]
    AlreadyExcluded {
        /// The payment.
        key: PaymentKey,
        /// The one that is counted.
        counted: PaymentKey,
        /// The decision.
        id: DecisionId,
    },
    /// The payment is counted in the place of another: without it their sale would be counted nowhere.
    #[error("{key} is counted in the place of another payment: `buffalo revenue overlaps revoke {id}` first")]
    Counted {
        /// The payment.
        key: PaymentKey,
        /// The decision.
        id: DecisionId,
    },
    /// Somebody called them two sales.
    #[error("{one} and {other} were called two sales: `buffalo revenue overlaps revoke {id}` first")]
    Distinct {
        /// A payment.
        one: PaymentKey,
        /// The other.
        other: PaymentKey,
        /// The decision.
        id: DecisionId,
    },
    /// There is no such decision in force.
    #[error(
        "there is no decision {0} in force; `buffalo revenue overlaps decisions --all` lists revoked ones, too"
    )]
    Unknown(DecisionId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
