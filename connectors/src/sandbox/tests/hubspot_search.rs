//! HubSpot's search: filters, order, and the cap.

use serde_json::{Value, json};

use super::hubspot::{ask, ids, make, portal};
use super::*;

const SEARCH: &str = "/crm/objects/2026-09/deals/search";

pub(super) async fn search(sandbox: &Sandbox, body: &Value) -> Value {
    let answer = ask(sandbox, "POST", SEARCH, body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.json()
}

fn filter(property: &str, operator: &str, value: &Value) -> Value {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    json!({ "propertyName": property, "operator": operator, "value": value })
}

fn by_id(filters: &[Value]) -> Value {
    json!({ "filterGroups": [{ "filters": filters }], "limit": 200,
            "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }] })
}

#[tokio::test]
async fn ranges_and_keys_find_what_changed() {
    let sandbox = portal().await;
    let modified = "hs_lastmodifieddate";
    let all = search(&sandbox, &by_id(&[])).await;
    assert_eq!((&all["total"], ids(&all).len()), (&json!(250), 200));
    assert_eq!(all["paging"]["next"]["after"], "200");
    let until = UNTIL * 1_000;
    let late = search(&sandbox, &by_id(&[filter(modified, "GTE", &json!(until - 3_600_000))])).await;
    assert_eq!(late["total"], 11, "one every 346 seconds");
    let iso = search(&sandbox, &by_id(&[filter(modified, "GT", &json!("2026-09-21T13:13:20Z"))])).await;
    assert_eq!(ids(&iso), ids(&late));

    let old = ids(&all)[5];
    make(&sandbox, &format!("deals/{old}"), json!({ "properties": { "amount": "7" }, "at_ms": until })).await;
    let changed = search(&sandbox, &by_id(&[filter(modified, "GTE", &json!(until - 3_600_000))])).await;
    assert_eq!((&changed["total"], ids(&changed)[0]), (&json!(12), old));
    let key = filter("hs_object_id", "GT", &json!(old.to_string()));
    let rest = by_id(&[filter(modified, "GTE", &json!(until - 3_600_000)), key]);
    assert_eq!(ids(&search(&sandbox, &rest).await), ids(&late));
    let before = by_id(&[filter(modified, "LT", &json!(until - 80_000_000))]);
    assert!(!ids(&search(&sandbox, &before).await).contains(&old));

    make(&sandbox, &format!("deals/{old}/archive"), json!({})).await;
    assert_eq!(search(&sandbox, &by_id(&[])).await["total"], 249);
}

#[tokio::test]
async fn other_filters_and_orders_are_understood() {
    let sandbox = portal().await;
    let stage = |value: &str| filter("dealstage", "EQ", &json!(value));
    let total = |answer: &Value| answer["total"].as_u64().expect("a number");
    let won = total(&search(&sandbox, &by_id(&[stage("closedwon")])).await);
    let lost = total(&search(&sandbox, &by_id(&[stage("closedlost")])).await);
    let either = json!({ "filterGroups": [{ "filters": [stage("closedwon")] }, { "filters": [stage("closedlost")] }] });
    assert!(won > 0 && lost > 0);
    assert_eq!(total(&search(&sandbox, &either).await), won + lost);
    let within =
        json!({ "propertyName": "dealstage", "operator": "IN", "values": ["closedwon", "closedlost"] });
    assert_eq!(total(&search(&sandbox, &by_id(&[within])).await), won + lost);
    let newest = json!({ "sorts": [{ "propertyName": "hs_lastmodifieddate", "direction": "DESCENDING" }], "limit": 3 });
    let newest = search(&sandbox, &newest).await;
    assert!(ids(&newest).is_sorted_by(|one, other| one > other));
    let between = json!({ "propertyName": "createdate", "operator": "BETWEEN", "value": "0", "highValue": "1790000000000" });
    assert_eq!(total(&search(&sandbox, &by_id(&[between])).await), 250);
    for wrong in [
        by_id(&[filter("lastmodifieddate", "GTE", &json!(1))]),
        by_id(&[filter("hs_lastmodifieddate", "GTE", &json!("yesterday"))]),
        json!({ "limit": 201 }),
        json!({ "after": "10000" }),
        json!({ "sorts": [{ "propertyName": "createdate" }, { "propertyName": "hs_object_id" }] }),
    ] {
        assert_eq!(ask(&sandbox, "POST", SEARCH, &wrong).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn twelve_thousand_of_one_millisecond_are_read_by_key() {
    let sandbox = start(SandboxOptions { deals: 100_000, charges: 0, ..options() }).await;
    let at_ms = UNTIL * 1_000 + 60_000;
    let edit = json!({ "count": 12_000, "properties": { "hs_priority": "high" }, "at_ms": at_ms });
    let edited = make(&sandbox, "deals/bulk-edit", edit).await;
    assert_eq!(edited["edited"], 12_000);
    let window = filter("hs_lastmodifieddate", "GTE", &json!(at_ms));
    let (mut found, mut last) = (Vec::new(), 0);
    loop {
        let page = search(
            &sandbox,
            &by_id(&[window.clone(), filter("hs_object_id", "GT", &json!(last.to_string()))]),
        )
        .await;
        let Some(newest) = ids(&page).last().copied() else { break };
        assert_eq!(page["total"], 12_000 - found.len());
        found.extend(ids(&page));
        last = newest;
    }
    assert_eq!(found.len(), 12_000);
    assert!(found.is_sorted());
    let mut last_page = by_id(&[window]);
    last_page["after"] = json!("9800");
    assert_eq!(search(&sandbox, &last_page).await["paging"]["next"]["after"], "10000");
}
