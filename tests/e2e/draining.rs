//! How far a process goes, what it waits for, and who is told what became of rows.

use crate::harness::{Outcome, World, terminate};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_after_as_many_rows_as_it_was_given() {
    let mut world = World::with_charges(30).await;
    world.set("OUTBOX_BATCH_SIZE", "4");
    world.fetch().await.expect(0);
    let all = world.database.number("SELECT count(*) FROM ingest_outbox").await;
    let outcome = world.buffalo(&["process", "--max-rows", "7", "--workers", "3", "--format", "json"]).await;
    assert_eq!(outcome.expect(0).run()["counts"]["recordsProcessed"], 7);
    assert_eq!(world.database.number("SELECT count(*) FROM ingest_outbox").await, all - 7);
    world.buffalo(&["process", "--max-rows", "0"]).await.expect(2);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_ends_at_its_deadline() {
    let world = World::with_charges(5).await;
    world.fetch().await.expect(0);
    let outcome = world.buffalo(&["process", "--watch", "--deadline", "1", "--format", "json"]).await;
    assert_eq!(outcome.expect(0).run()["status"], "success");
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_processes_what_others_fetch_until_it_is_stopped() {
    let world = World::with_charges(20).await;
    let watcher = world.start(&["process", "--watch", "--format", "json"]);
    let listening = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%buffalo_outbox%' AND state = 'idle'";
    world.until("it listens", async || world.database.number(listening).await == 1).await;
    for _ in 0..3 {
        world.charge(serde_json::json!({"amount": 100, "currency": "usd"})).await;
        world.fetch().await.expect(0);
        let waiting = "SELECT count(*) FROM ingest_outbox";
        world.until("nothing waits", async || world.database.number(waiting).await == 0).await;
    }
    terminate(&watcher);
    Outcome::from(watcher.wait_with_output().await.unwrap()).expect(0);
    world.fetch().await.expect(0);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_rows_is_told_by_the_run_that_fetched_them() {
    let world = World::with_charges(20).await;
    let odd = serde_json::json!({"amount": 100, "currency": "usd", "raw_patch": {"status": "enchanted"}});
    world.charge(odd).await;
    let poison = serde_json::json!({"amount": 100, "currency": "usd", "raw_patch": {"currency": "dollars"}});
    let poison = world.charge(poison).await;
    let fetched = world.fetch().await.expect(0).run();
    let enqueued = fetched["counts"]["recordsEnqueued"].as_i64().unwrap();
    let processed = world.process().await.expect(0).run();
    let id = fetched["runId"].as_str().unwrap();
    let told = world.buffalo(&["runs", id, "--format", "json"]).await.expect(0).json();
    for run in [&told, &processed] {
        assert_eq!(run["counts"]["recordsProcessed"], enqueued - 1, "{run}");
        assert_eq!(run["counts"]["recordsFailed"], 1, "{run}");
        assert_eq!(run["failedRecords"][0]["externalId"], poison, "{run}");
        assert_eq!(run["unmappedStatusesSeen"], serde_json::json!(["enchanted"]), "{run}");
    }
    assert_eq!(told["status"], "success", "{told}");
    world.end().await;
}
