//! Cursors that can't be continued from.

use serde_json::json;

use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_garbage_cursor_heals_and_does_not_backfill_at_will() {
    let world = World::with_charges(50).await;
    world.sync().await;
    world.database.run(r#"UPDATE sync_cursors SET state = '"ch_garbage"'"#).await;
    let refused = world.fetch().await.expect(1);
    let error = refused.run()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("stale_cursor_but_rate_limited: "), "{error}");
    assert_eq!(refused.run()["staleCursorDetected"], true);
    assert_eq!(world.database.text("SELECT state::text FROM sync_cursors").await, "\"ch_garbage\"");

    world.database.run("UPDATE sync_cursors SET last_full_backfill_at = now() - interval '61 minutes'").await;
    let run = world.fetch().await.expect(0).run();
    assert_eq!((&run["mode"], &run["status"]), (&json!("full"), &json!("success")));
    assert_eq!(run["fullBackfillTriggered"], true);
    assert_eq!(run["counts"]["recordsEnqueued"], 0, "all of it is known: {run}");
    assert_eq!(world.fetch().await.expect(0).run()["mode"], "incremental");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_older_than_the_events_leads_to_a_backfill() {
    let world = World::with_charges(50).await;
    world.sync().await;
    world
        .database
        .run(
            "UPDATE sync_cursors SET last_full_backfill_at = NULL,
                 state = jsonb_set(state, '{through}', to_jsonb((state->>'through')::bigint - 30 * 86400))",
        )
        .await;
    let run = world.fetch().await.expect(0).run();
    assert_eq!(run["mode"], "full");
    assert!(run["fullBackfillReason"].as_str().unwrap().contains("30 days old"), "{run}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_backfill_goes_on_where_it_was() {
    let mut world = World::with_charges(450).await;
    world.set("MAX_RETRIES", "0");
    world.set("BACKFILL_CONCURRENCY", "1");
    world.tell("faults", json!({"path": "/v1/charges", "nth": 3, "kind": {"status": 500}})).await;
    let broken = world.fetch().await.expect(3).run();
    assert_eq!(broken["status"], "partial");
    assert_eq!(broken["counts"]["pagesFetched"], 2);
    assert_eq!(broken["dataThrough"], json!(null), "a part of a list says nothing about time");
    let rest = world.fetch().await.expect(0).run();
    assert_eq!(rest["mode"], "full");
    assert_eq!(rest["counts"]["recordsDeduped"], 0, "nothing is fetched twice: {rest}");
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_says_what_it_does_and_leads_to_a_backfill() {
    let world = World::with_charges(5).await;
    world.sync().await;
    let dry = world.buffalo(&["cursors", "reset", "stripe", "payments", "--dry-run"]).await.expect(0);
    assert!(dry.stdout.contains("would be forgotten"), "{dry:?}");
    assert_eq!(world.fetch().await.run()["mode"], "incremental");
    world.buffalo(&["cursors", "reset", "stripe", "payments"]).await.expect(0);
    assert_eq!(world.fetch().await.run()["mode"], "full");
    let shown = world.buffalo(&["cursors", "show", "--format", "json"]).await.expect(0).json();
    assert_eq!(shown["cursors"][0]["cursor"]["phase"], "events");
    world.end().await;
}

/// A place that is lost whenever it is asked for: what a vendor that never knows it looks like.
async fn lose_places(world: &World, path: &str) {
    let body = json!({"error": {"type": "invalid_request_error", "code": "resource_missing",
                                "param": "starting_after", "message": "No such object"}});
    for nth in [2, 4, 6, 8, 10] {
        let kind = json!({"status": 400, "body": body.to_string()});
        world.tell("faults", json!({"path": path, "nth": nth, "kind": kind})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_always_lost_ends_the_run() {
    let mut world = World::with_charges(450).await;
    world.set("BACKFILL_CONCURRENCY", "1");
    lose_places(&world, "/v1/charges").await;
    let run = world.fetch().await.expect(3).run();
    assert_eq!((&run["status"], &run["counts"]["requestsMade"]), (&json!("partial"), &json!(4)), "{run}");
    world.clear_faults().await;
    world.sync().await;
    world.assert_complete().await;

    for amount in 1..=150 {
        world.charge(json!({"amount": amount, "currency": "usd"})).await;
    }
    lose_places(&world, "/v1/events").await;
    let run = world.fetch().await.expect(3).run();
    assert_eq!(run["status"], "partial", "{run}");
    world.clear_faults().await;
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}
