//! Health: whether the program can answer, and how each part does.

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
async fn every_part_says_how_it_does() {
    let mut world = World::with_charges(3).await;
    world.sync().await;
    let gate = Gate::before(&world.database.url).await;
    world.set("DATABASE_URL", gate.url.clone());
    let (mut server, base) = serve(&mut world).await;
    let health = format!("{base}/api/health");
    let (status, answer, _) = get(health.clone(), &[]).await;
    assert_eq!((status, &answer["status"]), (200, &Value::from("ok")), "{answer}");
    assert_eq!(answer["checks"], json!({"api": "ok", "database": "ok", "stripe": "ok"}));
    assert!(answer["version"].is_string() && answer["timestamp"].is_string(), "{answer}");
    world.tell("faults", json!({"times": 100, "kind": {"status": 403}})).await;
    world.fetch().await.expect(1);
    let (status, answer, _) = get(health.clone(), &[]).await;
    assert_eq!(
        (status, &answer["status"], &answer["checks"]["stripe"]),
        (200, &"degraded".into(), &"degraded".into())
    );
    gate.shut();
    let (status, answer, _) = get(health.clone(), &[]).await;
    assert_eq!(
        (status, &answer["status"], &answer["checks"]["database"]),
        (503, &"down".into(), &"down".into())
    );
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
    assert_eq!(get(health, &[]).await.0, 200, "well again by itself");
    kill(&mut server).await;
    world.end().await;
}
