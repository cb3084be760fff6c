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
    let authorised = changed(charge(), &json!({"captured": false, "amount_captured": 0}));
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
fn what_was_captured_before_the_final_capture_is_collected_and_the_rest_is_pending() {
    use PaymentStatus::{Collected, Pending, Voided};
    let cases = [
        (json!({"captured": false, "amount_captured": 700}), (Collected, 700, 300, 300)),
        (
            json!({"captured": false, "amount_captured": 700, "amount_refunded": 200}),
            (Collected, 700, 300, 300),
        ),
        (json!({"captured": true, "amount_captured": 900}), (Collected, 900, 100, 0)),
        // Refunded in full before the final capture, of which nothing will come then.
        (json!({"captured": false, "amount_captured": 700, "refunded": true}), (Collected, 700, 300, 0)),
        (json!({"captured": false, "amount_captured": null}), (Pending, 1000, 1000, 0)),
        (json!({"captured": false, "amount_captured": 0, "refunded": true}), (Voided, 1000, 1000, 0)),
        // More may be captured than was authorised.
        (json!({"captured": true, "amount_captured": 1200}), (Collected, 1200, 0, 0)),
    ];
    for (changes, expected) in cases {
        let payment = read(&changed(charge(), &changes)).unwrap();
        let found =
            (payment.status, payment.amount_minor, payment.uncaptured_minor, payment.capturable_minor);
        assert_eq!(found, expected, "{changes}");
    }
}

#[test]
fn a_charge_tells_what_came_of_it() {
    let cases = [
        (json!({}), (None, false)),
        (json!({"amount_refunded": 0, "disputed": false}), (None, false)),
        (json!({"amount_refunded": 400, "disputed": true}), (Some(400), true)),
        (json!({"amount_refunded": "400", "disputed": null}), (None, false)),
        (json!({"amount_refunded": -4}), (None, false)),
    ];
    for (changes, expected) in cases {
        let payment = read(&changed(charge(), &changes)).unwrap();
        assert_eq!((payment.claimed_refunded_minor, payment.claimed_disputed), expected, "{changes}");
    }
}

#[test]
fn a_refund_tells_whether_it_moved_money_and_of_what() {
    let refund = json!({"id": "re_1", "object": "refund", "status": "succeeded", "amount": 5, "currency": "usd",
                        "created": 1, "charge": "ch_1", "payment_intent": "pi_1"});
    let cases = [
        (json!({}), (None, false)),
        (json!({"balance_transaction": null}), (Some(false), false)),
        (json!({"balance_transaction": "txn_1"}), (Some(true), false)),
        (
            json!({"balance_transaction": {"id": "txn_1", "object": "balance_transaction"}}),
            (Some(true), false),
        ),
        (json!({"charge": null}), (None, false)),
        (json!({"charge": null, "payment_intent": null}), (None, true)),
        (json!({"charge": "", "payment_intent": null}), (None, true)),
        (json!({"payment_intent": null}), (None, false)),
    ];
    for (changes, expected) in cases {
        let payment = read(&changed(refund.clone(), &changes)).unwrap();
        assert_eq!((payment.money_moved, payment.without_payment), expected, "{changes}");
    }
    let charge = read(&with("balance_transaction", Value::Null)).unwrap();
    assert_eq!((charge.money_moved, charge.without_payment), (None, false));
}

#[test]
fn a_dispute_takes_what_its_balance_transactions_moved() {
    use PaymentStatus::{Disputed, Pending, Unknown, Voided};
    let withdrawn = json!([{"amount": -10_000, "fee": 1_500, "net": -11_500, "currency": "usd"}]);
    let partly = json!([{"amount": -10_000, "currency": "usd"}, {"amount": 3_000, "currency": "usd"}]);
    let reinstated = json!([{"amount": -10_000, "currency": "usd"}, {"amount": 10_000, "currency": "usd"}]);
    let euros = json!([{"amount": -9_200, "currency": "eur"}]);
    let both = json!([{"amount": -9_200, "currency": "eur"}, {"amount": 9_200, "currency": "eur"},
                      {"amount": -10_000, "currency": "usd"}]);
    let cases = [
        ("lost", json!([]), (Disputed, 10_000, 0, "USD")),
        ("lost", Value::Null, (Disputed, 10_000, 0, "USD")),
        ("lost", partly.clone(), (Disputed, 7_000, 0, "USD")),
        ("lost", reinstated.clone(), (Disputed, 0, 0, "USD")),
        ("lost", euros.clone(), (Disputed, 9_200, 0, "EUR")),
        ("lost", both, (Disputed, 10_000, 0, "USD")),
        ("won", json!([]), (Voided, 10_000, 0, "USD")),
        ("won", reinstated, (Voided, 10_000, 0, "USD")),
        ("won", partly.clone(), (Voided, 10_000, 7_000, "USD")),
        ("prevented", withdrawn.clone(), (Voided, 10_000, 10_000, "USD")),
        ("prevented", euros.clone(), (Voided, 9_200, 9_200, "EUR")),
        ("needs_response", json!([]), (Pending, 10_000, 0, "USD")),
        ("needs_response", withdrawn.clone(), (Pending, 10_000, 10_000, "USD")),
        ("under_review", partly, (Pending, 10_000, 7_000, "USD")),
        ("under_review", euros, (Pending, 9_200, 9_200, "EUR")),
        ("under_review", json!([{"amount": -10_050}]), (Pending, 10_050, 10_050, "USD")),
        ("lost", json!([{"amount": 5, "currency": "usd"}]), (Disputed, 0, 0, "USD")),
        ("settled", withdrawn, (Unknown, 10_000, 0, "USD")),
    ];
    for (status, transactions, expected) in cases {
        let dispute = json!({"id": "du_1", "object": "dispute", "status": status, "amount": 10_000,
                             "currency": "usd", "created": 1, "charge": "ch_1",
                             "balance_transactions": transactions});
        let payment = read(&dispute).unwrap();
        let found =
            (payment.status, payment.amount_minor, payment.withdrawn_minor, payment.currency.as_str());
        assert_eq!(found, expected, "{dispute}");
    }
    let mixed = json!({"id": "du_1", "object": "dispute", "status": "lost", "amount": 10_000, "currency": "usd",
                       "created": 1, "charge": "ch_1", "balance_transactions":
                           [{"amount": -9_200, "currency": "eur"}, {"amount": 3_000, "currency": "usd"}]});
    assert!(read(&mixed).unwrap_err().to_string().contains("several currencies"));
}

fn changed(mut object: Value, changes: &Value) -> Value {
    object.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    object
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
