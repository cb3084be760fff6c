//! Health: whether the program can answer, and how each part does.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::harness::{World, kill};
use crate::http::{ADMIN_KEY, KEY, get, post, serve};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_depends_on_postgres_alone() {
    let mut world = World::with_charges(0).await;
    world.tell("faults", json!({"times": 100, "kind": {"status": 403}})).await;
    world.fetch().await.expect(1);
    let (mut server, base) = serve(&mut world).await;
    let (status, ready, _) = get(format!("{base}/readyz"), &[]).await;
    assert_eq!((status, &ready["syncStatus"]), (200, &Value::from("degraded")));
    kill(&mut server).await;
    world.set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let (mut server, base) = serve(&mut world).await;
    let (status, answer, _) = get(format!("{base}/readyz"), &[]).await;
    assert_eq!((status, &answer["checks"]["db"]["ok"]), (503, &Value::from(false)));
    assert_eq!(get(format!("{base}/healthz"), &[]).await.0, 200);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_sources_that_takes_long_makes_nobody_unready() {
    let mut world = World::with_charges(3).await;
    world.sync().await;
    let (mut server, base) = serve(&mut world).await;
    let mut lock = world.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE sync_runs IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let ready = async || {
        let (status, ready, _) = get(format!("{base}/readyz"), &[]).await;
        assert_eq!((status, &ready["syncStatus"]), (200, &json!("degraded")), "{ready}");
        assert_eq!((&ready["status"], &ready["checks"]["db"]["ok"]), (&json!("ok"), &json!(true)), "{ready}");
        ready["uptimeS"].as_u64().unwrap()
    };
    // Long enough for several looks.
    let began = ready().await;
    world.until("it has looked again", async || ready().await > began + 6).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(world.database.number(waiting).await, 1, "an unanswered question is not asked again");
    lock.rollback().await.unwrap();
    let healthy = async || get(format!("{base}/readyz"), &[]).await.1["syncStatus"] == "healthy";
    world.until("sources are known again", healthy).await;
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_as_fresh_as_what_was_fetched_longest_ago() {
    let mut world = World::with_hubspot(3, 3).await;
    world.fetch().await.expect(0);
    world
        .database
        .run("UPDATE sync_runs SET finished_at = finished_at - interval '1 day' WHERE entity = 'contacts'")
        .await;
    world.tell("faults", json!({"times": 100, "kind": {"status": 403}})).await;
    world.fetch().await.expect(1);
    let (mut server, base) = serve(&mut world).await;
    let (_, ready, _) = get(format!("{base}/readyz"), &[]).await;
    let source = &ready["checks"]["hubspot"];
    let at = |field: &str| source[field].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(at("lastFetch") - at("lastSync") > TimeDelta::hours(23), "{ready}");
    kill(&mut server).await;
    world.database.run("DELETE FROM sync_runs WHERE entity = 'contacts' AND status = 'success'").await;
    let (mut server, base) = serve(&mut world).await;
    let (_, ready, _) = get(format!("{base}/readyz"), &[]).await;
    assert_eq!(ready["checks"]["hubspot"]["lastSync"], Value::Null, "contacts were never fetched: {ready}");
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_health_costs_the_database_little() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    let asked = "SELECT coalesce(sum(xact_commit), 0)::bigint FROM pg_stat_database WHERE datname = current_database()";
    let before = world.database.number(asked).await;
    let client = reqwest::Client::new();
    let asking = (0..800).map(|n| client.get(format!("{base}/{}", ["readyz", "api/health"][n % 2])).send());
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.unwrap().status().as_u16(), 200);
    }
    // Sessions report what they did after a second or when they end.
    kill(&mut server).await;
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'buffalo'";
    world.until("its sessions have ended", async || world.database.number(sessions).await == 0).await;
    let cost = world.database.number(asked).await - before;
    assert!(cost < 400, "{cost} transactions for 800 questions");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_says_how_it_does() {
    let mut world = World::with_charges(3).await;
    world.sync().await;
    let gate = Gate::before(&world.database.url).await;
    world.set("DATABASE_URL", gate.url.clone());
    let (mut server, base) = serve(&mut world).await;
    let health = format!("{base}/api/health");
    let (status, answer, _) = get(health.clone(), &[]).await;
    assert_eq!((status, &answer["status"]), (200, &Value::from("ok")), "{answer}");
    let checks =
        json!({"api": "ok", "database": "ok", "stripe": "ok", "hubspot": "disabled", "gcal": "disabled"});
    assert_eq!(answer["checks"], checks);
    assert!(answer["version"].is_string() && answer["timestamp"].is_string(), "{answer}");
    world.tell("faults", json!({"times": 100, "kind": {"status": 403}})).await;
    world.fetch().await.expect(1);
    // What was found is told for a second.
    let finds = async |status: u16, part: &str, how: &str| {
        let (found, answer, _) = get(health.clone(), &[]).await;
        (found, &answer["status"], &answer["checks"][part]) == (status, &how.into(), &how.into())
    };
    world.until("the source is degraded", async || finds(200, "stripe", "degraded").await).await;
    gate.shut();
    world.until("the database is down", async || finds(503, "database", "down").await).await;
    let key = [("x-api-key", KEY)];
    for path in ["/runs", "/metrics/revenue/daily", "/outbox", "/dead-letters", "/metrics/unmapped-statuses"]
    {
        let (status, answer, _) = get(format!("{base}{path}"), &key).await;
        assert_eq!((status, &answer["code"]), (503, &Value::from("DATABASE_UNAVAILABLE")), "{path}");
    }
    let headers = [("x-admin-api-key", ADMIN_KEY), ("idempotency-key", "k")];
    let (status, answer, _) = post(format!("{base}/trigger/stripe/full"), &headers, "").await;
    assert_eq!((status, &answer["code"]), (503, &Value::from("DATABASE_UNAVAILABLE")));
    assert_eq!(get(format!("{base}/healthz"), &[]).await.0, 200);
    gate.open();
    world.until("it is well again by itself", async || get(health.clone(), &[]).await.0 == 200).await;
    kill(&mut server).await;
    world.end().await;
}
