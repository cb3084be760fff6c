//! HubSpot's lists, records, refusals, and the control interface that changes them.

use serde_json::{Value, json};

use super::*;

const DEALS: &str = "/crm/objects/2026-09/deals";

pub(super) async fn portal() -> Sandbox {
    start(SandboxOptions { deals: 250, contacts: 120, charges: 0, span_days: 1, ..options() }).await
}

pub(super) async fn ask(sandbox: &Sandbox, method: &str, target: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    request(sandbox, method, target, "Authorization: Bearer pat-na1-sandbox\r\n", &body).await
}

pub(super) async fn read(sandbox: &Sandbox, target: &str) -> Value {
    let answer = ask(sandbox, "GET", target, &Value::Null).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

pub(super) async fn make(sandbox: &Sandbox, target: &str, body: Value) -> Value {
    control(sandbox, &format!("hubspot/{target}"), &body.to_string()).await
}

pub(super) fn ids(page: &Value) -> Vec<u64> {
    let results = page["results"].as_array().expect("results");
    results.iter().map(|record| id(record).parse().expect("a number")).collect()
}

#[tokio::test]
async fn a_list_is_read_to_its_end_in_either_version() {
    let sandbox = portal().await;
    for path in [DEALS, "/crm/v3/objects/deals"] {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = read(&sandbox, &format!("{path}?limit=100{after}")).await;
            found.extend(ids(&page));
            let Some(next) = page["paging"]["next"]["after"].as_str() else { break };
            assert!(next.parse::<u64>().is_err(), "the place is opaque");
            after = format!("&after={next}");
        }
        assert_eq!(found.len(), 250);
        assert!(found.is_sorted());
        assert!(found[0] < 10_000_000_000 && found[249] > 10_000_000_000);
    }
}

#[tokio::test]
async fn values_are_strings_or_null() {
    let sandbox = portal().await;
    let names =
        "amount,deal_currency_code,dealname,dealstage,pipeline,closedate,hs_is_closed_won,hs_mrr,nonsense";
    let page = read(&sandbox, &format!("{DEALS}?limit=100&properties={names}")).await;
    for deal in page["results"].as_array().expect("results") {
        let properties = deal["properties"].as_object().expect("properties");
        assert!(properties.values().all(|value| value.is_string() || value.is_null()), "{deal}");
        assert!(properties.contains_key("hs_lastmodifieddate") && !properties.contains_key("nonsense"));
        assert_eq!(properties["hs_object_id"], deal["id"]);
        assert_eq!(properties["hs_mrr"], Value::Null);
    }
    let first = &page["results"][0];
    let single = read(&sandbox, &format!("{DEALS}/{}?properties={names}", id(first))).await;
    assert_eq!(&single, first);
    let contact = &read(&sandbox, "/crm/v3/objects/contacts?limit=1").await["results"][0];
    assert!(contact["properties"]["lastmodifieddate"].is_string());
    let log = get(&sandbox, "/_sandbox/requests").await.json();
    assert_eq!(log["by_path"][format!("{DEALS}/{{id}}")], 1);
}

#[tokio::test]
async fn what_hubspot_refuses_is_refused_in_its_form() {
    let sandbox = portal().await;
    for (target, status, category) in [
        (format!("{DEALS}?limit=101"), 400, "VALIDATION_ERROR"),
        (format!("{DEALS}?after=123"), 400, "VALIDATION_ERROR"),
        (format!("{DEALS}/77"), 404, "OBJECT_NOT_FOUND"),
        ("/crm/objects/2026-09/companies".to_owned(), 404, "OBJECT_NOT_FOUND"),
    ] {
        let answer = ask(&sandbox, "GET", &target, &Value::Null).await;
        assert_eq!((answer.status, answer.json()["category"].as_str()), (status, Some(category)), "{target}");
        assert_eq!(answer.json()["status"], "error");
    }
    let answer = request(&sandbox, "GET", DEALS, "Authorization: Bearer pat-na1-other\r\n", "").await;
    assert_eq!((answer.status, answer.json()["category"].as_str()), (401, Some("INVALID_AUTHENTICATION")));
    assert_eq!(answer.json()["correlationId"].as_str().map(str::len), Some(36));
    control(&sandbox, "faults", r#"{"path":"/crm/","kind":{"status":423}}"#).await;
    let answer = ask(&sandbox, "GET", DEALS, &Value::Null).await;
    assert_eq!((answer.status, answer.json()["category"].as_str()), (423, Some("LOCKED")));
}

#[tokio::test]
async fn searches_are_limited_apart_from_the_rest_and_days_end() {
    let sandbox = portal().await;
    make(&sandbox, "limits", json!({ "search_per_sec": 1, "per_ten_secs": 1 })).await;
    let search = format!("{DEALS}/search");
    let mut refused = None;
    for _ in 0..8 {
        let answer = ask(&sandbox, "POST", &search, &json!({})).await;
        refused = Some(answer).filter(|answer| answer.status == 429).or(refused);
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.json()["policyName"], "SECONDLY");
    assert!(!refused.head.to_lowercase().contains("ratelimit"));
    assert_eq!(
        ask(&sandbox, "GET", DEALS, &Value::Null).await.header("x-hubspot-ratelimit-remaining"),
        Some("0")
    );
    let refused = ask(&sandbox, "GET", DEALS, &Value::Null).await;
    assert_eq!(refused.json()["policyName"], "TEN_SECONDLY_ROLLING");
    make(&sandbox, "limits", json!({ "daily": { "requests": 1, "resets_in_s": 3_600 } })).await;
    assert_eq!(ask(&sandbox, "GET", DEALS, &Value::Null).await.status, 200);
    let refused = ask(&sandbox, "POST", &search, &json!({})).await;
    assert_eq!((refused.status, refused.json()["policyName"].as_str()), (429, Some("DAILY")));
    control(&sandbox, "clock", r#"{"offset_s":3600}"#).await;
    assert_eq!(ask(&sandbox, "POST", &search, &json!({})).await.status, 200);
}

#[tokio::test]
async fn a_deal_lives_and_dies() {
    let sandbox = portal().await;
    let body =
        json!({ "properties": { "amount": "500.50", "dealstage": "closedwon", "pipeline": "default" } });
    let made = make(&sandbox, "deals", body).await;
    assert_eq!(
        (&made["won"], &made["amount_minor"], &made["currency"]),
        (&json!(true), &json!("50050"), &json!("EUR"))
    );
    let path = format!("{DEALS}/{}", id(&made));
    let before = read(&sandbox, &format!("{path}?properties=hs_is_closed_won")).await;
    assert_eq!(before["properties"]["hs_is_closed_won"], "true");

    let edit = json!({ "properties": { "dealstage": "147213002", "pipeline": "75398214" }, "at_ms": 1_790_000_000_123_i64 });
    make(&sandbox, &format!("deals/{}", id(&made)), edit).await;
    let after = read(&sandbox, &format!("{path}?properties=hs_is_closed_won,custom")).await;
    assert_eq!(
        after["properties"]["hs_is_closed_won"], "false",
        "the label is Closed Won, the meaning is not"
    );
    assert_eq!(after["updatedAt"], "2026-09-21T14:13:20.123Z");

    make(&sandbox, &format!("deals/{}/archive", id(&made)), json!({})).await;
    assert_eq!(ask(&sandbox, "GET", &path, &Value::Null).await.status, 404);
    let archived = read(&sandbox, &format!("{DEALS}?archived=true")).await;
    assert_eq!(archived["results"][0]["id"], made["id"]);
    assert!(archived["results"][0]["archivedAt"].is_string() && archived["paging"].is_null());
    make(&sandbox, &format!("deals/{}/restore", id(&made)), json!({})).await;
    assert_eq!(ask(&sandbox, "GET", &path, &Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_merged_record_vanishes_and_the_survivor_names_it() {
    let sandbox = portal().await;
    let all = ids(&read(&sandbox, &format!("{DEALS}?limit=3")).await);
    let merge = |survivor: u64, loser: u64| {
        let (sandbox, body) = (&sandbox, json!({ "loser": loser.to_string() }));
        async move { make(sandbox, &format!("deals/{survivor}/merge"), body).await }
    };
    merge(all[1], all[0]).await;
    merge(all[2], all[1]).await;
    let survivor = read(&sandbox, &format!("{DEALS}/{}?properties=hs_merged_object_ids", all[2])).await;
    assert_eq!(survivor["properties"]["hs_merged_object_ids"], format!("{};{}", all[1], all[0]));
    assert_eq!(ids(&read(&sandbox, &format!("{DEALS}?limit=1")).await), [all[2]]);
    assert_eq!(ask(&sandbox, "GET", &format!("{DEALS}/{}", all[0]), &Value::Null).await.status, 404);
    let expected = get(&sandbox, "/_sandbox/hubspot/expected").await.json();
    assert_eq!(expected["deals"], json!({ "live": 248, "archived": 0 }));
}

#[tokio::test]
async fn batches_give_what_there_is() {
    let sandbox = portal().await;
    let all = ids(&read(&sandbox, &format!("{DEALS}?limit=2")).await);
    let inputs = json!({ "properties": ["amount"], "inputs": [{ "id": all[0].to_string() }, { "id": "5" }] });
    let answer = ask(&sandbox, "POST", &format!("{DEALS}/batch/read"), &inputs).await;
    assert_eq!((answer.status, ids(&answer.json())), (207, vec![all[0]]));
}

#[tokio::test]
async fn the_portal_describes_itself() {
    let sandbox = portal().await;
    for path in ["/account-info/2026-09/details", "/account-info/v3/details"] {
        assert_eq!(read(&sandbox, path).await["companyCurrency"], "EUR");
    }
    for path in ["/crm/pipelines/2026-09/deals", "/crm/v3/pipelines/deals"] {
        let pipelines = read(&sandbox, path).await;
        let meanings: Vec<_> = pipelines["results"]
            .as_array()
            .expect("pipelines")
            .iter()
            .flat_map(|pipeline| pipeline["stages"].as_array().expect("stages"))
            .filter(|stage| stage["label"] == "Closed Won")
            .map(|stage| stage["metadata"].clone())
            .collect();
        let (won, open) = (
            json!({ "isClosed": "true", "probability": "1.0" }),
            json!({ "isClosed": "false", "probability": "0.9" }),
        );
        assert_eq!(meanings, [won, open]);
    }
}

#[tokio::test]
async fn expected_totals_agree_with_the_list() {
    let sandbox = portal().await;
    let names = "amount,deal_currency_code,hs_is_closed_won";
    let (mut sums, mut after) = (std::collections::BTreeMap::<String, i64>::new(), String::new());
    loop {
        let page = read(&sandbox, &format!("{DEALS}?limit=100&properties={names}{after}")).await;
        for deal in page["results"].as_array().expect("results") {
            let deal = &deal["properties"];
            if deal["hs_is_closed_won"] == "true" {
                let currency = deal["deal_currency_code"].as_str().unwrap_or("EUR");
                let (whole, fraction) = deal["amount"].as_str().unwrap_or("0").split_once('.').map_or_else(
                    || (deal["amount"].as_str().unwrap_or("0"), ""),
                    |(whole, fraction)| (whole, fraction),
                );
                let digits = match currency {
                    "JPY" => 0,
                    "KWD" => 3,
                    _ => 2,
                };
                let minor: i64 = format!("{whole}{fraction:0<digits$}").parse().expect("a number");
                *sums.entry(currency.to_owned()).or_default() += minor;
            }
        }
        let Some(next) = page["paging"]["next"]["after"].as_str() else { break };
        after = format!("&after={next}");
    }
    let expected = get(&sandbox, "/_sandbox/hubspot/expected").await.json();
    for (currency, sum) in &sums {
        assert_eq!(expected["currencies"][currency]["won"], sum.to_string(), "{currency}");
    }
    assert_eq!(sums.len(), 5);
    let states = get(&sandbox, "/_sandbox/hubspot/objects?kind=deals").await.json();
    assert_eq!(states.as_array().map(Vec::len), Some(250));
}
