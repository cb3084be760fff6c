//! Processes that die between claiming rows and settling them.

use sqlx::{Postgres, Transaction};

use crate::harness::{World, kill};

/// Claims that a living worker holds.
const HELD: &str = "SELECT count(*) FROM outbox_claims WHERE claim_id IN (
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted)";

/// Lets nobody write to `payments`, so that whoever has claimed rows stands still before settling them.
async fn hold_payments(world: &World) -> Transaction<'static, Postgres> {
    let mut held = world.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    held
}

/// Starts processing, and kills it when all its workers hold rows.
async fn die_once(world: &World, workers: i64) {
    let mut process = world.start(&["process", "--workers", &workers.to_string()]);
    world.until("rows are claimed", async || world.database.number(HELD).await == workers).await;
    kill(&mut process).await;
    // A session that waits for a lock does not notice that nobody is at its other end.
    world
        .database
        .number(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'buffalo'",
        )
        .await;
    world.until("the claims are gone", async || world.database.number(HELD).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deaths_lose_and_repeat_nothing() {
    let mut world = World::with_charges(400).await;
    world.set("OUTBOX_BATCH_SIZE", "20");
    world.fetch().await.expect(0);
    let held = hold_payments(&world).await;
    for _ in 0..50 {
        die_once(&world, 2).await;
    }
    held.rollback().await.unwrap();
    let run = world.process().await.expect(0).run();
    assert_eq!(run["counts"]["recordsFailed"], 0, "{run}");
    world.assert_complete().await;
    assert_eq!(world.database.number("SELECT count(*) FROM dead_letters").await, 0);
    assert_eq!(world.database.number("SELECT count(*) FROM outbox_claims").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_kills_its_process_ends_as_a_dead_letter() {
    let world = World::with_charges(0).await;
    let charge = world.charge(serde_json::json!({"amount": 100, "currency": "usd"})).await;
    world.fetch().await.expect(0);
    let held = hold_payments(&world).await;
    for _ in 0..5 {
        die_once(&world, 1).await;
    }
    held.rollback().await.unwrap();
    let run = world.process().await.expect(3).run();
    assert_eq!(run["counts"]["recordsDeadLettered"], 1, "{run}");
    let letter = "SELECT external_id || ' ' || attempts || ' ' || stage || ' ' || reason FROM dead_letters";
    let expected = format!("{charge} 5 process the process died while it was working on this row");
    assert_eq!(world.database.text(letter).await, expected);
    assert_eq!(world.database.number("SELECT count(*) FROM payments").await, 0);
    world.end().await;
}
