//! What HubSpot's deals and contacts mean.

use std::borrow::Cow;

use buffalo_model::{Contact, Currency, Entity, Normalised, Payment, PaymentKind, PaymentStatus, RawState};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::amount::minor_units;
use super::context::Context;
use super::pipelines::Meaning;
use crate::connector::NormaliseError;

type Text<'a> = Option<Cow<'a, str>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "P: Deserialize<'de>"))]
struct Object<P> {
    /// Set by the connector for what HubSpot no longer has.
    gone: Option<String>,
    properties: Option<P>,
    created_at: Option<String>,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
struct Deal<'a> {
    #[serde(borrow)]
    amount: Text<'a>,
    #[serde(borrow)]
    deal_currency_code: Text<'a>,
    #[serde(borrow)]
    dealstage: Text<'a>,
    #[serde(borrow)]
    closedate: Text<'a>,
    #[serde(borrow)]
    createdate: Text<'a>,
    #[serde(borrow)]
    hs_is_closed: Text<'a>,
    #[serde(borrow)]
    hs_is_closed_won: Text<'a>,
}

#[derive(Deserialize)]
struct Person {
    email: Option<String>,
    firstname: Option<String>,
    lastname: Option<String>,
    phone: Option<String>,
    company: Option<String>,
    lifecyclestage: Option<String>,
}

/// Reads a deal or a contact.
pub(super) fn normalise(state: RawState<'_>) -> Result<Normalised, NormaliseError> {
    match state.entity {
        Entity::Payments => deal(state),
        Entity::Contacts => contact(state.payload),
        Entity::Events => Err(NormaliseError::UnknownEntity(state.entity)),
    }
}

fn read<'a, P: Deserialize<'a>>(payload: &'a str) -> Result<Object<P>, NormaliseError> {
    serde_json::from_str(payload).map_err(|error| NormaliseError::Unreadable(error.to_string()))
}

fn contact(payload: &str) -> Result<Normalised, NormaliseError> {
    let object: Object<Person> = read(payload)?;
    if object.gone.is_some() {
        return Ok(Normalised::Gone);
    }
    let person = object.properties.ok_or(NormaliseError::Missing("properties"))?;
    let filled =
        |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(Normalised::Contact(Contact {
        email: filled(person.email).map(|email| email.to_lowercase()),
        first_name: filled(person.firstname),
        last_name: filled(person.lastname),
        phone: filled(person.phone),
        company: filled(person.company),
        lifecycle_stage: filled(person.lifecyclestage),
        deleted: object.archived,
    }))
}

fn deal(state: RawState<'_>) -> Result<Normalised, NormaliseError> {
    let object: Object<Deal<'_>> = read(state.payload)?;
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

fn payment(object: Object<Deal<'_>>, context: &Context) -> Result<Payment, NormaliseError> {
    let deal = object.properties.ok_or(NormaliseError::Missing("properties"))?;
    let raw_status = filled(&deal.dealstage).ok_or(NormaliseError::Missing("dealstage"))?;
    let currency = filled(&deal.deal_currency_code)
        .or(context.company_currency.as_deref())
        .ok_or(NormaliseError::Missing("deal_currency_code"))?;
    let currency: Currency = currency.parse().map_err(|error| NormaliseError::Unusable {
        field: "deal_currency_code",
        what: format!("{error}"),
    })?;
    let amount_minor = match &deal.amount {
        None => 0,
        Some(amount) => minor_units(amount, currency)
            .map_err(|what| NormaliseError::Unusable { field: "amount", what })?,
    };
    let occurred_at = match (filled(&deal.closedate), filled(&deal.createdate), object.created_at.as_deref())
    {
        (Some(closed), ..) => time("closedate", closed)?,
        (None, Some(created), _) => time("createdate", created)?,
        (None, None, Some(created)) => time("createdAt", created)?,
        (None, None, None) => return Err(NormaliseError::Missing("closedate")),
    };
    Ok(Payment {
        kind: PaymentKind::Deal,
        status: status(&deal, raw_status, context.stage),
        raw_status: raw_status.to_owned(),
        amount_minor,
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

/// A text that is not empty: clearing a property leaves an empty one in some places and null in others.
fn filled<'a>(text: &'a Text<'_>) -> Option<&'a str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn flag(text: &Text<'_>) -> Option<bool> {
    filled(text)?.parse().ok()
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
