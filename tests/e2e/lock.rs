//! Two of everything at once.

use serde_json::json;

use crate::harness::{Outcome, World};

#[tokio::test(flavor = "multi_thread")]
async fn two_fetches_at_once_make_one_set_of_requests() {
    let world = World::with_charges(250).await;
    world.tell("faults", json!({"path": "/v1/charges", "kind": {"latency_ms": 6_000}})).await;
    let first = world.start(&["fetch", "--format", "json"]);
    // The sandbox counts a request when it has answered, which it does only after six seconds.
    let running = "SELECT count(*) FROM sync_runs WHERE status = 'running'";
    world.until("the first is at work", async || world.database.number(running).await > 0).await;
    let (second, third) = tokio::join!(world.fetch(), world.buffalo(&["fetch", "--fail-if-busy"]));
    let second = second.expect(0);
    third.expect(75);
    assert_eq!(second.run()["status"], "skipped");
    assert!(second.stderr.contains("another producer is at work"), "{second:?}");
    let first = Outcome::from(first.wait_with_output().await.unwrap()).expect(0);
    assert_eq!(first.run()["counts"]["requestsMade"], world.requests().await);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_without_its_lock_is_refused_by_the_cursor() {
    let world = World::with_charges(250).await;
    world.tell("faults", json!({"path": "/v1/charges", "nth": 2, "kind": {"latency_ms": 1_000}})).await;
    let first = world.start(&["fetch", "--format", "json"]);
    let stored = "SELECT version FROM sync_cursors UNION ALL SELECT 0 ORDER BY 1 DESC LIMIT 1";
    world.until("a page is stored", async || world.database.number(stored).await > 0).await;
    // What a second producer would do that a pooler had let in.
    world.database.run("UPDATE sync_cursors SET version = version + 1").await;
    let first = Outcome::from(first.wait_with_output().await.unwrap()).expect(3);
    assert_eq!(first.run()["status"], "partial");
    assert!(first.stderr.contains("another producer moved the cursor"), "{first:?}");
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processors_settle_each_row_once() {
    let mut world = World::with_charges(2_000).await;
    world.set("OUTBOX_BATCH_SIZE", "20");
    let enqueued = world.fetch().await.expect(0).run()["counts"]["recordsEnqueued"].as_i64().unwrap();
    let started: Vec<_> = (0..4).map(|_| world.start(&["process", "--format", "json"])).collect();
    let mut processed = 0;
    for child in started {
        let outcome = Outcome::from(child.wait_with_output().await.unwrap()).expect(0);
        processed += outcome.run()["counts"]["recordsProcessed"].as_i64().unwrap();
    }
    assert_eq!(processed, enqueued);
    world.assert_complete().await;
    world.end().await;
}
