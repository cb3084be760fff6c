//! Tests of what Stripe objects mean.

use serde_json::{Value, json};

use super::*;

fn charge() -> Value {
    json!({"id": "ch_1", "object": "charge", "status": "succeeded", "captured": true, "amount": 1000,
           "amount_captured": 1000, "currency": "usd", "created": 1_700_000_000, "customer": "cus_1"})
}

fn with(field: &str, value: Value) -> Value {
    let mut charge = charge();
    charge[field] = value;
    charge
}

fn read(object: &Value) -> Result<Payment, NormaliseError> {
    match payment(&object.to_string())? {
        Normalised::Payment(payment) => Ok(payment),
        other => panic!("{other:?} is no payment"),
    }
}

#[test]
fn every_documented_status_has_its_meaning() {
    use PaymentStatus::{Collected, Disputed, Failed, Pending, Refunded, Unknown, Voided};
    let table = [
        ("charge", "succeeded", Collected),
        ("charge", "paid", Collected),
        ("charge", " succeeded ", Collected),
        ("charge", "pending", Pending),
        ("charge", "processing", Pending),
        ("charge", "requires_payment_method", Pending),
        ("charge", "requires_confirmation", Pending),
        ("charge", "requires_action", Pending),
        ("charge", "requires_capture", Pending),
        ("charge", "canceled", Voided),
        ("charge", "failed", Failed),
        ("charge", "Succeeded", Unknown),
        ("charge", "settled", Unknown),
        ("refund", "succeeded", Refunded),
        ("refund", "pending", Pending),
        ("refund", "requires_action", Pending),
        ("refund", "canceled", Voided),
        ("refund", "failed", Failed),
        ("refund", "reversed", Unknown),
        ("dispute", "lost", Disputed),
        ("dispute", "won", Voided),
        ("dispute", "warning_closed", Voided),
        ("dispute", "prevented", Voided),
        ("dispute", "warning_needs_response", Pending),
        ("dispute", "warning_under_review", Pending),
        ("dispute", "needs_response", Pending),
        ("dispute", "under_review", Pending),
        ("dispute", "appeal_needs_response", Pending),
        ("dispute", "appeal_under_review", Pending),
        ("dispute", "charge_refunded", Unknown),
    ];
    for (object, status, meaning) in table {
        let mut value = with("status", json!(status));
        value["object"] = json!(object);
        let payment = read(&value).unwrap();
        assert_eq!(payment.status, meaning, "{object} {status}");
        assert_eq!(payment.raw_status, status);
    }
}

#[test]
fn an_authorisation_is_pending_and_a_partial_capture_counts_what_was_captured() {
    let authorised = with("captured", json!(false));
    assert_eq!(read(&authorised).unwrap().status, PaymentStatus::Pending);
    let mut released = authorised;
    released["refunded"] = json!(true);
    assert_eq!(read(&released).unwrap().status, PaymentStatus::Voided);
    let partly = read(&with("amount_captured", json!(600))).unwrap();
    assert_eq!((partly.status, partly.amount_minor), (PaymentStatus::Collected, 600));
}

#[test]
fn a_refund_leads_to_its_charge_also_when_that_is_expanded() {
    let mut refund = json!({"id": "re_1", "object": "refund", "status": "succeeded", "amount": 5,
                            "currency": "JPY", "created": 1, "charge": "ch_1", "customer": null});
    assert_eq!(read(&refund).unwrap().parent_external_id.as_deref(), Some("ch_1"));
    refund["charge"] = json!({"id": "ch_2", "object": "charge"});
    let payment = read(&refund).unwrap();
    assert_eq!(payment.parent_external_id.as_deref(), Some("ch_2"));
    assert_eq!(payment.currency.as_str(), "JPY");
    assert_eq!(payment.customer_external_id, None);
}

#[test]
fn what_can_not_be_used_is_named() {
    let cases = [
        (with("amount_captured", json!("1000")), "amount_captured"),
        (with("amount", json!(10.5)), "amount"),
        (with("amount_captured", json!(-5)), "amount"),
        (with("currency", json!("dollars")), "currency"),
        (with("currency", Value::Null), "currency"),
        (with("created", json!(9_000_000_000_000_000_i64)), "created"),
        (with("status", Value::Null), "status"),
        (with("id", Value::Null), "id"),
        (with("captured", Value::Null), "captured"),
        (with("object", json!("invoice")), "object"),
    ];
    for (object, field) in cases {
        let error = read(&object).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}`")), "{object}: {error}");
    }
    let beyond =
        charge().to_string().replace("\"amount_captured\":1000", "\"amount_captured\":9223372036854775808");
    let error = payment(&beyond).unwrap_err().to_string();
    assert!(error.contains("9223372036854775808"), "{error}");
    assert!(matches!(payment("<html>"), Err(NormaliseError::Unreadable(_))));
    assert!(matches!(payment(r#"{"id": "ch_1", "amo"#), Err(NormaliseError::Unreadable(_))));
}

#[test]
fn what_was_authorised_and_not_captured_is_told_apart() {
    let cases = [
        (json!({}), (1000, 0)),
        (json!({"amount_captured": 700}), (700, 300)),
        (json!({"captured": false, "amount_captured": 0}), (1000, 1000)),
        (json!({"captured": false, "amount_captured": 0, "refunded": true}), (1000, 1000)),
        (json!({"status": "pending"}), (1000, 0)),
        (json!({"status": "failed", "captured": false}), (1000, 0)),
    ];
    for (changes, expected) in cases {
        let mut object = charge();
        object.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let payment = read(&object).unwrap();
        assert_eq!((payment.amount_minor, payment.uncaptured_minor), expected, "{changes}");
    }
}

#[test]
fn what_no_figure_needs_can_only_be_left_out() {
    for strange in [json!(5), json!({"a": 1}), json!([]), json!(true)] {
        let read_with = |field, value| read(&with(field, value)).unwrap();
        assert_eq!(read_with("customer", strange.clone()).customer_external_id, None, "{strange}");
        assert_eq!(read_with("billing_details", strange.clone()).customer_email, None, "{strange}");
        assert_eq!(read_with("receipt_email", strange.clone()).customer_email, None, "{strange}");
        let details = json!({ "email": strange });
        let mut charge = with("billing_details", details);
        charge["receipt_email"] = json!("A@example.com");
        assert_eq!(read(&charge).unwrap().customer_email.as_deref(), Some("a@example.com"));
    }
    let half = charge().to_string().replace("cus_1", "cus_\\ud83d");
    let half = half.replacen('{', r#"{"receipt_email":"a\ud83d@example.com","#, 1);
    let Normalised::Payment(payment) = payment(&half).unwrap() else { panic!("no payment") };
    assert_eq!(payment.customer_email.as_deref(), Some("a\u{fffd}@example.com"));
}
