//! What HubSpot's deals and contacts mean.

use buffalo_model::{Contact, Currency, Entity, Normalised, Payment, PaymentKind, PaymentStatus, RawState};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::amount::minor_units;
use super::context::Context;
use super::pipelines::Meaning;
use crate::connector::NormaliseError;
use crate::text::{Scalar, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "P: Deserialize<'de>, 'de: 'a"))]
struct Object<'a, P> {
    /// Set by the connector for what HubSpot no longer has.
    gone: Option<String>,
    properties: Option<P>,
    #[serde(borrow, default)]
    created_at: Text<'a>,
    #[serde(default)]
    archived: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Deal<'a> {
    #[serde(borrow)]
    amount: Scalar<'a>,
    #[serde(borrow)]
    deal_currency_code: Text<'a>,
    #[serde(borrow)]
    dealstage: Scalar<'a>,
    #[serde(borrow)]
    closedate: Text<'a>,
    #[serde(borrow)]
    createdate: Text<'a>,
    #[serde(borrow)]
    hs_is_closed: Scalar<'a>,
    #[serde(borrow)]
    hs_is_closed_won: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Person<'a> {
    #[serde(borrow)]
    email: Text<'a>,
    #[serde(borrow)]
    firstname: Text<'a>,
    #[serde(borrow)]
    lastname: Text<'a>,
    #[serde(borrow)]
    phone: Text<'a>,
    #[serde(borrow)]
    company: Text<'a>,
    #[serde(borrow)]
    lifecyclestage: Text<'a>,
}

/// Reads a deal or a contact.
pub(super) fn normalise(state: RawState<'_>) -> Result<Normalised, NormaliseError> {
    match state.entity {
        Entity::Payments => deal(state),
        Entity::Contacts => contact(state.payload),
        Entity::Events => Err(NormaliseError::UnknownEntity(state.entity)),
    }
}

fn read<'a, P: Deserialize<'a>>(payload: &'a str) -> Result<Object<'a, P>, NormaliseError> {
    serde_json::from_str(payload).map_err(|error| NormaliseError::Unreadable(error.to_string()))
}

fn contact(payload: &str) -> Result<Normalised, NormaliseError> {
    let object: Object<'_, Person<'_>> = read(payload)?;
    if object.gone.is_some() {
        return Ok(Normalised::Gone);
    }
    let person = object.properties.ok_or(NormaliseError::Missing("properties"))?;
    Ok(Normalised::Contact(Contact {
        email: person.email.filled().map(str::to_lowercase),
        first_name: person.firstname.kept(),
        last_name: person.lastname.kept(),
        phone: person.phone.kept(),
        company: person.company.kept(),
        lifecycle_stage: person.lifecyclestage.kept(),
        deleted: object.archived,
    }))
}

fn deal(state: RawState<'_>) -> Result<Normalised, NormaliseError> {
    let object: Object<'_, Deal<'_>> = read(state.payload)?;
    if object.gone.is_some() {
        return Ok(Normalised::Gone);
    }
    let context = match state.context {
        None => Context::default(),
        Some(context) => serde_json::from_str(context)
            .map_err(|error| NormaliseError::Unreadable(format!("its context: {error}")))?,
    };
    let archived = object.archived;
    match payment(object, &context) {
        // It counts nowhere any more, so what can't be read of it, or would need a context, is nobody's worry.
        Err(_) if archived => Ok(Normalised::Gone),
        Ok(payment) if archived && payment.status == PaymentStatus::Unknown => Ok(Normalised::Gone),
        payment => payment.map(Normalised::Payment),
    }
}

fn payment(object: Object<'_, Deal<'_>>, context: &Context) -> Result<Payment, NormaliseError> {
    let deal = object.properties.ok_or(NormaliseError::Missing("properties"))?;
    let raw_status = deal.dealstage.filled().ok_or(NormaliseError::Missing("dealstage"))?;
    let currency = deal
        .deal_currency_code
        .filled()
        .or(context.company_currency.as_deref())
        .ok_or(NormaliseError::Missing("deal_currency_code"))?;
    let currency: Currency = currency.parse().map_err(|error| NormaliseError::Unusable {
        field: "deal_currency_code",
        what: format!("{error}"),
    })?;
    let amount_minor = match &deal.amount.0 {
        None => 0,
        Some(amount) => minor_units(amount, currency)
            .map_err(|what| NormaliseError::Unusable { field: "amount", what })?,
    };
    let dates = (deal.closedate.filled(), deal.createdate.filled(), object.created_at.filled());
    let occurred_at = match dates {
        (Some(closed), ..) => time("closedate", closed)?,
        (None, Some(created), _) => time("createdate", created)?,
        (None, None, Some(created)) => time("createdAt", created)?,
        (None, None, None) => return Err(NormaliseError::Missing("closedate")),
    };
    let status = status(&deal, raw_status, context.stage);
    // A deal of less than nothing gives money back. Amounts are positive; the kind says which way the money went.
    let (kind, status) = match status {
        _ if amount_minor >= 0 => (PaymentKind::Deal, status),
        PaymentStatus::Collected => (PaymentKind::Credit, PaymentStatus::Refunded),
        status => (PaymentKind::Credit, status),
    };
    Ok(Payment {
        kind,
        status,
        raw_status: raw_status.to_owned(),
        amount_minor: amount_minor.saturating_abs(),
        currency,
        occurred_at,
        uncaptured_minor: 0,
        capturable_minor: 0,
        withdrawn_minor: 0,
        money_moved: None,
        without_payment: false,
        claimed_refunded_minor: None,
        claimed_disputed: false,
        customer_email: None,
        parent_external_id: None,
        customer_external_id: None,
        deleted: object.archived,
    })
}

/// What HubSpot computed for the deal, else what its stage means in its pipeline, else what the stage is called by
/// default. HubSpot's word that a deal is not won holds against any name.
fn status(deal: &Deal<'_>, stage: &str, meaning: Option<Meaning>) -> PaymentStatus {
    let won = flag(&deal.hs_is_closed_won);
    let by_flags = match (won, flag(&deal.hs_is_closed)) {
        (Some(true), _) => Some(Meaning::Won),
        (Some(false), Some(true)) => Some(Meaning::Lost),
        (_, Some(false)) => Some(Meaning::Open),
        _ => None,
    };
    let not_won = won == Some(false);
    match by_flags.or(meaning.filter(|meaning| !(not_won && *meaning == Meaning::Won))) {
        Some(Meaning::Won) => PaymentStatus::Collected,
        Some(Meaning::Lost) => PaymentStatus::Failed,
        Some(Meaning::Open) => PaymentStatus::Pending,
        None => match by_name(stage) {
            PaymentStatus::Collected if not_won => PaymentStatus::Unknown,
            status => status,
        },
    }
}

fn by_name(stage: &str) -> PaymentStatus {
    match stage.trim().to_lowercase().as_str() {
        "closedwon" | "paid" | "completed" => PaymentStatus::Collected,
        "closedlost" => PaymentStatus::Failed,
        "appointmentscheduled"
        | "qualifiedtobuy"
        | "presentationscheduled"
        | "decisionmakerboughtin"
        | "contractsent" => PaymentStatus::Pending,
        _ => PaymentStatus::Unknown,
    }
}

fn flag(text: &Scalar<'_>) -> Option<bool> {
    text.filled()?.parse().ok()
}

fn time(field: &'static str, text: &str) -> Result<DateTime<Utc>, NormaliseError> {
    text.parse().map_err(|_| NormaliseError::Unusable {
        field,
        what: format!("`{}` is no ISO 8601 time", text.chars().take(40).collect::<String>()),
    })
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod unit_tests;
