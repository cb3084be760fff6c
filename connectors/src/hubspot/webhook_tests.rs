use chrono::TimeDelta;
use reqwest::header::{HeaderMap, HeaderValue};
use ring::hmac;
use serde_json::{Value, json};

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_795_000_000_123).unwrap()
}

fn webhook() -> HubSpotWebhook {
    let values = [(SECRET, "client-secret"), (PUBLIC_URL, "https://example.com/buffalo/")];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    HubSpotWebhook::from_settings(&mut Settings::new(values)).unwrap()
}

/// Signs as HubSpot does: `address` is what it has in its settings, with what it decodes.
fn signature(address: &str, body: &str, at_ms: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"client-secret");
    BASE64_STANDARD.encode(hmac::sign(&key, format!("POST{address}{body}{at_ms}").as_bytes()))
}

fn post(target: &str, body: &str, signature: &str, at_ms: &str) -> Result<Receipt, PostError> {
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE, HeaderValue::from_str(signature).unwrap());
    headers.insert(TIMESTAMP, HeaderValue::from_str(at_ms).unwrap());
    let post = Post { method: "POST", target, headers: &headers, body: body.as_bytes() };
    webhook().read(&post, now())
}

fn signed(events: &Value) -> Result<Receipt, PostError> {
    let (body, at_ms) = (events.to_string(), now().timestamp_millis().to_string());
    let signature = signature("https://example.com/buffalo/webhooks/hubspot", &body, &at_ms);
    post("/webhooks/hubspot", &body, &signature, &at_ms)
}

#[test]
fn events_point_at_what_is_to_be_fetched() {
    let hint = |entity| Hint { entity, lag: TimeDelta::seconds(60), objects: vec!["7".to_owned()] };
    let event = |kind: &str| json!({"eventId": 1, "subscriptionType": kind, "objectId": 7, "portalId": 1});
    let of_type =
        |id: &str| json!({"subscriptionType": "object.creation", "objectTypeId": id, "objectId": 7});
    for (events, kind, hints) in [
        (json!([event("deal.creation")]), "deal.creation", vec![hint(Entity::Payments)]),
        (
            json!([event("deal.propertyChange"), event("contact.merge"), event("deal.propertyChange")]),
            "contact.merge,deal.propertyChange",
            vec![hint(Entity::Payments), hint(Entity::Contacts)],
        ),
        (json!([of_type("0-1")]), "object.creation", vec![hint(Entity::Contacts)]),
        (json!([of_type("0-3")]), "object.creation", vec![hint(Entity::Payments)]),
    ] {
        let identity = match events[0]["portalId"].is_null() {
            true => Identity::unknown(),
            false => Identity::unknown().with(PORTAL, "1"),
        };
        assert_eq!(
            signed(&events).unwrap(),
            Receipt { kind: kind.to_owned(), news: News::Hints(hints), identity }
        );
    }
    for others in [json!([]), json!([event("company.creation"), of_type("0-2")])] {
        assert_eq!(signed(&others).unwrap().news, News::Nothing);
    }
    let of = |portal: u64| json!({"subscriptionType": "deal.creation", "objectId": 7, "portalId": portal});
    assert!(matches!(signed(&json!([of(1), of(2)])), Err(PostError::Unreadable(_))), "of two accounts");
    for garbage in [json!({"subscriptionType": "deal.creation"}), json!([{"eventId": 1}]), json!("x")] {
        assert!(matches!(signed(&garbage), Err(PostError::Unreadable(_))), "{garbage}");
    }
    let error = signed(&json!([{"subscriptionType": {"person@example.com": 1}}])).unwrap_err();
    let error = format!("{error} {error:?} {}", signed(&json!("person@example.com")).unwrap_err());
    assert!(error.contains("column") && !error.contains("example.com"), "{error}");
}

#[test]
fn a_merge_names_all_that_take_part_and_odd_ids_are_left_out() {
    let merge = json!([{"subscriptionType": "contact.merge", "objectId": 9, "primaryObjectId": "3", "newObjectId": 9,
                        "mergedObjectIds": [4, "5", "x", ""]}]);
    let Ok(Receipt { news: News::Hints(hints), .. }) = signed(&merge) else { panic!("no hints") };
    assert_eq!(hints[0].objects, ["3", "4", "5", "9"]);
}

#[test]
fn a_deletion_for_privacys_sake_erases() {
    let event = |kind: &str, id: u64| json!({"subscriptionType": kind, "objectId": id});
    let events = json!([
        event("contact.deletion", 7),
        event("contact.privacyDeletion", 7),
        event("contact.propertyChange", 8),
        event("deal.privacyDeletion", 9)
    ]);
    let hint = |entity, id: &str| Hint { entity, lag: TRAIL, objects: vec![id.to_owned()] };
    let expected = News::Erased {
        entity: Entity::Contacts,
        ids: vec!["7".to_owned()],
        hints: vec![hint(Entity::Payments, "9"), hint(Entity::Contacts, "8")],
    };
    assert_eq!(signed(&events).unwrap().news, expected);
}

#[test]
fn the_query_is_decoded_as_hubspot_does() {
    let at_ms = now().timestamp_millis().to_string();
    let sent = "/webhooks/hubspot?to=a%40example.com&at=%2fx%3A1%20%C3%BC%&e=%2";
    let address = "https://example.com/buffalo/webhooks/hubspot?to=a@example.com&at=/x:1%20%C3%BC%&e=%2";
    assert!(post(sent, "[]", &signature(address, "[]", &at_ms), &at_ms).is_ok());
    let all = "?%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%25%23";
    assert_eq!(decoded(&format!("/%3A{all}")), "/%3A?:/?@!$'()*,;%25%23");
    assert_eq!(decoded("/a%3Ab"), "/a%3Ab");
    assert_eq!(decoded("/?%ü"), "/?%ü");
}

#[test]
fn what_is_not_hubspots_is_refused() {
    let address = "https://example.com/buffalo/webhooks/hubspot";
    let now_ms = now().timestamp_millis();
    let at = |offset_s: i64| (now_ms + offset_s * 1_000).to_string();
    let fresh = at(0);
    for (offset_s, good) in [(-300, true), (300, true), (-301, false), (301, false)] {
        let signed = signature(address, "[]", &at(offset_s));
        assert_eq!(post("/webhooks/hubspot", "[]", &signed, &at(offset_s)).is_ok(), good, "{offset_s}");
    }
    for (signature, at_ms) in [
        (signature("https://example.com/webhooks/hubspot", "[]", &fresh), fresh.clone()),
        (signature(address, "[] ", &fresh), fresh.clone()),
        (signature(address, "[]", &at(1)), fresh.clone()),
        (signature(address, "[]", "soon"), "soon".to_owned()),
        ("no base64!".to_owned(), fresh.clone()),
        (String::new(), fresh.clone()),
    ] {
        let refused = post("/webhooks/hubspot", "[]", &signature, &at_ms);
        assert!(matches!(refused, Err(PostError::InvalidSignature(_))), "{signature}: {refused:?}");
    }
    let unsigned = Post { method: "POST", target: "/", headers: &HeaderMap::new(), body: b"[]" };
    assert!(matches!(webhook().read(&unsigned, now()), Err(PostError::MissingSignature(SIGNATURE))));
}

#[test]
fn without_secret_or_address_nothing_can_be_read() {
    for name in [SECRET, PUBLIC_URL] {
        let mut settings = Settings::new([(name.to_owned(), "https://example.com".to_owned())]);
        assert!(HubSpotWebhook::from_settings(&mut settings).is_none());
        assert!(settings.problems().is_empty());
    }
}
