//! Clocks that are wrong: a vendor's counts up to ours, and what an older program took from it heals.

use serde_json::json;

use crate::harness::World;
use crate::webhooks::{SECRET, events, post_event};

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_two_hours_ahead_costs_nothing() {
    let mut world = World::with_charges(5).await;
    world.set("LOG_LEVEL", "warn");
    world.sync().await;
    world.set_clock(7_200).await;
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let ahead = world.fetch().await.expect(0);
    assert_eq!(ahead.stderr.matches("the clock of the source is ahead of ours").count(), 1, "{ahead:?}");
    let late = "SELECT count(*) FROM record_heads WHERE observed_at > now() + interval '2 seconds'";
    assert_eq!(world.database.number(late).await, 0);
    let through = "SELECT count(*) FROM sync_cursors WHERE data_through > now()
                   OR to_timestamp((state->>'through')::bigint) > now()";
    assert_eq!(world.database.number(through).await, 0);

    world.set_clock(0).await;
    world.charge(json!({"amount": 200, "currency": "usd"})).await;
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_from_a_clock_ahead_leaves_no_gap() {
    let world = World::with_charges(5).await;
    world.set_clock(7_200).await;
    world.sync().await;
    world.set_clock(0).await;
    world.charge(json!({"amount": 200, "currency": "usd"})).await;
    assert_eq!(world.sync().await["mode"], "incremental");
    world.assert_complete().await;
    world.end().await;
}

/// As an older program left it.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_in_the_future_is_stale_and_heals() {
    let world = World::with_charges(5).await;
    world.sync().await;
    world.charge(json!({"amount": 200, "currency": "usd"})).await;
    let ahead = "UPDATE sync_cursors SET last_full_backfill_at = NULL,
                 state = jsonb_set(state, '{through}', to_jsonb((state->>'through')::bigint + 7200))";
    world.database.run(ahead).await;
    let run = world.sync().await;
    assert_eq!(run["mode"], "full");
    assert!(run["fullBackfillReason"].as_str().unwrap().contains("lies in the future"), "{run}");
    world.assert_complete().await;
    assert_eq!(world.sync().await["mode"], "incremental");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_from_the_future_does_not_hold_up_what_follows() {
    let mut world = World::with_charges(0).await;
    world.set("STRIPE_WEBHOOK_SECRET", SECRET);
    world.sync().await;
    let charge = world.charge(json!({"amount": 100, "currency": "usd", "capture": false})).await;
    let mut event: serde_json::Value = serde_json::from_str(&events(&world).await.pop().unwrap()).unwrap();
    event["created"] = (event["created"].as_i64().unwrap() + 86_400).into();
    event["id"] = "evt_of_tomorrow".into();
    let (server, base) = crate::http::serve(&mut world).await;
    assert_eq!(post_event(&base, &event.to_string()).await.0, 200);
    world.process().await.expect(0);
    let late = "SELECT count(*) FROM record_heads WHERE observed_at > now() + interval '2 seconds'";
    assert_eq!(world.database.number(late).await, 0);
    world.tell(&format!("charges/{charge}/capture"), json!({})).await;
    world.sync().await;
    world.assert_complete().await;
    drop(server);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_wins_over_what_a_wrong_clock_stamped() {
    for ahead in [5, 180] {
        let world = World::with_charges(20).await;
        world.sync().await;
        let stamp = "UPDATE record_heads SET observed_at = now() + make_interval(mins => $1)";
        sqlx::query(stamp).bind(ahead).execute(&world.database.pool).await.unwrap();
        world.database.run("UPDATE payments SET amount_minor = amount_minor + 1 WHERE kind = 'charge'").await;
        let wrong = world.database.number("SELECT count(*) FROM payments WHERE kind = 'charge'").await;
        let repaired = world.buffalo(&["reconcile", "--repair", "--format", "json"]).await.json();
        assert_eq!(repaired["reconciliations"][0]["repaired"], wrong, "{ahead}: {repaired}");
        world.process().await.expect(0);
        world.buffalo(&["reconcile"]).await.expect(0);
        world.assert_complete().await;
        world.end().await;
    }
}
