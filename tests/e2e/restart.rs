//! Postgres restarted under running work.

use buffalo_store::embedded::EmbeddedPostgres;

use crate::database::TestDatabase;
use crate::gate::Gate;
use crate::harness::{Outcome, World, terminate};
use crate::http::serve_by;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_postgres_loses_nothing() {
    let directory = std::env::temp_dir().join(format!("buffalo-restart-{}", std::process::id()));
    let postgres = EmbeddedPostgres::start(&directory).await.unwrap();
    let mut world = World::on(TestDatabase::at(postgres.url()).await, 3_000).await;
    // Slow enough for the restart to come in the middle.
    world.set("STRIPE_RATE_LIMIT_PER_SEC", "15");
    world.set("OUTBOX_BATCH_SIZE", "20");
    let fetch = world.start(&["fetch", "--format", "json"]);
    let process = world.start(&["process", "--watch", "--format", "json"]);
    let processed = "SELECT count(*) FROM payments";
    world.until("some of it is processed", async || world.database.number(processed).await > 300).await;
    postgres.restart().await.unwrap();
    let fetched = Outcome::from(fetch.wait_with_output().await.unwrap()).expect(0);
    assert_eq!(fetched.run()["status"], "success", "{fetched:?}");
    terminate(&process);
    Outcome::from(process.wait_with_output().await.unwrap()).expect(0);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.sandbox.stop().await;
    world.database.pool.close().await;
    postgres.stop().await.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_outage_ends_nobody_and_no_row_goes_uncounted() {
    let mut world = World::with_charges(30).await;
    let fetched = world.fetch().await.expect(0).run()["counts"]["recordsEnqueued"].as_i64().unwrap();
    world.database.run("UPDATE ingest_outbox SET available_at = available_at + interval '1 year'").await;
    for schedule in ["FETCH_SCHEDULE", "PROCESS_SCHEDULE", "RECONCILE_SCHEDULE", "SUMMARY_SCHEDULE"] {
        world.set(schedule, "off");
    }
    let direct = world.database.url.clone();
    let gate = Gate::before(&direct).await;
    world.set("DATABASE_URL", gate.url.clone());
    let (mut everything, _) = serve_by(&mut world, "run").await;
    let watching = "SELECT count(*) FROM sync_runs WHERE mode = 'process' AND status = 'running'";
    world.until("it watches", async || world.database.number(watching).await == 1).await;
    // Rows are processed, and the database goes away while that is being said.
    let mut lock = world.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE run_totals IN EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    world.database.run("UPDATE ingest_outbox SET available_at = now()").await;
    let left = "SELECT count(*) FROM ingest_outbox";
    world.until("all rows are processed", async || world.database.number(left).await == 0).await;
    let saying = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'run_totals'::regclass";
    world.until("it is being said", async || world.database.number(saying).await == 1).await;
    gate.shut();
    lock.rollback().await.unwrap();
    world
        .until("it has failed to report again and again, or given up", async || {
            let log = world.served();
            log.matches("can't be written down yet").count() >= 5 || log.contains("part=")
        })
        .await;
    let log = world.served();
    assert!(!log.contains("part="), "none of its parts has ended: {log}");
    gate.open();
    let counted = "SELECT records_processed FROM sync_runs WHERE mode = 'process'";
    world
        .until("what was done is written down", async || world.database.number(counted).await == fetched)
        .await;
    world.set("DATABASE_URL", direct);
    world.charge(serde_json::json!({"amount": 1_234, "currency": "usd"})).await;
    world.set_clock(120).await;
    world.fetch().await.expect(0);
    world
        .until("what comes later is processed", async || {
            world.database.number("SELECT count(*) FROM payments WHERE amount_minor = 1234").await == 1
        })
        .await;
    terminate(&everything);
    assert!(everything.wait().await.unwrap().success());
    world.assert_complete().await;
    world.end().await;
}
