use buffalo_model::RawRecord;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{HeaderMap, HeaderValue};
use ring::hmac;
use serde_json::{Value, json};

use super::*;
use crate::connector::Connector;
use crate::webhook::Webhooks;

const VERSION: &str = "2026-10-28.endive";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn stripe(key: &str, more: &[(&str, &str)]) -> Arc<dyn Connector> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let given = [("STRIPE_API_KEY", key), ("STRIPE_WEBHOOK_SECRET", "whsec_old, whsec_new")];
    let values = given.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    super::super::configure(&mut Settings::new(values)).unwrap()
}

fn signature(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn post(stripe: &dyn Connector, header: Option<&str>, body: &str) -> Result<Receipt, PostError> {
    let Webhooks::Read(webhook) = stripe.webhooks() else { panic!("a secret is set") };
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert("stripe-signature", HeaderValue::from_str(header).unwrap());
    }
    let post = Post { method: "POST", target: "/webhooks/stripe", headers: &headers, body: body.as_bytes() };
    webhook.read(&post, now())
}

fn signed(stripe: &dyn Connector, body: &Value) -> Result<Receipt, PostError> {
    let (at, body) = (now().timestamp(), body.to_string());
    post(stripe, Some(&format!("t={at},v1={}", signature("whsec_new", at, &body))), &body)
}

fn event(kind: &str) -> Value {
    json!({
        "id": "evt_1", "object": "event", "type": kind, "created": 1_794_999_990, "livemode": false,
        "api_version": VERSION, "data": {"object": {"id": "ch_1", "object": "charge", "amount": 100}},
    })
}

fn state(receipt: Result<Receipt, PostError>) -> RawRecord {
    match receipt.unwrap().news {
        News::State { record, .. } => *record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_is_read_as_a_listed_one() {
    let record = state(signed(&*stripe("sk_test_x", &[]), &event("charge.succeeded")));
    assert_eq!(record.external_id, "ch_1");
    assert_eq!(record.payload, r#"{"amount":100,"id":"ch_1","object":"charge"}"#);
    assert_eq!(record.observed_at, DateTime::from_timestamp_micros(1_794_999_990_999_999).unwrap());
}

#[test]
fn one_of_several_signatures_is_enough() {
    let stripe = stripe("sk_test_x", &[]);
    let (at, body) = (now().timestamp(), event("charge.updated").to_string());
    for secret in ["whsec_old", "whsec_new"] {
        let good = signature(secret, at, &body);
        let header = format!("t={at},v0={good},v1=zz,v1={},v1={good},v1=0", signature("whsec_x", at, &body));
        assert!(post(&*stripe, Some(&header), &body).is_ok(), "{secret}");
    }
    let only_old_scheme = format!("t={at},v0={}", signature("whsec_new", at, &body));
    assert!(matches!(post(&*stripe, Some(&only_old_scheme), &body), Err(PostError::InvalidSignature(_))));
}

#[test]
fn what_is_not_stripes_is_refused() {
    let stripe = stripe("sk_test_x", &[]);
    let (at, body) = (now().timestamp(), event("charge.updated").to_string());
    assert!(matches!(post(&*stripe, None, &body), Err(PostError::MissingSignature("stripe-signature"))));
    let good = signature("whsec_new", at, &body);
    let longer = format!("{body} ");
    for (header, body) in [
        (String::new(), &body),
        ("t=,v1=".to_owned(), &body),
        (format!("v1={good}"), &body),
        (format!("t={at},v1={good}"), &longer),
        (format!("t={},v1={good}", at + 1), &body),
        (format!("t={at},v1={}", signature("whsec_x", at, &body)), &body),
        (format!("t={at}, v1={}", &good[1..]), &body),
    ] {
        let refused = post(&*stripe, Some(&header), body);
        assert!(matches!(refused, Err(PostError::InvalidSignature(_))), "{header}: {refused:?}");
    }
}

#[test]
fn a_signature_is_good_for_five_minutes_either_way() {
    let stripe = stripe("sk_test_x", &[]);
    let body = event("charge.updated").to_string();
    for (offset, good) in [(-300, true), (300, true), (-301, false), (301, false), (i64::MIN / 4, false)] {
        let at = now().timestamp().saturating_add(offset);
        let header = format!("t={at},v1={}", signature("whsec_new", at, &body));
        assert_eq!(post(&*stripe, Some(&header), &body).is_ok(), good, "{offset}");
    }
}

#[test]
fn events_of_the_other_mode_are_refused() {
    for (key, livemode, good) in [
        ("sk_test_x", false, true),
        ("sk_test_x", true, false),
        ("rk_live_x", true, true),
        ("rk_live_x", false, false),
        ("sk_other", true, true),
    ] {
        let mut event = event("charge.updated");
        event["livemode"] = json!(livemode);
        let receipt = signed(&*stripe(key, &[]), &event);
        assert_eq!(receipt.is_ok(), good, "{key}: {receipt:?}");
        assert!(good || matches!(receipt, Err(PostError::WrongMode(_))));
    }
}

#[test]
fn what_is_not_ours_is_ignored() {
    let mut connected = event("charge.updated");
    connected["account"] = json!("acct_1");
    // Endpoints of live connected accounts are told of test data too.
    connected["livemode"] = json!(true);
    let without_disputes = [("STRIPE_RESOURCES", "charges,refunds")];
    for (event, settings) in [
        (connected, &[][..]),
        (event("customer.created"), &[]),
        (event("charge.dispute.closed"), &without_disputes),
    ] {
        let receipt = signed(&*stripe("sk_test_x", settings), &event).unwrap();
        assert_eq!((receipt.kind.as_str(), receipt.news), (event["type"].as_str().unwrap(), News::Nothing));
    }
}

#[test]
fn an_object_in_another_version_is_to_be_fetched() {
    let mut event = event("charge.updated");
    event["api_version"] = json!("2020-08-27");
    let receipt = signed(&*stripe("sk_test_x", &[]), &event).unwrap();
    let hint = Hint { entity: Entity::Payments, lag: TimeDelta::seconds(60), objects: Vec::new() };
    assert_eq!(receipt.news, News::Hints(vec![hint]));
}

#[test]
fn what_can_t_be_read_is_refused_and_without_a_secret_nothing_is_read() {
    let stripe = stripe("sk_test_x", &[]);
    for body in [json!("text"), json!({"id": "evt_1"}), json!([])] {
        assert!(matches!(signed(&*stripe, &body), Err(PostError::Unreadable(_))), "{body}");
    }
    let mut headless = event("charge.updated");
    headless["data"] = json!(null);
    assert!(matches!(signed(&*stripe, &headless), Err(PostError::Unreadable(_))));
    for (field, value) in
        [("id", json!({"person@example.com": 1})), ("livemode", json!("person@example.com"))]
    {
        let mut event = event("charge.updated");
        event[field] = value;
        assert_says_nothing_of(&signed(&*stripe, &event), "example.com");
    }
    let mut event = event("charge.updated");
    event["created"] = json!("person@example.com");
    assert_says_nothing_of(&signed(&*stripe, &event), "example.com");
    let without = [("STRIPE_API_KEY".to_owned(), "sk_test_x".to_owned())];
    let stripe = super::super::configure(&mut Settings::new(without)).unwrap();
    assert!(matches!(stripe.webhooks(), Webhooks::NotSet("STRIPE_WEBHOOK_SECRET")));
}

fn assert_says_nothing_of(read: &Result<Receipt, PostError>, posted: &str) {
    let error = read.as_ref().unwrap_err();
    assert!(matches!(error, PostError::Unreadable(_)), "{error:?}");
    let said = format!("{error} {error:?}");
    assert!(said.contains("column") && !said.contains(posted), "{said}");
}
