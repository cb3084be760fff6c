//! Changes show in the objects, in the events, and in the expected totals.

use serde_json::{Value, json};

use super::*;

async fn charge(sandbox: &Sandbox, body: &str) -> String {
    id(&control(sandbox, "charges", body).await)
}

/// The first charge or other object whose summary passes.
async fn summary(sandbox: &Sandbox, kind: &str, test: impl Fn(&Value) -> bool) -> Value {
    let objects = get(sandbox, &format!("/_sandbox/objects?kind={kind}")).await.json();
    objects.as_array().expect("a list").iter().find(|object| test(object)).expect("such an object").clone()
}

#[tokio::test]
async fn a_charge_lives_and_tells() {
    let sandbox = sandbox().await;
    assert!(event_types(&sandbox).await.is_empty(), "the generated history has no events");
    let held = charge(&sandbox, r#"{"amount":1000,"currency":"usd","capture":false}"#).await;
    let object = control(&sandbox, &format!("charges/{held}/capture"), r#"{"amount":700}"#).await;
    assert_eq!((&object["captured"], &object["amount_captured"]), (&json!(true), &json!(700)));
    assert_eq!(object["amount_refunded"], 0);
    let lapsed = charge(&sandbox, r#"{"amount":1000,"currency":"usd","capture":false}"#).await;
    let object = control(&sandbox, &format!("charges/{lapsed}/expire"), "").await;
    assert_eq!((&object["captured"], &object["refunded"]), (&json!(false), &json!(true)));
    let slow = charge(&sandbox, r#"{"amount":1000,"currency":"eur","status":"pending"}"#).await;
    control(&sandbox, &format!("charges/{slow}/succeed"), "").await;
    let object = control(&sandbox, &format!("charges/{slow}/fail"), "").await;
    assert_eq!((&object["status"], &object["failure_code"]), (&json!("failed"), &json!("card_declined")));
    charge(&sandbox, r#"{"amount":1000,"currency":"eur","status":"failed"}"#).await;
    control(&sandbox, &format!("charges/{held}/update"), r#"{"metadata":{"a":"b"}}"#).await;
    let expected = [
        "charge.captured",
        "charge.expired",
        "charge.failed",
        "charge.failed",
        "charge.pending",
        "charge.succeeded",
        "charge.succeeded",
        "charge.succeeded",
        "charge.updated",
    ];
    assert_eq!(event_types(&sandbox).await, expected);
    let captured = data(&get(&sandbox, "/v1/events?type=charge.captured").await);
    assert_eq!(captured[0]["data"]["object"]["amount_captured"], 700);
    assert_eq!(
        captured[0]["data"]["previous_attributes"],
        json!({ "amount_captured": 0, "captured": false })
    );
    let two = data(&get(&sandbox, "/v1/events?types[0]=charge.captured&types%5B%5D=charge.expired").await);
    assert_eq!(two.len(), 2);
    assert_eq!(data(&get(&sandbox, "/v1/events?type=charge.s*").await).len(), 3);
    assert_eq!(post(&sandbox, &format!("/_sandbox/charges/{held}/capture"), "").await.status, 400);
    assert_eq!(post(&sandbox, "/_sandbox/charges/ch_1/capture", "").await.status, 404);
}

#[tokio::test]
async fn refunds_come_and_go() {
    let sandbox = sandbox().await;
    let plain = summary(&sandbox, "charges", |charge| {
        charge["captured"] == true && charge["status"] == "succeeded" && charge["amount_refunded"] == 0
    });
    let plain = id(&plain.await);
    let path = format!("charges/{plain}/refund");
    let first = control(&sandbox, &path, r#"{"amount":10}"#).await;
    assert_eq!((&first["charge"], &first["status"]), (&json!(plain), &json!("succeeded")));
    control(&sandbox, &path, r#"{"status":"pending","silent":true}"#).await;
    let target = format!("/v1/charges/{plain}");
    let full = get(&sandbox, &target).await.json();
    assert_eq!((&full["refunded"], &full["amount_refunded"]), (&json!(true), &full["amount_captured"]));
    assert_eq!(event_types(&sandbox).await, ["charge.refunded", "refund.created"]);
    assert_eq!(post(&sandbox, &format!("/_sandbox/{path}"), "").await.status, 400, "nothing is left");

    let body = r#"{"status":"failed"}"#;
    let failed = control(&sandbox, &format!("refunds/{}", id(&first)), body).await;
    assert!(failed["failure_reason"].is_string());
    let partial = get(&sandbox, &target).await.json();
    assert_eq!(partial["amount_refunded"], full["amount_refunded"].as_i64().expect("a number") - 10);
    assert_eq!(partial["refunded"], false);
    let later = data(&get(&sandbox, "/v1/events?types[]=refund.failed&types[]=charge.refund.updated").await);
    assert_eq!(later.len(), 2);
    assert_eq!(later[0]["data"]["previous_attributes"], json!({ "status": "succeeded" }));
    assert_eq!(later[0]["data"]["object"]["object"], "refund");

    let generated = summary(&sandbox, "refunds", |refund| refund["status"] == "succeeded").await;
    control(&sandbox, &format!("refunds/{}", id(&generated)), body).await;
    let charge = generated["charge"].as_str().expect("an id");
    assert_eq!(get(&sandbox, &format!("/v1/charges/{charge}")).await.json()["amount_refunded"], 0);
}

#[tokio::test]
async fn disputes_open_and_close() {
    let sandbox = sandbox().await;
    let path =
        format!("charges/{}", charge(&sandbox, r#"{"amount":1000,"currency":"usd","silent":true}"#).await);
    let inquiry =
        control(&sandbox, &format!("{path}/dispute"), r#"{"status":"warning_needs_response"}"#).await;
    assert_eq!(event_types(&sandbox).await, ["charge.dispute.created"]);
    let dispute = format!("disputes/{}", id(&inquiry));
    control(&sandbox, &dispute, r#"{"status":"needs_response"}"#).await;
    control(&sandbox, &dispute, r#"{"status":"won"}"#).await;
    let expected = [
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
    ];
    assert_eq!(event_types(&sandbox).await, expected);
    assert_eq!(get(&sandbox, &format!("/v1/{path}")).await.json()["disputed"], true);
}

#[tokio::test]
async fn events_keep_the_moment_and_grow_old() {
    let sandbox = sandbox().await;
    let now = crate::sandbox::clock::system_unix_s();
    let body = format!(r#"{{"amount":1000,"currency":"usd","capture":false,"at":{}}}"#, now - 100);
    let held = charge(&sandbox, &body).await;
    control(&sandbox, "settings", r#"{"api_version":"2027-01-01.next"}"#).await;
    control(&sandbox, &format!("charges/{held}/capture"), "").await;
    let events = data(&get(&sandbox, "/v1/events").await);
    assert_eq!(
        (&events[0]["api_version"], &events[1]["api_version"]),
        (&json!("2027-01-01.next"), &json!("2026-10-28.endive"))
    );
    assert_eq!(events[1]["data"]["object"]["captured"], false, "as it was then");
    assert_eq!(events[1]["created"], now - 100);

    let month = 30 * 86_400;
    control(&sandbox, "clock", &format!(r#"{{"offset_s":{}}}"#, month - 50)).await;
    assert_eq!(data(&get(&sandbox, "/v1/events").await).len(), 1);
    assert_eq!(get(&sandbox, &format!("/v1/events/{}", id(&events[1]))).await.status, 404);
    let gone = get(&sandbox, &format!("/v1/events?starting_after={}", id(&events[1]))).await;
    assert_eq!(gone.json()["error"]["code"], "resource_missing");
}

#[tokio::test]
async fn a_patch_reaches_the_wire_verbatim() {
    let sandbox = sandbox().await;
    let patch = r#"{"status":"reversed","amount":98765432109876543210,"livemode":null}"#;
    let body = format!(r#"{{"amount":1,"currency":"usd","raw_patch":{patch}}}"#);
    let created = post(&sandbox, "/_sandbox/charges", &body).await;
    assert!(created.text().contains(r#""amount":98765432109876543210,"#));
    let listed = get(&sandbox, "/v1/charges?limit=1").await;
    assert!(listed.text().contains(r#""amount":98765432109876543210,"#));
    assert!(listed.text().contains(r#""status":"reversed""#) && !listed.text().contains("livemode"));
    assert!(get(&sandbox, "/v1/events").await.text().contains("98765432109876543210"));
    let long = "x".repeat(1 << 20);
    let body = format!(r#"{{"amount":1,"currency":"usd","raw_patch":{{"description":"{long}"}}}}"#);
    assert!(post(&sandbox, "/_sandbox/charges", &body).await.text().contains(&long));
}

#[tokio::test]
async fn expected_totals_follow_the_changes() {
    let sandbox = start(SandboxOptions { charges: 0, ..options() }).await;
    let one = charge(&sandbox, r#"{"amount":1000,"currency":"usd","at":100}"#).await;
    charge(&sandbox, r#"{"amount":500,"currency":"usd","capture":false,"at":100}"#).await;
    charge(&sandbox, r#"{"amount":500,"currency":"jpy","status":"pending","at":100}"#).await;
    let two = charge(&sandbox, r#"{"amount":400,"currency":"kwd","at":200}"#).await;
    control(&sandbox, &format!("charges/{one}/refund"), r#"{"amount":100,"at":300}"#).await;
    control(&sandbox, &format!("charges/{one}/refund"), r#"{"amount":50,"status":"pending","at":300}"#).await;
    control(&sandbox, &format!("charges/{two}/dispute"), r#"{"status":"lost","at":300}"#).await;
    let expected = get(&sandbox, "/_sandbox/expected").await.json();
    assert_eq!(expected["objects"], json!({ "charges": 4, "refunds": 2, "disputes": 1 }));
    let usd = json!({ "gross": "1000", "refunded": "100", "disputed": "0", "net": "900",
        "collected_count": 1, "refund_count": 1, "dispute_count": 0 });
    assert_eq!(expected["currencies"]["usd"], usd);
    assert_eq!(expected["currencies"]["jpy"]["gross"], "0");
    assert_eq!(expected["currencies"]["kwd"]["net"], "0");
    let early = get(&sandbox, "/_sandbox/expected?from=100&to=300").await.json();
    assert_eq!(early["currencies"]["usd"]["net"], "1000");
    assert_eq!(early["objects"], json!({ "charges": 4, "refunds": 0, "disputes": 0 }));
}

#[tokio::test]
async fn expected_totals_agree_with_the_listings() {
    let sandbox = sandbox().await;
    let mut gross = std::collections::BTreeMap::<String, i64>::new();
    let mut after = String::new();
    loop {
        let answer = get(&sandbox, &format!("/v1/charges?limit=100{after}")).await;
        let page = data(&answer);
        for charge in &page {
            let sum = gross.entry(charge["currency"].as_str().expect("a code").to_owned()).or_default();
            if charge["status"] == "succeeded" && charge["captured"] == true {
                *sum += charge["amount_captured"].as_i64().expect("a number");
            }
        }
        if answer.json()["has_more"] == false {
            break;
        }
        after = format!("&starting_after={}", id(page.last().expect("a charge")));
    }
    let expected = get(&sandbox, "/_sandbox/expected").await.json();
    for (currency, sum) in &gross {
        assert_eq!(expected["currencies"][currency]["gross"], sum.to_string());
    }
    assert_eq!(gross.len(), 5);
}
