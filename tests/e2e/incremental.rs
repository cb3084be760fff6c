//! Nothing that changes later is missed.

use buffalo_model::{Clock, SystemClock};
use serde_json::json;

use crate::harness::World;

async fn state(world: &World, id: &str) -> (String, i64) {
    sqlx::query_as("SELECT status, amount_minor FROM payments WHERE external_id = $1")
        .bind(id)
        .fetch_one(&world.database.pool)
        .await
        .unwrap_or_else(|error| panic!("{id}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_later_change_arrives() {
    let world = World::with_charges(50).await;
    world.set_clock(-100_000).await;
    let succeeds = world.charge(json!({"amount": 100, "currency": "usd", "status": "pending"})).await;
    let fails = world.charge(json!({"amount": 200, "currency": "usd", "status": "pending"})).await;
    let captured = world.charge(json!({"amount": 300, "currency": "usd", "capture": false})).await;
    let refunded = world.charge(json!({"amount": 400, "currency": "usd"})).await;
    let disputed = world.charge(json!({"amount": 500, "currency": "usd"})).await;
    world.sync().await;
    assert_eq!(state(&world, &captured).await, ("PENDING".to_owned(), 300));

    world.set_clock(-50_000).await;
    world.tell(&format!("charges/{succeeds}/succeed"), json!({})).await;
    world.tell(&format!("charges/{fails}/fail"), json!({})).await;
    world.tell(&format!("charges/{captured}/capture"), json!({"amount": 250})).await;
    let refund = world.tell(&format!("charges/{refunded}/refund"), json!({"amount": 150})).await;
    let dispute = world.tell(&format!("charges/{disputed}/dispute"), json!({})).await;
    let (refund, dispute) = (refund["id"].as_str().unwrap(), dispute["id"].as_str().unwrap());
    let run = world.sync().await;
    assert_eq!(run["mode"], "incremental");
    assert_eq!(state(&world, &succeeds).await, ("COLLECTED".to_owned(), 100));
    assert_eq!(state(&world, &fails).await.0, "FAILED");
    assert_eq!(state(&world, &captured).await, ("COLLECTED".to_owned(), 250));
    assert_eq!(state(&world, refund).await, ("REFUNDED".to_owned(), 150));
    assert_eq!(state(&world, dispute).await.0, "PENDING");
    world.assert_complete().await;

    world.set_clock(0).await;
    world.tell(&format!("refunds/{refund}"), json!({"status": "failed"})).await;
    world.tell(&format!("disputes/{dispute}"), json!({"status": "lost"})).await;
    world.sync().await;
    assert_eq!(state(&world, refund).await.0, "FAILED");
    assert_eq!(state(&world, dispute).await, ("DISPUTED".to_owned(), 500));
    world.assert_complete().await;
    world.end().await;
}

/// Stripe calls it a refund when an authorisation is given up. No money came, so none goes back.
#[tokio::test(flavor = "multi_thread")]
async fn giving_up_an_authorisation_is_no_refund() {
    let world = World::with_charges(20).await;
    let held = world.charge(json!({"amount": 4000, "currency": "usd", "capture": false})).await;
    let paid = world.charge(json!({"amount": 900, "currency": "usd"})).await;
    world.sync().await;
    let release = world.tell(&format!("charges/{held}/refund"), json!({})).await;
    world.tell(&format!("charges/{paid}/refund"), json!({"amount": 200})).await;
    world.sync().await;
    assert_eq!(state(&world, release["id"].as_str().unwrap()).await, ("REFUNDED".to_owned(), 4000));
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_run_costs_one_request() {
    let world = World::with_charges(50).await;
    world.sync().await;
    // Two changes of one object in one second: its events do not say which came last.
    let charge = world.charge(json!({"amount": 100, "currency": "usd", "capture": false})).await;
    world.tell(&format!("charges/{charge}/capture"), json!({})).await;
    world.sync().await;
    world.assert_complete().await;
    for _ in 0..2 {
        let run = world.sync().await;
        assert_eq!(run["counts"]["requestsMade"], 1, "{run}");
        assert_eq!(run["counts"]["recordsEnqueued"], 0, "{run}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_in_the_second_of_the_last_one_is_not_lost() {
    let world = World::with_charges(5).await;
    world.sync().await;
    let now = world.tell("clock", json!({"offset_s": 0})).await["now"].as_i64().unwrap();
    world.charge(json!({"amount": 1, "currency": "usd", "at": now})).await;
    world.sync().await;
    world.charge(json!({"amount": 2, "currency": "usd", "at": now})).await;
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_breaks_off_on_its_second_page_is_read_to_its_end_later() {
    let mut world = World::with_charges(5).await;
    world.sync().await;
    for amount in 1..=150 {
        world.charge(json!({"amount": amount, "currency": "usd"})).await;
    }
    world.set("MAX_RETRIES", "0");
    world.tell("faults", json!({"path": "/v1/events", "nth": 2, "kind": {"status": 500}})).await;
    let run = world.fetch().await.expect(3).run();
    assert_eq!(run["status"], "partial");
    assert_eq!(
        run["cursorAfter"]["through"], run["cursorBefore"]["through"],
        "newest first: nothing is complete yet"
    );
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_another_version_are_read_again() {
    let world = World::with_charges(5).await;
    world.sync().await;
    world.tell("settings", json!({"api_version": "2020-08-27"})).await;
    let charge = world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let run = world.sync().await;
    assert_eq!(run["counts"]["requestsMade"], 2, "{run}");
    let sql = "SELECT string_agg(DISTINCT api_version, ',') FROM raw_records";
    assert_eq!(world.database.text(sql).await, "2026-10-28.endive", "{charge}");
    world.assert_complete().await;
    world.end().await;
}

/// What came into being before the days that are listed may still change while it is open; what is settled may, too,
/// without any sign of it.
#[tokio::test(flavor = "multi_thread")]
async fn lookback_reads_what_is_open_and_says_what_it_does_not_see() {
    let mut world = World::with_charges(0).await;
    world.set("STRIPE_INCREMENTAL", "lookback");
    world.set("STRIPE_LOOKBACK_DAYS", "1");
    let now = world.tell("clock", json!({"offset_s": 0})).await["now"].as_i64().unwrap();
    let old = now - 5 * 86_400;
    let pending = json!({"amount": 100, "currency": "usd", "status": "pending", "at": old});
    let pending = world.charge(pending).await;
    let paid = world.charge(json!({"amount": 900, "currency": "usd", "at": old})).await;
    let refund = json!({"amount": 50, "status": "pending", "at": old});
    let refund = world.tell(&format!("charges/{paid}/refund"), refund).await;
    let dispute = world.tell(&format!("charges/{paid}/dispute"), json!({"amount": 300, "at": old})).await;
    let (refund, dispute) = (refund["id"].as_str().unwrap(), dispute["id"].as_str().unwrap());
    world.sync().await;
    let idle = world.sync().await["counts"]["requestsMade"].as_i64().unwrap();
    world.tell(&format!("charges/{pending}/succeed"), json!({})).await;
    world.tell(&format!("refunds/{refund}"), json!({"status": "failed"})).await;
    world.tell(&format!("disputes/{dispute}"), json!({"status": "lost"})).await;
    world.database.run("UPDATE record_heads SET observed_at = observed_at - interval '2 hours'").await;
    let run = world.sync().await;
    assert_eq!(run["counts"]["requestsMade"].as_i64().unwrap(), idle + 3, "{run}");
    world.assert_complete().await;
    let settled = world.sync().await;
    assert_eq!(settled["counts"]["requestsMade"].as_i64().unwrap(), idle, "{settled}");

    let ask = async |arguments: &[&str]| {
        let revenue = world.buffalo(&[&["revenue", "summary", "--format", "json"], arguments].concat()).await;
        revenue.expect(0).json()["incompleteBecause"].to_string()
    };
    assert!(ask(&[]).await.contains("CHANGES_UNSEEN"));
    let today = SystemClock.now().format("%Y-%m-%d").to_string();
    let of_today = ask(&["--start-date", &today]).await;
    assert!(!of_today.contains("CHANGES_UNSEEN"), "{of_today}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lookback_finds_changes_without_events() {
    let mut world = World::with_charges(5).await;
    world.set("STRIPE_INCREMENTAL", "lookback");
    world.tell("settings", json!({"restricted_keys": {"rk_test_x": ["/v1/events"]}})).await;
    world.set("STRIPE_API_KEY", "rk_test_x");
    let charge = world.charge(json!({"amount": 100, "currency": "usd"})).await;
    world.sync().await;
    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 40})).await;
    let run = world.sync().await;
    assert_eq!(run["mode"], "incremental");
    world.assert_complete().await;
    let idle = world.sync().await;
    assert_eq!(idle["counts"]["recordsEnqueued"], 0);
    world.end().await;
}
