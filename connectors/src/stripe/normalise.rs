//! What a Stripe object means as a payment.

use std::borrow::Cow;

use buffalo_model::{Entity, Normalised, Payment, PaymentKind, PaymentStatus, RawState};
use chrono::DateTime;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::disputed::{BalanceTransaction, Disputed};
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
    amount_refunded: Option<&'a RawValue>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    captured: Option<bool>,
    refunded: Option<bool>,
    disputed: Option<bool>,
    deleted: Option<bool>,
    #[serde(borrow)]
    charge: Option<Reference<'a>>,
    #[serde(borrow)]
    payment_intent: Option<Reference<'a>>,
    /// None where there is no such field; some none where it is null.
    #[serde(borrow, default, deserialize_with = "if_present")]
    balance_transaction: Option<Option<&'a RawValue>>,
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

/// Tells a field that is null from one that is not there.
fn if_present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
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
    /// The id; none where it is empty.
    fn id(self) -> Option<String> {
        match self {
            Self::Id(id) | Self::Expanded { id } => Some(id.into_owned()).filter(|id| !id.is_empty()),
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
    let currency = object.currency.ok_or(NormaliseError::Missing("currency"))?;
    let parent_external_id = object.charge.and_then(Reference::id);
    let intent = object.payment_intent.and_then(Reference::id);
    let facts = match resource {
        Resource::Charges => {
            let captured = object.captured.ok_or(NormaliseError::Missing("captured"))?;
            let refunded = object.refunded.unwrap_or(false);
            let amount_captured = match object.amount_captured {
                None if !captured => 0,
                given => whole_number("amount_captured", given)?,
            };
            let status = charge_status(&raw_status, captured || amount_captured > 0, refunded);
            // What was captured is what was collected; it may be less than what was authorised, and become more.
            let (amount, uncaptured) = match status {
                PaymentStatus::Collected => (amount_captured, amount.saturating_sub(amount_captured).max(0)),
                PaymentStatus::Pending | PaymentStatus::Voided if !captured => (amount, amount.max(0)),
                _ => (amount, 0),
            };
            let open = status == PaymentStatus::Collected && !captured && !refunded;
            Facts {
                uncaptured,
                capturable: if open { uncaptured } else { 0 },
                claimed_refunded: object.amount_refunded.and_then(claimed),
                claimed_disputed: object.disputed.unwrap_or(false),
                ..Facts::of(PaymentKind::Charge, status, amount, currency)
            }
        }
        Resource::Refunds => Facts {
            money_moved: object.balance_transaction.map(|transaction| transaction.is_some()),
            without_payment: parent_external_id.is_none() && intent.is_none(),
            ..Facts::of(PaymentKind::Refund, refund_status(&raw_status), amount, currency)
        },
        Resource::Disputes => {
            let status = dispute_status(&raw_status);
            let transactions = object.balance_transactions.as_deref().unwrap_or_default();
            let disputed = Disputed::of(status, amount, currency, transactions)?;
            Facts {
                withdrawn: disputed.withdrawn,
                ..Facts::of(PaymentKind::Dispute, status, disputed.amount, disputed.currency)
            }
        }
    };
    if facts.amount < 0 {
        let what = format!("{} is negative", facts.amount);
        return Err(NormaliseError::Unusable { field: "amount", what });
    }
    let currency = facts
        .currency
        .parse()
        .map_err(|error| NormaliseError::Unusable { field: "currency", what: format!("{error}") })?;
    let created = whole_number("created", object.created)?;
    let occurred_at = DateTime::from_timestamp(created, 0).ok_or_else(|| NormaliseError::Unusable {
        field: "created",
        what: format!("{created} is no time in seconds since 1970"),
    })?;
    Ok(Normalised::Payment(Payment {
        kind: facts.kind,
        status: facts.status,
        raw_status: raw_status.into_owned(),
        amount_minor: facts.amount,
        uncaptured_minor: facts.uncaptured,
        capturable_minor: facts.capturable,
        withdrawn_minor: facts.withdrawn,
        money_moved: facts.money_moved,
        without_payment: facts.without_payment,
        claimed_refunded_minor: facts.claimed_refunded,
        claimed_disputed: facts.claimed_disputed,
        currency,
        occurred_at,
        parent_external_id,
        customer_external_id: object.customer.and_then(|customer| customer.0).and_then(Reference::id),
        customer_email: object
            .billing_details
            .and_then(|details| email(&details.0.email))
            .or_else(|| object.receipt_email.as_ref().and_then(email)),
        deleted: false,
    }))
}

/// What sets charges, refunds and disputes apart.
struct Facts<'a> {
    kind: PaymentKind,
    status: PaymentStatus,
    amount: i64,
    currency: Cow<'a, str>,
    uncaptured: i64,
    capturable: i64,
    withdrawn: i64,
    money_moved: Option<bool>,
    without_payment: bool,
    claimed_refunded: Option<i64>,
    claimed_disputed: bool,
}

impl<'a> Facts<'a> {
    fn of(kind: PaymentKind, status: PaymentStatus, amount: i64, currency: Cow<'a, str>) -> Self {
        Self {
            kind,
            status,
            amount,
            currency,
            uncaptured: 0,
            capturable: 0,
            withdrawn: 0,
            money_moved: None,
            without_payment: false,
            claimed_refunded: None,
            claimed_disputed: false,
        }
    }
}

/// A succeeded charge is money as far as it was captured: before, it is an authorisation. When that is given up or expires,
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

/// How a dispute ended. Its balance transactions say what it took, in every status.
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

fn email(address: &Text<'_>) -> Option<String> {
    address.filled().map(str::to_lowercase)
}

/// An amount that a charge claims; none where it is nothing. What can't be read is no claim, and no reason to lose a charge.
fn claimed(raw: &RawValue) -> Option<i64> {
    raw.get().parse().ok().filter(|amount| *amount > 0)
}

pub(super) fn whole_number(field: &'static str, raw: Option<&RawValue>) -> Result<i64, NormaliseError> {
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
