//! The state of charges, refunds and disputes: what the account knows, before any JSON.

use std::borrow::Cow;
use std::fmt;

use super::patch::Patch;

/// Where an object stands in a listing: by creation time, then by serial. Listings run from the greatest
/// down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Unix seconds.
    pub created: i64,
    pub serial: u64,
}

/// A three-letter currency code in lower case, as Stripe writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Currency([u8; 3]);

impl Currency {
    pub(super) const USD: Self = Self(*b"usd");
    pub(super) const EUR: Self = Self(*b"eur");
    pub(super) const GBP: Self = Self(*b"gbp");
    /// Has no minor unit.
    pub(super) const JPY: Self = Self(*b"jpy");
    /// Has three decimals; Stripe wants the last one to be zero.
    pub(super) const KWD: Self = Self(*b"kwd");

    /// Reads a code in either case; `None` when it is not three ASCII letters.
    pub(super) fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphabetic).then(|| Self(bytes.map(|byte| byte.to_ascii_lowercase())))
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("usd")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a charge came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChargeStatus {
    Succeeded,
    Pending,
    Failed,
}

impl ChargeStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Pending => "pending",
            Self::Failed => "failed",
        }
    }
}

/// Who paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Customer {
    Guest,
    /// A generated customer.
    Numbered(u64),
    /// An id given through the control interface.
    Named(String),
}

/// A charge. Amounts are in the currency's smallest unit.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub key: Key,
    pub amount: i64,
    pub currency: Currency,
    pub status: ChargeStatus,
    /// True for everything but an authorisation still waiting for its capture, and a declined card.
    pub captured: bool,
    pub amount_captured: i64,
    pub amount_refunded: i64,
    pub disputed: bool,
    /// The authorisation lapsed before it was captured.
    pub expired: bool,
    pub customer: Customer,
    /// A JSON object; generated charges get theirs from the serial.
    pub metadata: Option<String>,
    pub patch: Option<Patch>,
}

impl Charge {
    /// Whether nothing of the collected amount is left.
    pub(super) fn refunded(&self) -> bool {
        self.expired || (self.amount_refunded > 0 && self.amount_refunded >= self.amount_captured)
    }

    /// Whether it is an authorisation that can still be captured.
    pub(super) fn authorised(&self) -> bool {
        self.status == ChargeStatus::Succeeded && !self.captured && !self.expired && self.amount_refunded == 0
    }

    /// Whether the money was collected: an authorisation alone is `succeeded` and `paid` too.
    pub(super) fn collected(&self) -> bool {
        self.status == ChargeStatus::Succeeded && self.captured
    }

    /// Stripe's `paid`, which says that the charge succeeded, not that money was collected.
    pub(super) fn paid(&self) -> bool {
        self.status == ChargeStatus::Succeeded
    }
}

/// A refund of a part or the whole of a charge.
#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub key: Key,
    pub charge: u64,
    pub amount: i64,
    /// It gave up an authorisation: no money had come, none went back.
    pub release: bool,
    pub currency: Currency,
    /// Open: tests may send statuses Stripe has not invented yet.
    pub status: Cow<'static, str>,
    pub customer: Customer,
    pub patch: Option<Patch>,
}

impl Refund {
    /// Whether the amount counts into the charge's `amount_refunded`.
    pub(super) fn counts(&self) -> bool {
        !matches!(&*self.status, "failed" | "canceled")
    }
}

/// A dispute over a charge.
#[derive(Debug, Clone)]
pub(super) struct Dispute {
    pub key: Key,
    pub charge: u64,
    pub amount: i64,
    pub currency: Currency,
    /// Open, like a refund's.
    pub status: Cow<'static, str>,
    pub patch: Option<Patch>,
}

impl Dispute {
    /// Whether the decision has been made.
    pub(super) fn closed(&self) -> bool {
        matches!(&*self.status, "won" | "lost" | "warning_closed")
    }

    /// An inquiry: the bank asks, and takes no money yet.
    pub(super) fn inquiry(&self) -> bool {
        self.status.starts_with("warning_")
    }
}
