//! A payment: one movement of money, whatever the vendor calls it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Currency;

/// What kind of movement a payment is. Amounts are positive; the kind says which way the money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentKind {
    /// A customer paid, or tried to.
    Charge,
    /// Money was given back, or should be.
    Refund,
    /// A customer's bank took money back, or may.
    Dispute,
    /// A sale as the sales department records it.
    Deal,
    /// Money given back, as the sales department records it: a deal of less than nothing. It belongs to no sale.
    Credit,
}

impl PaymentKind {
    /// The name in tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::Deal => "deal",
            Self::Credit => "credit",
        }
    }
}

/// What the vendor's status means for revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PaymentStatus {
    /// The money is ours: counts into gross revenue.
    Collected,
    /// Nothing is decided yet.
    Pending,
    /// It will not happen, and nobody is at fault.
    Voided,
    /// It was tried and did not work.
    Failed,
    /// The money went back to the customer.
    Refunded,
    /// The money was lost in a dispute.
    Disputed,
    /// The vendor uses a word that Buffalo does not know: stored, kept out of every figure, counted and listed.
    Unknown,
}

impl PaymentStatus {
    /// The name in tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collected => "COLLECTED",
            Self::Pending => "PENDING",
            Self::Voided => "VOIDED",
            Self::Failed => "FAILED",
            Self::Refunded => "REFUNDED",
            Self::Disputed => "DISPUTED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for PaymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A normalised payment, without the bookkeeping that the outbox row carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Which way the money went.
    pub kind: PaymentKind,
    /// What the vendor's status means.
    pub status: PaymentStatus,
    /// The vendor's own word.
    pub raw_status: String,
    /// The amount in minor units, never negative.
    pub amount_minor: i64,
    /// Of a charge: what was authorised and not captured, in minor units. Refunds that moved no money release it. 0 for
    /// everything else.
    pub uncaptured_minor: i64,
    /// Of a collected charge: what of the uncaptured amount may still be captured, in minor units. 0 for everything else.
    pub capturable_minor: i64,
    /// Of a dispute that was not lost: what was withdrawn from the account for it and not reinstated, in minor units. The
    /// amount of a lost one is that already. 0 for everything else.
    pub withdrawn_minor: i64,
    /// Of a refund: whether it moved money. None where the source doesn't say, and for everything else.
    pub money_moved: Option<bool>,
    /// Of a refund: whether it returns money that never was a payment.
    pub without_payment: bool,
    /// Of a charge: what it says was refunded of it, in minor units; none where that is nothing, or it doesn't say.
    pub claimed_refunded_minor: Option<i64>,
    /// Of a charge: whether it says that it was disputed.
    pub claimed_disputed: bool,
    /// Its currency.
    pub currency: Currency,
    /// When it happened by the vendor's account: the moment that decides into which day it falls.
    pub occurred_at: DateTime<Utc>,
    /// The charge that a refund or dispute belongs to.
    pub parent_external_id: Option<String>,
    /// The vendor's id of the customer, where it is known.
    pub customer_external_id: Option<String>,
    /// The customer's e-mail address in lower case, where it is known.
    pub customer_email: Option<String>,
    /// Whether the vendor has it in the bin: it is kept, and is in no figure.
    pub deleted: bool,
}
