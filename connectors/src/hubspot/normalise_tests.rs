//! Tests of what HubSpot objects mean.

use serde_json::{Value, json};

use super::*;

fn deal_with(changes: &Value) -> String {
    let mut deal = json!({
        "id": "35447325508",
        "properties": { "amount": "500.50", "deal_currency_code": "USD", "dealstage": "closedwon",
                        "pipeline": "default", "closedate": "2026-04-03T12:59:10.726Z",
                        "createdate": "2026-01-01T00:00:00Z", "hs_is_closed": null, "hs_is_closed_won": null },
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-04-03T12:59:10.726Z", "archived": false,
    });
    for (name, value) in changes.as_object().unwrap() {
        deal["properties"][name] = value.clone();
    }
    deal.to_string()
}

fn read_deal(payload: &str, context: Option<&str>) -> Result<Normalised, NormaliseError> {
    normalise(RawState { entity: Entity::Payments, external_id: "1", context, payload })
}

fn payment(changes: &Value, context: Option<&str>) -> Payment {
    match read_deal(&deal_with(changes), context).unwrap() {
        Normalised::Payment(payment) => payment,
        other => panic!("{other:?} is no payment"),
    }
}

#[test]
fn flags_come_before_the_pipeline_and_that_before_names() {
    use PaymentStatus::{Collected, Failed, Pending, Unknown};
    let (yes, no) = (Some("true"), Some("false"));
    for (stage, won, closed, context, status) in [
        ("closedwon", None, None, None, Collected),
        (" ClosedWon ", None, None, None, Collected),
        ("paid", None, None, None, Collected),
        ("closedlost", None, None, None, Failed),
        ("contractsent", None, None, None, Pending),
        ("147213003", None, None, None, Unknown),
        ("147213003", None, None, Some(r#"{"stage":"won"}"#), Collected),
        ("completed", None, None, Some(r#"{"stage":"lost"}"#), Failed),
        ("closedwon", None, None, Some(r#"{"stage":"open"}"#), Pending),
        ("147213003", yes, yes, Some(r#"{"stage":"open"}"#), Collected),
        ("closedwon", no, yes, Some(r#"{"stage":"won"}"#), Failed),
        ("closedwon", no, no, Some(r#"{"stage":"won"}"#), Pending),
        ("closedwon", no, None, None, Unknown),
        ("closedwon", no, None, Some(r#"{"stage":"won"}"#), Unknown),
        ("closedwon", Some(""), Some(""), None, Collected),
        ("147213003", None, no, None, Pending),
    ] {
        let changes = json!({ "dealstage": stage, "hs_is_closed_won": won, "hs_is_closed": closed });
        let payment = payment(&changes, context);
        assert_eq!(payment.status, status, "{stage} {won:?} {closed:?} {context:?}");
        assert_eq!(payment.raw_status, stage.trim());
    }
}

#[test]
fn amounts_have_the_currency_of_the_deal_or_of_the_company() {
    let context = Some(r#"{"companyCurrency":"JPY"}"#);
    let own = payment(&json!({}), context);
    assert_eq!((own.amount_minor, own.currency.as_str(), own.kind), (50_050, "USD", PaymentKind::Deal));
    let company = payment(&json!({ "deal_currency_code": null, "amount": "500" }), context);
    assert_eq!((company.amount_minor, company.currency.as_str()), (500, "JPY"));
    assert_eq!(payment(&json!({ "amount": null }), None).amount_minor, 0);
    let error = read_deal(&deal_with(&json!({ "deal_currency_code": "" })), None).unwrap_err();
    assert_eq!(error, NormaliseError::Missing("deal_currency_code"));
}

#[test]
fn a_formula_is_rounded_and_less_than_nothing_is_a_credit() {
    for amount in [json!("1166.6666666666667"), json!(1166.6666666666667_f64)] {
        let rounded = payment(&json!({ "amount": amount }), None);
        assert_eq!((rounded.amount_minor, rounded.kind), (116_667, PaymentKind::Deal));
    }
    for (stage, status) in [
        ("closedwon", PaymentStatus::Refunded),
        ("contractsent", PaymentStatus::Pending),
        ("closedlost", PaymentStatus::Failed),
        ("147213003", PaymentStatus::Unknown),
    ] {
        let credit = payment(&json!({ "amount": "-1166.6666666666667", "dealstage": stage }), None);
        assert_eq!((credit.kind, credit.amount_minor, credit.status), (PaymentKind::Credit, 116_667, status));
    }
    assert_eq!(payment(&json!({ "amount": "-0.001" }), None).kind, PaymentKind::Deal);
}

#[test]
fn what_is_no_text_is_none_and_what_spells_a_flag_is_one() {
    let payload = r#"{ "id": "1", "properties": { "email": 5, "firstname": "An\ud83dn", "lastname": {"a": "b"},
        "phone": 4930123, "company": [], "lifecyclestage": true } }"#;
    let state = RawState { entity: Entity::Contacts, external_id: "1", context: None, payload };
    let expected = Contact { first_name: Some("An\u{fffd}n".to_owned()), ..Contact::default() };
    assert_eq!(normalise(state).unwrap(), Normalised::Contact(expected));
    let deal = payment(&json!({ "hs_is_closed_won": true, "dealstage": 147_213_003, "createdate": 5 }), None);
    assert_eq!((deal.status, deal.raw_status.as_str()), (PaymentStatus::Collected, "147213003"));
}

#[test]
fn a_deal_happens_when_it_closes_or_else_when_it_began() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    assert_eq!(payment(&json!({}), None).occurred_at, at("2026-04-03T12:59:10.726Z"));
    assert_eq!(payment(&json!({ "closedate": null }), None).occurred_at, at("2026-01-01T00:00:00Z"));
    for mistyped in ["0024-05-05T00:00:00Z", "+20260-04-03T00:00:00Z"] {
        assert_eq!(payment(&json!({ "closedate": mistyped }), None).occurred_at, at(mistyped));
    }
    let payload = deal_with(&json!({ "closedate": "-9999-01-01T00:00:00Z" }));
    let state = RawState { entity: Entity::Payments, external_id: "1", context: None, payload: &payload };
    let error = super::super::REGISTRATION.read(state).unwrap_err().to_string();
    assert!(error.contains("before any that PostgreSQL knows"), "{error}");
    let neither = payment(&json!({ "closedate": "", "createdate": null }), None);
    assert_eq!(neither.occurred_at, at("2026-01-01T00:00:00Z"));
}

#[test]
fn what_can_not_be_used_is_named() {
    for (changes, field) in [
        (json!({ "amount": "" }), "amount"),
        (json!({ "amount": "1,000.50" }), "amount"),
        (json!({ "amount": "12abc" }), "amount"),
        (json!({ "amount": "Infinity" }), "amount"),
        (json!({ "amount": "1e400" }), "amount"),
        (json!({ "dealstage": { "id": 1 } }), "dealstage"),
        (json!({ "dealstage": null }), "dealstage"),
        (json!({ "deal_currency_code": "dollars" }), "deal_currency_code"),
        (json!({ "closedate": "tomorrow" }), "closedate"),
    ] {
        let error = read_deal(&deal_with(&changes), None).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}`")), "{changes}: {error}");
    }
    assert!(matches!(read_deal("<html>", None), Err(NormaliseError::Unreadable(_))));
    assert!(matches!(read_deal(&deal_with(&json!({})), Some("{")), Err(NormaliseError::Unreadable(_))));
    let events = RawState { entity: Entity::Events, external_id: "1", context: None, payload: "{}" };
    assert_eq!(normalise(events), Err(NormaliseError::UnknownEntity(Entity::Events)));
}

#[test]
fn what_is_deleted_is_marked_or_gone() {
    let archived = deal_with(&json!({})).replace(r#""archived":false"#, r#""archived":true"#);
    let Normalised::Payment(payment) = read_deal(&archived, None).unwrap() else { panic!("no payment") };
    assert!(payment.deleted);
    let broken = deal_with(&json!({ "amount": "" })).replace(r#""archived":false"#, r#""archived":true"#);
    assert_eq!(read_deal(&broken, None).unwrap(), Normalised::Gone);
    for payload in [super::super::records::GONE, r#"{"gone":"merged into 7","id":"5"}"#] {
        assert_eq!(read_deal(payload, None).unwrap(), Normalised::Gone);
        let contact = RawState { entity: Entity::Contacts, external_id: "5", context: None, payload };
        assert_eq!(normalise(contact).unwrap(), Normalised::Gone);
    }
}

#[test]
fn a_contact_has_what_is_filled_in() {
    let payload = json!({ "id": "1", "archived": true, "properties": {
        "email": " Maria@Example.com", "firstname": "Maria", "lastname": "", "phone": null, "company": "HubSpot",
        "lifecyclestage": "lead", "hs_object_id": "1" } });
    let state =
        RawState { entity: Entity::Contacts, external_id: "1", context: None, payload: &payload.to_string() };
    let expected = Contact {
        email: Some("maria@example.com".to_owned()),
        first_name: Some("Maria".to_owned()),
        company: Some("HubSpot".to_owned()),
        lifecycle_stage: Some("lead".to_owned()),
        deleted: true,
        ..Contact::default()
    };
    assert_eq!(normalise(state).unwrap(), Normalised::Contact(expected));
}
