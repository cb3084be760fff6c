//! Stripe's webhooks: what is posted becomes payments, by whichever way and in whatever order it comes.

use serde_json::json;

use super::{SECRET, events, post_event};
use crate::harness::{Outcome, World, kill, terminate};
use crate::http::{get, serve, serve_by};

async fn world(charges: u64) -> World {
    let mut world = World::with_charges(charges).await;
    world.set("STRIPE_WEBHOOK_SECRET", format!("whsec_of_old,{SECRET}"));
    world
}

async fn raw_records(world: &World) -> i64 {
    world.database.number("SELECT count(*) FROM raw_records").await
}

/// A charge with a change in each of several seconds, and the events that tell of it, oldest first.
async fn charge_with_a_history(world: &World) -> (String, Vec<String>) {
    let now = world.tell("clock", json!({"offset_s": 0})).await["now"].as_i64().unwrap();
    let charge = json!({"amount": 500, "currency": "usd", "status": "pending", "at": now - 30});
    let charge = world.charge(charge).await;
    world.tell(&format!("charges/{charge}/succeed"), json!({"at": now - 20})).await;
    let refund = json!({"amount": 200, "at": now - 10});
    world.tell(&format!("charges/{charge}/refund"), refund).await;
    (charge, events(world).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_is_soon_a_payment() {
    let mut world = world(0).await;
    world.set("FETCH_SCHEDULE", "off");
    world.set("RECONCILE_SCHEDULE", "off");
    let (everything, base) = serve_by(&mut world, "run").await;
    let listening = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%buffalo_outbox%' AND state = 'idle'";
    world.until("it listens", async || world.database.number(listening).await == 1).await;
    for amount in [100, 200] {
        world.charge(json!({"amount": amount, "currency": "usd"})).await;
        let event = events(&world).await.pop().unwrap();
        let (status, answer) = post_event(&base, &event).await;
        assert_eq!((status, &answer), (200, &json!({"received": true, "type": "charge.succeeded"})));
    }
    let payments = "SELECT count(*) FROM payments WHERE status = 'COLLECTED'";
    world.until("both are payments", async || world.database.number(payments).await == 2).await;
    terminate(&everything);
    Outcome::from(everything.wait_with_output().await.unwrap()).expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_state_holds_in_whatever_order_events_come() {
    let mut world = world(0).await;
    let (_, first) = charge_with_a_history(&world).await;
    let (server, base) = serve(&mut world).await;
    for event in first.iter().rev() {
        assert_eq!(post_event(&base, event).await.0, 200);
    }
    world.process().await.expect(0);
    world.assert_complete().await;
    let known = first.len();
    for turn in 1..3 {
        let (_, all) = charge_with_a_history(&world).await;
        let mut new: Vec<_> = all.into_iter().filter(|event| !first.contains(event)).collect();
        new.rotate_left(turn * known / 3);
        for event in &new {
            assert_eq!(post_event(&base, event).await.0, 200);
            world.process().await.expect(0);
        }
        world.assert_complete().await;
    }
    drop(server);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_taken_once_whoever_it_is_posted_to() {
    let mut world = world(0).await;
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let event = events(&world).await.pop().unwrap();
    let (mut one, first) = serve(&mut world).await;
    let (mut other, second) = serve(&mut world).await;
    let mut posts = tokio::task::JoinSet::new();
    for base in [&first, &second].repeat(4) {
        let (base, event) = (base.clone(), event.clone());
        posts.spawn(async move { post_event(&base, &event).await });
    }
    while let Some(answer) = posts.join_next().await {
        assert_eq!(answer.unwrap().0, 200);
    }
    assert_eq!(raw_records(&world).await, 1);
    world.process().await.expect(0);
    assert_eq!(post_event(&second, &event).await.0, 200);
    assert_eq!(raw_records(&world).await, 1);
    world.assert_complete().await;
    kill(&mut one).await;
    kill(&mut other).await;
    world.end().await;
}

/// PostgreSQL has no time so long ago. Stripe sends none: it stands for whatever is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_can_t_be_stored_costs_those_beside_it_nothing() {
    let mut world = world(0).await;
    for amount in 1..=6 {
        world.charge(json!({"amount": amount, "currency": "usd"})).await;
    }
    let mut events = events(&world).await;
    let mut bad: serde_json::Value = serde_json::from_str(&events[5]).unwrap();
    bad["id"] = "evt_of_no_time".into();
    bad["created"] = (-8_000_000_000_000_i64).into();
    events[5] = bad.to_string();
    let (mut server, base) = serve(&mut world).await;
    let mut lock = world.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE webhook_events IN SHARE MODE").execute(&mut *lock).await.unwrap();
    let mut posts = tokio::task::JoinSet::new();
    for event in &events {
        let (base, event) = (base.clone(), event.clone());
        posts.spawn(async move { post_event(&base, &event).await.0 });
    }
    let all = format!("buffalo_http_requests_in_flight {}", events.len() + 1);
    world
        .until("all of them wait", async || {
            let (_, metrics, _) = get(format!("{base}/metrics"), &[]).await;
            metrics.as_str().unwrap().lines().any(|line| line == all)
        })
        .await;
    lock.rollback().await.unwrap();
    let mut statuses = posts.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 500]);
    assert_eq!(raw_records(&world).await, 5);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_posted_and_fetched_is_one() {
    let mut world = world(5).await;
    world.sync().await;
    let (mut server, base) = serve(&mut world).await;
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    world.charge(json!({"amount": 200, "currency": "usd"})).await;
    let before = raw_records(&world).await;
    let [posted_first, fetched_first] = &events(&world).await[..] else { panic!("two events") };
    // Stripe indents what it posts in its own way.
    let indented =
        posted_first.replace(r#""data":{"object":{"id":"#, "\"data\": {\n  \"object\": {\n    \"id\": ");
    assert_ne!(&indented, posted_first);
    assert_eq!(post_event(&base, &indented).await.0, 200);
    let (run, answer) = tokio::join!(world.fetch(), post_event(&base, fetched_first));
    assert_eq!((run.expect(0).run()["status"].as_str(), answer.0), (Some("success"), 200));
    world.process().await.expect(0);
    world.assert_complete().await;
    assert_eq!(raw_records(&world).await, before + 2);
    kill(&mut server).await;
    world.end().await;
}

/// The cursor's version is what refuses a second producer. A webhook is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_under_way_is_not_disturbed() {
    let mut world = world(1_500).await;
    let (mut server, base) = serve(&mut world).await;
    world.set("BACKFILL_CONCURRENCY", "1");
    world.tell("faults", json!({"times": 1_000, "kind": {"latency_ms": 100}})).await;
    for amount in 1..=40 {
        world.charge(json!({"amount": amount, "currency": "usd"})).await;
    }
    let events = events(&world).await;
    let fetch = world.start(&["fetch", "--format", "json"]);
    let begun = "SELECT count(*) FROM sync_runs WHERE pages_fetched > 0";
    world.until("pages are being stored", async || world.database.number(begun).await == 1).await;
    for event in &events {
        assert_eq!(post_event(&base, event).await.0, 200);
    }
    let running = "SELECT count(*) FROM sync_runs WHERE status = 'running'";
    assert_eq!(world.database.number(running).await, 1, "the fetch was at work all the time");
    let run = Outcome::from(fetch.wait_with_output().await.unwrap()).expect(0).run();
    assert_eq!(run["status"], "success");
    world.process().await.expect(0);
    world.assert_complete().await;
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_placed_is_fetched() {
    let mut world = world(0).await;
    world.sync().await;
    let (mut server, base) = serve(&mut world).await;
    let now = world.tell("clock", json!({"offset_s": 0})).await["now"].as_i64().unwrap();
    let charge = world.charge(json!({"amount": 100, "currency": "usd", "capture": false, "at": now})).await;
    world.tell(&format!("charges/{charge}/capture"), json!({"at": now})).await;
    let of_one_second = events(&world).await;
    assert_eq!(of_one_second.len(), 2);
    for event in &of_one_second {
        assert_eq!(post_event(&base, event).await.0, 200);
    }
    assert_eq!(raw_records(&world).await, 1, "the first was taken, the second may be older or newer");
    let due = "SELECT count(*) FROM fetch_hints WHERE source = 'stripe' AND due_at IS NOT NULL";
    assert_eq!(world.database.number(due).await, 1);

    // An account whose events are in another version: there, nothing that is posted can be read.
    world.tell("settings", json!({"api_version": "2020-08-27"})).await;
    world.charge(json!({"amount": 300, "currency": "usd"})).await;
    let all = events(&world).await;
    let other = all.iter().find(|event| event.contains("2020-08-27")).unwrap();
    assert_eq!(post_event(&base, other).await.0, 200);
    assert_eq!(raw_records(&world).await, 1);
    world.sync().await;
    world.assert_complete().await;
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_are_forgotten_and_young_ones_are_not() {
    let mut world = world(0).await;
    let (mut server, base) = serve(&mut world).await;
    let (_, events) = charge_with_a_history(&world).await;
    for event in &events {
        post_event(&base, event).await;
    }
    let old = "UPDATE webhook_events SET received_at = received_at - interval '32 days'
               WHERE event_id = (SELECT min(event_id) FROM webhook_events)";
    world.database.run(old).await;
    let planned = world.buffalo(&["maintain", "--dry-run", "--format", "json"]).await.expect(0).json();
    let done = world.buffalo(&["maintain", "--format", "json"]).await.expect(0).json();
    assert_eq!((&planned["forgottenEvents"], &done["forgottenEvents"]), (&json!(1), &json!(1)));
    let left = world.database.number("SELECT count(*) FROM webhook_events").await;
    assert_eq!(left, i64::try_from(events.len()).unwrap() - 1);
    kill(&mut server).await;
    world.end().await;
}
