//! The schedule, and everything in one process.

use serde_json::json;

use crate::harness::{Outcome, World, terminate};
use crate::http::{get, serve_by};

const TICKS: &str = "SELECT count(*) FROM schedule_ticks WHERE job = 'fetch' AND outcome = 'done'";

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_fire_each_tick_once() {
    let mut world = World::with_charges(10).await;
    world.set("FETCH_SCHEDULE", "* * * * * *");
    world.set("PROCESS_SCHEDULE", "* * * * * *");
    world.set("RECONCILE_SCHEDULE", "off");
    let replicas = [world.start(&["schedule"]), world.start(&["schedule"])];
    world.until("some ticks were fired", async || world.database.number(TICKS).await >= 4).await;
    for replica in replicas {
        terminate(&replica);
        Outcome::from(replica.wait_with_output().await.unwrap()).expect(0);
    }
    let fired = "SELECT count(*) FROM schedule_ticks WHERE job = 'fetch'";
    let runs = "SELECT count(*) FROM sync_runs WHERE mode <> 'process'";
    assert_eq!(world.database.number(fired).await, world.database.number(runs).await);
    assert_eq!(world.database.number("SELECT count(*) FROM schedule_ticks WHERE outcome IS NULL").await, 0);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_due_meanwhile_is_done_once() {
    let mut world = World::with_charges(3).await;
    world.set("FETCH_SCHEDULE", "0 0 * * *");
    world.set("PROCESS_SCHEDULE", "off");
    world.set("RECONCILE_SCHEDULE", "off");
    world
        .database
        .run("INSERT INTO schedule_ticks VALUES ('fetch', now() - interval '5 days', now(), now(), 'done')")
        .await;
    let schedule = world.start(&["schedule"]);
    world.until("it was done", async || world.database.number(TICKS).await == 2).await;
    terminate(&schedule);
    Outcome::from(schedule.wait_with_output().await.unwrap()).expect(0);
    assert_eq!(world.database.number("SELECT count(*) FROM sync_runs").await, 1);
    let newest = "SELECT count(*) FROM schedule_ticks WHERE due_at = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'";
    assert_eq!(world.database.number(newest).await, 1, "the newest of those that were missed");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_tells_when_what_is_due() {
    let mut world = World::with_charges(0).await;
    world.set("RECONCILE_SCHEDULE", "off");
    world.set("FETCH_SCHEDULE", "0 12 * * *");
    let list = world.buffalo(&["schedule", "--list", "--format", "json"]).await.expect(0).json();
    let jobs = list["jobs"].as_array().unwrap();
    assert!(jobs.iter().all(|job| job["job"] != "reconcile"), "{list}");
    let fetch = jobs.iter().find(|job| job["job"] == "fetch").unwrap();
    assert_eq!(fetch["schedule"], "0 12 * * *");
    assert!(fetch["nextAt"].as_str().unwrap().contains("T12:00:00"), "{list}");
    world.set("FETCH_SCHEDULE", "every day");
    let refused = world.buffalo(&["schedule"]).await.expect(1);
    assert!(refused.stderr.contains("FETCH_SCHEDULE must be a cron expression"), "{refused:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_serves_fetches_and_processes() {
    let mut world = World::with_charges(10).await;
    world.set("FETCH_SCHEDULE", "* * * * * *");
    world.set("RECONCILE_SCHEDULE", "off");
    let (everything, base) = serve_by(&mut world, "run").await;
    let payments = "SELECT count(*) FROM payments";
    world.until("charges are processed", async || world.database.number(payments).await >= 10).await;
    let charge = world.charge(json!({"amount": 100, "currency": "usd"})).await;
    world
        .until("a new charge is in the figures", async || {
            let (status, runs, _) = get(format!("{base}/runs"), &[("x-api-key", "0123456789abcdef")]).await;
            assert_eq!(status, 200, "{runs}");
            let found: i64 = sqlx::query_scalar("SELECT count(*) FROM payments WHERE external_id = $1")
                .bind(&charge)
                .fetch_one(&world.database.pool)
                .await
                .unwrap();
            found == 1
        })
        .await;
    terminate(&everything);
    Outcome::from(everything.wait_with_output().await.unwrap()).expect(0);
    let running = "SELECT count(*) FROM sync_runs WHERE status = 'running'";
    assert_eq!(world.database.number(running).await, 0);
    world.end().await;
}
