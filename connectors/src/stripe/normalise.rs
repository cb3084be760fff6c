//! What a Stripe object means as a payment.

use std::borrow::Cow;

use buffalo_model::{Entity, Normalised, Payment, PaymentKind, PaymentStatus, RawState};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::resource::Resource;
use crate::connector::NormaliseError;
use crate::text::{Lenient, Text};

/// The fields that matter. Numbers stay texts here, so that one that does not fit is an error that names its field.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    amount_captured: Option<&'a RawValue>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    captured: Option<bool>,
    refunded: Option<bool>,
    deleted: Option<bool>,
    #[serde(borrow)]
    charge: Option<Reference<'a>>,
    #[serde(borrow)]
    customer: Option<Lenient<Option<Reference<'a>>>>,
    #[serde(borrow)]
    billing_details: Option<Lenient<BillingDetails<'a>>>,
    #[serde(borrow)]
    receipt_email: Option<Text<'a>>,
    #[serde(borrow)]
    balance_transactions: Option<Vec<BalanceTransaction<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BillingDetails<'a> {
    #[serde(borrow)]
    email: Text<'a>,
}

/// What a dispute did to the account: funds withdrawn are negative, funds reinstated positive.
#[derive(Deserialize)]
struct BalanceTransaction<'a> {
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
}

/// A field that holds an id, or the object itself where it was expanded.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference<'a> {
    Id(#[serde(borrow)] Cow<'a, str>),
    Expanded {
        #[serde(borrow)]
        id: Cow<'a, str>,
    },
}

impl Reference<'_> {
    fn id(self) -> String {
        match self {
            Self::Id(id) | Self::Expanded { id } => id.into_owned(),
        }
    }
}

/// Reads a charge, refund or dispute.
pub(super) fn normalise(state: RawState<'_>) -> Result<Normalised, NormaliseError> {
    match state.entity {
        Entity::Payments => payment(state.payload),
        Entity::Contacts | Entity::Events => Err(NormaliseError::UnknownEntity(state.entity)),
    }
}

fn payment(payload: &str) -> Result<Normalised, NormaliseError> {
    let object: Object<'_> =
        serde_json::from_str(payload).map_err(|error| NormaliseError::Unreadable(error.to_string()))?;
    if object.deleted == Some(true) {
        return Ok(Normalised::Gone);
    }
    if object.id.is_none_or(|id| id.is_empty()) {
        return Err(NormaliseError::Missing("id"));
    }
    let name = object.object.ok_or(NormaliseError::Missing("object"))?;
    let resource = Resource::of_object(&name).ok_or_else(|| NormaliseError::Unusable {
        field: "object",
        what: format!("`{}` is no charge, refund or dispute", shortened(&name)),
    })?;
    let raw_status = object.status.and_then(|status| status.0).ok_or(NormaliseError::Missing("status"))?;
    let amount = whole_number("amount", object.amount)?;
    let (kind, status, amount, uncaptured) = match resource {
        Resource::Charges => {
            let captured = object.captured.ok_or(NormaliseError::Missing("captured"))?;
            let status = charge_status(&raw_status, captured, object.refunded.unwrap_or(false));
            // What was captured is what was collected; it may be less than what was authorised.
            let (amount, uncaptured) = match status {
                PaymentStatus::Collected => {
                    let collected = whole_number("amount_captured", object.amount_captured)?;
                    (collected, amount.saturating_sub(collected))
                }
                PaymentStatus::Pending | PaymentStatus::Voided if !captured => (amount, amount),
                _ => (amount, 0),
            };
            (PaymentKind::Charge, status, amount, uncaptured.max(0))
        }
        Resource::Refunds => (PaymentKind::Refund, refund_status(&raw_status), amount, 0),
        Resource::Disputes => (PaymentKind::Dispute, dispute_status(&raw_status), amount, 0),
    };
    if amount < 0 {
        let what = format!("{amount} is negative");
        return Err(NormaliseError::Unusable { field: "amount", what });
    }
    let currency = object.currency.ok_or(NormaliseError::Missing("currency"))?;
    let withdrawn = match (kind, status) {
        (PaymentKind::Dispute, PaymentStatus::Pending) => {
            withdrawn(object.balance_transactions.as_deref().unwrap_or_default(), &currency, amount)?
        }
        _ => 0,
    };
    let currency = currency
        .parse()
        .map_err(|error| NormaliseError::Unusable { field: "currency", what: format!("{error}") })?;
    let created = whole_number("created", object.created)?;
    let occurred_at = DateTime::from_timestamp(created, 0).ok_or_else(|| NormaliseError::Unusable {
        field: "created",
        what: format!("{created} is no time in seconds since 1970"),
    })?;
    Ok(Normalised::Payment(Payment {
        kind,
        status,
        raw_status: raw_status.into_owned(),
        amount_minor: amount,
        uncaptured_minor: uncaptured,
        withdrawn_minor: withdrawn,
        currency,
        occurred_at,
        parent_external_id: object.charge.map(Reference::id),
        customer_external_id: object.customer.and_then(|customer| customer.0).map(Reference::id),
        customer_email: object
            .billing_details
            .and_then(|details| email(&details.0.email))
            .or_else(|| object.receipt_email.as_ref().and_then(email)),
        deleted: false,
    }))
}

/// A succeeded charge is money only once it is captured: before, it is an authorisation. When that is given up or expires,
/// Stripe calls the charge refunded, and it can't be captured any more.
fn charge_status(raw: &str, captured: bool, refunded: bool) -> PaymentStatus {
    match raw.trim() {
        "succeeded" | "paid" if captured => PaymentStatus::Collected,
        "succeeded" | "paid" if refunded => PaymentStatus::Voided,
        "succeeded" | "paid" => PaymentStatus::Pending,
        "pending"
        | "processing"
        | "requires_payment_method"
        | "requires_confirmation"
        | "requires_action"
        | "requires_capture" => PaymentStatus::Pending,
        "canceled" => PaymentStatus::Voided,
        "failed" => PaymentStatus::Failed,
        _ => PaymentStatus::Unknown,
    }
}

fn refund_status(raw: &str) -> PaymentStatus {
    match raw.trim() {
        "succeeded" => PaymentStatus::Refunded,
        "pending" | "requires_action" => PaymentStatus::Pending,
        "canceled" => PaymentStatus::Voided,
        "failed" => PaymentStatus::Failed,
        _ => PaymentStatus::Unknown,
    }
}

/// Only a lost dispute takes money for good; while one is open nothing is decided.
fn dispute_status(raw: &str) -> PaymentStatus {
    match raw.trim() {
        "lost" => PaymentStatus::Disputed,
        "won" | "warning_closed" | "prevented" => PaymentStatus::Voided,
        "warning_needs_response"
        | "warning_under_review"
        | "needs_response"
        | "under_review"
        | "appeal_needs_response"
        | "appeal_under_review" => PaymentStatus::Pending,
        _ => PaymentStatus::Unknown,
    }
}

/// What was withdrawn for a dispute and not reinstated. A balance may be kept in another currency than the charge's: then it
/// tells only whether the disputed amount is gone.
fn withdrawn(
    transactions: &[BalanceTransaction<'_>],
    currency: &str,
    amount: i64,
) -> Result<i64, NormaliseError> {
    let mut balance: i64 = 0;
    let mut same_currency = true;
    for transaction in transactions {
        let moved = whole_number("balance_transactions.amount", transaction.amount)?;
        balance = balance.saturating_add(moved);
        same_currency &= transaction.currency.as_deref() == Some(currency);
    }
    Ok(match balance {
        0.. => 0,
        _ if same_currency => balance.saturating_neg().min(amount),
        _ => amount,
    })
}

fn email(address: &Text<'_>) -> Option<String> {
    address.filled().map(str::to_lowercase)
}

fn whole_number(field: &'static str, raw: Option<&RawValue>) -> Result<i64, NormaliseError> {
    let text = raw.ok_or(NormaliseError::Missing(field))?.get();
    text.parse().map_err(|_| NormaliseError::Unusable {
        field,
        what: format!("{} is no whole number of 64 bits", shortened(text)),
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
