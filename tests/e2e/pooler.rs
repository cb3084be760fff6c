//! Everything by way of PgBouncer in transaction mode, where each transaction may have another session.

use serde_json::json;

use crate::database::TestDatabase;
use crate::harness::{Outcome, World, kill, terminate};
use crate::pgbouncer::PgBouncer;

/// Advisory locks in the database at hand. One that a session keeps would be left in the pooler for ever; one of a
/// transaction ends a moment after its program.
const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

const RUNNING: &str = "SELECT count(*) FROM sync_runs WHERE status = 'running' AND mode <> 'process'";

/// A world whose programs reach the database through the pooler, and are told so.
async fn behind(pooler: &PgBouncer, database: TestDatabase, charges: u64) -> World {
    let url = pooler.url(&database.url);
    let mut world = World::on(database, charges).await;
    world.set("DATABASE_URL", url);
    world.set("DATABASE_POOLER", "transaction");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_program_works_behind_a_transaction_pooler() {
    // Fewer sessions than there are connections, so that they really are shared.
    let pooler = PgBouncer::start(8).await;
    let mut world = behind(&pooler, TestDatabase::create().await, 2_000).await;
    world.set("OUTBOX_BATCH_SIZE", "50");
    world.fetch().await.expect(0);
    let started: Vec<_> =
        (0..3).map(|_| world.start(&["process", "--workers", "2", "--format", "json"])).collect();
    for child in started {
        Outcome::from(child.wait_with_output().await.unwrap()).expect(0);
    }
    let charge = world.charge(json!({"amount": 1_234, "currency": "usd"})).await;
    world.tell(&format!("charges/{charge}/refund"), json!({})).await;
    world.set_clock(120).await;
    world.sync().await;
    world.assert_complete().await;
    for command in [
        &["check"][..],
        &["status"],
        &["runs"],
        &["cursors", "show"],
        &["dead-letters", "list"],
        &["maintain"],
        &["summary", "--date", "2026-10-01"],
        &["revenue", "daily"],
    ] {
        let outcome = world.buffalo(command).await;
        assert!(matches!(outcome.code, 0 | 3), "{command:?}: {outcome:?}");
    }
    world.until("no lock is held", async || world.database.number(LOCKS).await == 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_finds_what_is_missing_and_what_is_too_much() {
    let pooler = PgBouncer::start(4).await;
    let world = behind(&pooler, TestDatabase::create().await, 1_500).await;
    world.sync().await;
    // The first and the last of those that are too much are more than one look apart.
    world
        .database
        .run(
            "UPDATE payments SET external_id = 'a' || external_id
             WHERE external_id IN (SELECT external_id FROM payments ORDER BY external_id LIMIT 2)",
        )
        .await;
    world
        .database
        .run(
            "UPDATE payments SET external_id = 'z' || external_id
             WHERE external_id IN (SELECT external_id FROM payments ORDER BY external_id DESC LIMIT 3)",
        )
        .await;
    let compared = world.buffalo(&["reconcile", "--format", "json"]).await.expect(3).json();
    let found = &compared["reconciliations"][0];
    assert_eq!((&found["missing"], &found["extra"]), (&json!(5), &json!(5)), "{compared}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_made_through_the_pooler_and_leave_nothing_behind() {
    let pooler = PgBouncer::start(2).await;
    let world = behind(&pooler, TestDatabase::before_migration(1).await, 100).await;
    for _ in 0..2 {
        world.buffalo(&["migrate"]).await.expect(0);
    }
    world.sync().await;
    world.assert_complete().await;
    world.until("no lock is held", async || world.database.number(LOCKS).await == 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_fetch_is_skipped_and_a_dead_one_is_waited_for_no_longer_than_it_may_be_silent() {
    let pooler = PgBouncer::start(4).await;
    let world = behind(&pooler, TestDatabase::create().await, 250).await;
    world.tell("faults", json!({"path": "/v1/charges", "kind": {"latency_ms": 6_000}})).await;
    let mut first = world.start(&["fetch", "--format", "json"]);
    world.until("the first is at work", async || world.database.number(RUNNING).await > 0).await;
    world.buffalo(&["fetch", "--fail-if-busy"]).await.expect(75);
    kill(&mut first).await;
    let second = world.fetch().await.expect(0);
    assert_eq!(second.run()["status"], "skipped");
    world.database.run("UPDATE sync_runs SET heartbeat_at = heartbeat_at - interval '2 minutes'").await;
    world.sync().await;
    let abandoned = "SELECT count(*) FROM sync_runs WHERE status = 'abandoned'";
    assert_eq!(world.database.number(abandoned).await, 1);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_finds_new_rows_without_being_told() {
    let pooler = PgBouncer::start(4).await;
    let world = behind(&pooler, TestDatabase::create().await, 300).await;
    let watcher = world.start(&["process", "--watch"]);
    world.fetch().await.expect(0);
    let left = "SELECT count(*) FROM ingest_outbox";
    world.until("everything is processed", async || world.database.number(left).await == 0).await;
    terminate(&watcher);
    Outcome::from(watcher.wait_with_output().await.unwrap()).expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_on_a_session_that_is_shared() {
    // No pooler, so that what a session did last is there to be seen.
    let mut world = World::with_charges(0).await;
    world.set("DATABASE_POOLER", "transaction");
    world.set("HINT_INTERVAL_S", "0");
    let watcher = world.start(&["process", "--watch"]);
    let hint = "INSERT INTO fetch_hints (source, entity, lag_s, hinted_at, due_at)
                VALUES ('stripe', 'payments', 0, now(), now())";
    world.database.run(hint).await;
    let answered = "SELECT count(*) FROM fetch_hints WHERE due_at IS NULL";
    world.until("the hint is followed", async || world.database.number(answered).await == 1).await;
    let listening = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND query ILIKE 'LISTEN%'";
    assert_eq!(world.database.number(listening).await, 0);
    terminate(&watcher);
    Outcome::from(watcher.wait_with_output().await.unwrap()).expect(0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_say_that_there_is_a_pooler_is_told_to() {
    let pooler = PgBouncer::start(2).await;
    let mut world = behind(&pooler, TestDatabase::create().await, 0).await;
    world.unset("DATABASE_POOLER");
    // The first leaves a prepared statement behind, over which the second stumbles.
    world.buffalo(&["runs"]).await;
    let outcome = world.buffalo(&["runs"]).await.expect(1);
    assert!(outcome.stderr.contains("set DATABASE_POOLER=transaction"), "{outcome:?}");
    world.end().await;
}
