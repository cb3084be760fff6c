//! Figures: sums of what payments count for.

use serde::Serialize;

use crate::Currency;

/// What was collected, what went back, and what is not decided, in minor units of one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Gross: the sum of COLLECTED payments.
    pub collected: i128,
    /// The number of COLLECTED payments.
    pub count: i64,
    /// What was given back: the sum of REFUNDED payments, without what had never been captured.
    pub refunded: i128,
    /// What disputes took: the money that moved for them, and the amount of lost ones of which the source tells no money.
    pub disputed: i128,
    /// Of `disputed`, what open disputes hold; it is reinstated when they are won.
    pub withdrawn: i128,
    /// Payments that may still be collected. In no total.
    pub pending: i128,
    /// The number of them.
    pub pending_count: i64,
    /// Refunds and disputes that may still go through, without what is withdrawn already. In no total.
    pub pending_returns: i128,
    /// The number of them.
    pub pending_returns_count: i64,
    /// Payments whose status Buffalo does not know, whichever way the money went. In no total.
    pub unknown: i128,
    /// The number of them.
    pub unknown_count: i64,
    /// Payments that were collected and are not counted, as another one stands for the same sale.
    pub excluded: i128,
    /// The number of them.
    pub excluded_count: i64,
    /// Refunds of money that never was a payment. In no total.
    pub refunds_without_payment: i128,
    /// The number of them.
    pub refunds_without_payment_count: i64,
}

/// A sum that does not fit into 128 bits.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("a sum of {0} is larger than can be reckoned with")]
pub struct Overflow(pub Currency);

/// What a payment counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Into gross revenue.
    Collected,
    /// As given back.
    Refunded,
    /// As taken by a dispute that is closed.
    Disputed,
    /// As withdrawn for an open dispute.
    Withdrawn,
    /// As still to come.
    Pending,
    /// As what may still go.
    PendingReturn,
    /// As nothing that is known.
    Unknown,
    /// As nothing, since another payment stands for the same sale.
    Excluded,
    /// As money that went back and never was a payment.
    RefundWithoutPayment,
}

impl Measure {
    /// All of them, in the order in which answers tell them.
    pub const ALL: [Self; 9] = [
        Self::Collected,
        Self::Refunded,
        Self::Disputed,
        Self::Withdrawn,
        Self::Pending,
        Self::PendingReturn,
        Self::Unknown,
        Self::Excluded,
        Self::RefundWithoutPayment,
    ];

    /// The name in parameters and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collected => "collected",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::Withdrawn => "withdrawn",
            Self::Pending => "pending",
            Self::PendingReturn => "pending_return",
            Self::Unknown => "unknown",
            Self::Excluded => "excluded",
            Self::RefundWithoutPayment => "refund_without_payment",
        }
    }

    /// The names that it has in the database, where returns that nobody understands are told apart from sales.
    #[must_use]
    pub fn stored_names(self) -> Vec<&'static str> {
        match self {
            Self::Unknown => vec!["unknown", "unknown_return"],
            other => vec![other.as_str()],
        }
    }

    /// The measure of that name in the database; none where there is no such.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "collected" => Self::Collected,
            "refunded" => Self::Refunded,
            "disputed" => Self::Disputed,
            "withdrawn" => Self::Withdrawn,
            "pending" => Self::Pending,
            "pending_return" => Self::PendingReturn,
            "unknown" | "unknown_return" => Self::Unknown,
            "excluded" => Self::Excluded,
            "refund_without_payment" => Self::RefundWithoutPayment,
            _ => return None,
        })
    }
}

impl Figures {
    /// What is left: collected less refunded and disputed. None where it does not fit into 128 bits.
    #[must_use]
    pub fn checked_net(&self) -> Option<i128> {
        self.collected.checked_sub(self.refunded)?.checked_sub(self.disputed)
    }

    /// What is left: collected less refunded and disputed. Figures of an answer have one; see [`Self::checked_net`].
    #[must_use]
    pub fn net(&self) -> i128 {
        self.collected.saturating_sub(self.refunded).saturating_sub(self.disputed)
    }

    /// Adds `amount` of `payments` that count for `measure`; none where that does not fit.
    #[must_use]
    pub fn plus(mut self, measure: Measure, amount: i128, payments: i64) -> Option<Self> {
        let (sum, number) = match measure {
            Measure::Collected => (&mut self.collected, Some(&mut self.count)),
            Measure::Refunded => (&mut self.refunded, None),
            Measure::Disputed => (&mut self.disputed, None),
            Measure::Withdrawn => {
                self.withdrawn = self.withdrawn.checked_add(amount)?;
                (&mut self.disputed, None)
            }
            Measure::Pending => (&mut self.pending, Some(&mut self.pending_count)),
            Measure::PendingReturn => (&mut self.pending_returns, Some(&mut self.pending_returns_count)),
            Measure::Unknown => (&mut self.unknown, Some(&mut self.unknown_count)),
            Measure::Excluded => (&mut self.excluded, Some(&mut self.excluded_count)),
            Measure::RefundWithoutPayment => {
                (&mut self.refunds_without_payment, Some(&mut self.refunds_without_payment_count))
            }
        };
        *sum = sum.checked_add(amount)?;
        if let Some(number) = number {
            *number = number.checked_add(payments)?;
        }
        self.checked_net().map(|_| self)
    }
}
