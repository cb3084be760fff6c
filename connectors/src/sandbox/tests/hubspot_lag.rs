//! HubSpot searches that lag behind what was changed.

use serde_json::json;

use super::hubspot::{ask, ids, make, portal, read};
use super::hubspot_search::search as found;
use super::*;

const DEALS: &str = "/crm/objects/2026-09/deals";

#[tokio::test]
async fn a_search_that_lags_shows_what_was_and_catches_up() {
    let sandbox = portal().await;
    let deals = ids(&read(&sandbox, &format!("{DEALS}?limit=5")).await);
    let late = json!({ "propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": (UNTIL * 1_000 - 3_600_000).to_string() });
    let won = json!({ "propertyName": "dealstage", "operator": "EQ", "value": "closedwon" });
    let by_id = json!([{ "propertyName": "hs_object_id" }]);
    let searches = [
        json!({ "sorts": by_id, "properties": ["amount", "hs_merged_object_ids"] }),
        json!({ "sorts": by_id, "filterGroups": [{ "filters": [late] }] }),
        json!({ "sorts": [{ "propertyName": "hs_lastmodifieddate", "direction": "DESCENDING" }],
                "filterGroups": [{ "filters": [won] }] }),
    ];
    let mut before = Vec::new();
    for search in &searches {
        before.push(found(&sandbox, search).await);
    }

    // The lag counts from the request, so a date long past makes no change show sooner.
    let at_ms = UNTIL * 1_000;
    let win = json!({ "amount": "7", "dealstage": "closedwon", "pipeline": "default" });
    make(&sandbox, &format!("deals/{}", deals[0]), json!({ "properties": win, "at_ms": at_ms })).await;
    make(&sandbox, "deals", json!({ "properties": win, "at_ms": at_ms })).await;
    make(&sandbox, &format!("deals/{}/archive", deals[1]), json!({ "at_ms": at_ms })).await;
    let merge = json!({ "loser": deals[2].to_string(), "at_ms": at_ms });
    make(&sandbox, &format!("deals/{}/merge", deals[3]), merge).await;
    let bulk = json!({ "count": 1, "after": deals[3].to_string(), "properties": win, "at_ms": at_ms });
    make(&sandbox, "deals/bulk-edit", bulk).await;

    for (search, before) in searches.iter().zip(&before) {
        make(&sandbox, "search-lag", json!({ "lag_ms": 0 })).await;
        let now = found(&sandbox, search).await;
        assert_ne!((&now["total"], ids(&now)), (&before["total"], ids(before)), "{search}");
        make(&sandbox, "search-lag", json!({ "lag_ms": 600_000 })).await;
        assert_eq!(&found(&sandbox, search).await, before, "{search}");
        control(&sandbox, "clock", r#"{"offset_s":601}"#).await;
        assert_eq!(found(&sandbox, search).await, now, "{search}");
        control(&sandbox, "clock", r#"{"offset_s":0}"#).await;
    }
    let listed = read(&sandbox, &format!("{DEALS}?limit=3&properties=amount")).await;
    assert_eq!(ids(&listed), [deals[0], deals[3], deals[4]]);
    let single = read(&sandbox, &format!("{DEALS}/{}?properties=amount", deals[0])).await;
    let inputs = json!({ "properties": ["amount"], "inputs": [{ "id": deals[0].to_string() }] });
    let batch = ask(&sandbox, "POST", &format!("{DEALS}/batch/read"), &inputs).await.json();
    assert_eq!((&single, &batch["results"][0]), (&listed["results"][0], &listed["results"][0]));
    assert_eq!(single["properties"]["amount"], "7");
    let refused = post(&sandbox, "/_sandbox/hubspot/search-lag", r#"{"lag_ms":-1}"#).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_search_that_lags_goes_through_every_state_a_deal_was_in() {
    let sandbox = portal().await;
    make(&sandbox, "search-lag", json!({ "lag_ms": 3_600_000 })).await;
    let amount = |amount: &str| json!({ "properties": { "amount": amount } });
    let made = id(&make(&sandbox, "deals", amount("1")).await);
    for (hour, change, body) in [
        (2, "", amount("2")),
        (4, "", amount("3")),
        (6, "/archive", json!({})),
        (8, "/restore", json!({})),
        (
            10,
            "/merge",
            json!({ "loser": ids(&read(&sandbox, &format!("{DEALS}?limit=1")).await)[0].to_string() }),
        ),
    ] {
        control(&sandbox, "clock", &json!({ "offset_s": hour * 3_600 }).to_string()).await;
        make(&sandbox, &format!("deals/{made}{change}"), body).await;
    }
    let search = json!({
        "filterGroups": [{ "filters": [{ "propertyName": "hs_object_id", "operator": "EQ", "value": made }] }],
        "sorts": [{ "propertyName": "hs_object_id" }], "properties": ["amount", "hs_merged_object_ids"] });
    let mut shown = Vec::new();
    for hour in (0..=12).step_by(2) {
        control(&sandbox, "clock", &json!({ "offset_s": hour * 3_600 + 1_800 }).to_string()).await;
        let answer = found(&sandbox, &search).await;
        let deal = &answer["results"][0]["properties"];
        let merged = deal["hs_merged_object_ids"].is_string();
        shown.push((answer["total"] == 1, deal["amount"].as_str().map(str::to_owned), merged));
    }
    let state = |amount: &str, merged| (true, Some(amount.to_owned()), merged);
    let absent = (false, None, false);
    let third = state("3", false);
    let expected = [
        absent.clone(),
        state("1", false),
        state("2", false),
        third.clone(),
        absent,
        third,
        state("3", true),
    ];
    assert_eq!(shown, expected);
}
