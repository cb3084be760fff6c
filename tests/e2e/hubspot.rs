//! HubSpot: deals as payments, and contacts.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::harness::{World, kill};

/// A HubSpot account whose clock is ten minutes behind, until changes are made to it.
async fn account(deals: u64, contacts: u64) -> World {
    let world = World::with_hubspot(deals, contacts).await;
    world.set_clock(-600).await;
    world
}

/// A moment after the first listing that searches see already, which lag a minute behind.
fn lately_ms() -> u64 {
    u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap() - 90_000
}

/// Fetches both entities and processes; returns their runs.
async fn sync(world: &World) -> Vec<Value> {
    let runs = world.fetch().await.expect(0).json()["runs"].as_array().unwrap().clone();
    world.process().await.expect(0);
    runs
}

/// What is alive is what HubSpot has, won deals are revenue, and nothing waits.
async fn assert_complete(world: &World) {
    let expected = world.ask("hubspot/expected").await;
    for (table, of) in [("payments", "deals"), ("contacts", "contacts")] {
        let alive = format!("SELECT count(*) FROM {table} WHERE source = 'hubspot' AND deleted_at IS NULL");
        let alive: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(alive)).fetch_one(&world.database.pool).await.unwrap();
        assert_eq!(json!(alive), expected[of]["live"], "live {of}");
    }
    for (currency, sums) in expected["currencies"].as_object().unwrap() {
        let revenue = world
            .buffalo(&["revenue", "summary", "--currency", currency, "--format", "json"])
            .await
            .expect(0)
            .json();
        assert_eq!(revenue["totalRevenueCents"], sums["won"], "won in {currency}");
        assert_eq!(revenue["count"], sums["count"], "deals won in {currency}");
    }
    assert_eq!(world.database.number("SELECT count(*) FROM ingest_outbox").await, 0);
    assert_eq!(world.database.number("SELECT count(*) FROM dead_letters").await, 0);
}

async fn live_deals(world: &World) -> Vec<String> {
    let deals = world.ask("hubspot/objects?kind=deals").await;
    let live = deals.as_array().unwrap().iter().filter(|deal| deal["archived"] == false);
    live.map(|deal| deal["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn later_changes_deletions_and_merges_arrive() {
    let world = account(350, 120).await;
    for run in sync(&world).await {
        assert_eq!((&run["mode"], &run["status"]), (&json!("full"), &json!("success")), "{run}");
    }
    assert_complete(&world).await;

    world.set_clock(0).await;
    let deals = live_deals(&world).await;
    let at_ms = lately_ms();
    let won = json!({"at_ms": at_ms, "properties": {"amount": "90071992547409.93", "deal_currency_code": "USD",
                     "dealstage": "closedwon", "pipeline": "default", "hs_is_closed_won": "true"}});
    world.tell(&format!("hubspot/deals/{}", deals[3]), won).await;
    world.tell(&format!("hubspot/deals/{}/archive", deals[5]), json!({"at_ms": at_ms})).await;
    world
        .tell(&format!("hubspot/deals/{}/merge", deals[8]), json!({"loser": deals[7], "at_ms": at_ms}))
        .await;
    for run in sync(&world).await {
        assert_eq!((&run["mode"], &run["status"]), (&json!("incremental"), &json!("success")), "{run}");
    }
    assert_complete(&world).await;
    let kept = "SELECT count(*) FROM payments WHERE deleted_at IS NOT NULL AND currency <> 'XXX'";
    assert!(world.database.number(kept).await >= 2, "what is gone is still history");

    world.tell(&format!("hubspot/deals/{}/restore", deals[5]), json!({"at_ms": at_ms + 1_000})).await;
    sync(&world).await;
    assert_complete(&world).await;
    let result = world.buffalo(&["reconcile", "hubspot", "--format", "json"]).await.expect(0).json();
    assert_eq!(result["reconciliations"].as_array().unwrap().len(), 2, "{result}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_thousand_edits_of_one_millisecond_arrive() {
    let world = account(12_500, 0).await;
    sync(&world).await;
    world.set_clock(0).await;
    let edit = json!({"count": 12_000, "at_ms": lately_ms(), "properties": {"amount": "1.00", "deal_currency_code": "USD"}});
    world.tell("hubspot/deals/bulk-edit", edit).await;
    sync(&world).await;
    let edited =
        "SELECT count(*) FROM payments WHERE amount_minor = 100 AND currency = 'USD' AND deleted_at IS NULL";
    assert!(world.database.number(edited).await >= 12_000);
    assert_complete(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_repeat_nothing() {
    let mut world = account(2_000, 1_000).await;
    world.set("HUBSPOT_RATE_LIMIT_PER_SEC", "30");
    for _ in 0..8 {
        let mut fetch = world.start(&["fetch"]);
        // The moment itself is what is random here; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(20..400))).await;
        kill(&mut fetch).await;
    }
    world.set("HUBSPOT_RATE_LIMIT_PER_SEC", "0");
    sync(&world).await;
    assert_complete(&world).await;
    world
        .tell(
            "hubspot/deals/bulk-edit",
            json!({"count": 1_500, "at_ms": lately_ms(),
               "properties": {"dealname": "Renamed"}}),
        )
        .await;
    for _ in 0..4 {
        let mut fetch = world.start(&["fetch"]);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(20..100))).await;
        kill(&mut fetch).await;
    }
    sync(&world).await;
    assert_complete(&world).await;
    assert_eq!(world.database.number("SELECT count(*) FROM record_heads WHERE revision > 2").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_limit_ends_the_run_to_be_continued() {
    let world = World::with_hubspot(1_000, 0).await;
    world
        .tell("hubspot/limits", json!({"daily": {"requests": 5, "resets_in_s": 3_600, "retry_after": true}}))
        .await;
    let runs = world.fetch().await.expect(3).json()["runs"].clone();
    let limited = runs.as_array().unwrap().iter().find(|run| run["entity"] == "payments").unwrap();
    assert_eq!(limited["status"], "partial", "{limited}");
    assert!(limited["error"].as_str().unwrap().contains("allowed in a day is used up, until "), "{limited}");
    world.tell("hubspot/limits", json!({})).await;
    sync(&world).await;
    assert_complete(&world).await;
    world.end().await;
}

/// One kind of answer for the deals; the contacts must not notice.
async fn deals_fail(fault: Value, words: &str) {
    let mut world = World::with_hubspot(150, 150).await;
    world.set("MAX_RETRIES", "1");
    world.set("HTTP_TIMEOUT_MS", "500");
    world.tell("faults", json!({"path": "/crm/objects/2026-09/deals", "times": 1_000, "kind": fault})).await;
    let outcome = world.fetch().await.expect(3);
    let runs = outcome.json()["runs"].clone();
    let of =
        |entity: &str| runs.as_array().unwrap().iter().find(|run| run["entity"] == entity).unwrap().clone();
    assert_eq!(of("contacts")["status"], "success", "{runs}");
    let failed = of("payments");
    assert_eq!((&failed["status"], &failed["cursorAfter"]), (&json!("failed"), &json!(null)), "{failed}");
    assert!(failed["error"].as_str().unwrap().contains(words), "{failed}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entity_fails_and_the_other_does_not() {
    for (fault, words) in [
        (json!({"status": 401}), "refused with 401"),
        (json!({"status": 403}), "refused with 403"),
        (json!({"status": 429}), "failed with 429 after 2 attempts"),
        (json!({"status": 500}), "failed with 500 after 2 attempts"),
        (json!({"latency_ms": 2_000}), "no whole answer within 500 ms"),
        (json!({"truncate": true}), "the connection broke"),
        (json!({"html": true}), "can't be read (text/html"),
    ] {
        deals_fail(fault, words).await;
    }
}

async fn fetch_all(world: &World, more: &[&str], code: i32) -> Value {
    let arguments = [&["fetch", "--mode", "full", "--format", "json"], more].concat();
    let runs = world.buffalo(&arguments).await.expect(code).json()["runs"].as_array().unwrap().clone();
    runs.into_iter().find(|run| run["entity"] == "payments").unwrap()
}

const DEALS: &str = "/crm/objects/2026-09/deals";

/// Small accounts are listed, large ones searched.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_search_or_a_list_lacks_is_not_deleted() {
    for deals in [40, 1_300] {
        let world = account(deals, 0).await;
        sync(&world).await;
        world.set_clock(7_200).await;
        let live = live_deals(&world).await;
        world.tell(&format!("hubspot/deals/{}/vanish", live[3]), json!({})).await;
        let lacks = json!({"unindexed": &live[..4], "unlisted": &live[..4]});
        world.tell("hubspot/oddities", lacks).await;
        let run = fetch_all(&world, &[], 0).await;
        assert_eq!(run["status"], "success", "{run}");
        world.process().await.expect(0);
        assert_complete(&world).await;
        // Nor does a comparison take them for gone, or anything for missing.
        let compared = world.buffalo(&["reconcile", "--repair", "--format", "json"]).await.expect(0).json();
        let result = &compared["reconciliations"][0];
        assert_eq!((&result["extra"], &result["repaired"]), (&json!(0), &json!(0)), "{result}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_is_deleted_only_where_two_listings_agree() {
    let world = account(100, 0).await;
    sync(&world).await;
    world.set_clock(7_200).await;
    // As if the list were empty and no id were known; the next listing has them all.
    let nothing = json!({"status": 200, "body": r#"{"results":[]}"#});
    let lie = async || {
        world.tell("faults", json!({"path": DEALS, "query": "properties", "kind": nothing})).await;
        world
            .tell("faults", json!({"path": format!("{DEALS}/batch/read"), "times": 2, "kind": nothing}))
            .await;
    };
    lie().await;
    let run = fetch_all(&world, &[], 3).await;
    assert_eq!(run["status"], "partial", "{run}");
    let error = run["error"].as_str().unwrap();
    assert!(
        error.contains("another listing has some of them") && error.contains("--allow-mass-delete"),
        "{error}"
    );
    world.clear_faults().await;
    world.process().await.expect(0);
    assert_complete(&world).await;

    // Truly gone: no listing has them.
    let live = live_deals(&world).await;
    for deal in &live[..30] {
        world.tell(&format!("hubspot/deals/{deal}/vanish"), json!({})).await;
    }
    let run = fetch_all(&world, &[], 0).await;
    assert_eq!(run["status"], "success", "{run}");
    world.process().await.expect(0);
    assert_complete(&world).await;

    // The operator's word stands in for the second listing.
    world.set_clock(7_500).await;
    lie().await;
    let run = fetch_all(&world, &["--allow-mass-delete"], 0).await;
    assert_eq!(run["counts"]["recordsEnqueued"], 70, "{run}");
    world.end().await;
}
