//! Retention: the raw history in partitions, made, filled, and dropped when it is old.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::database::TestDatabase;
use crate::harness::{Outcome, World};

/// The migration that cut the raw history into partitions.
const PARTITIONED: i64 = 20_261_121_000_008;
const RAW: &str = "SELECT count(*) FROM raw_records";
const IN_DEFAULT: &str = "SELECT count(*) FROM raw_records_default";
const PARTITIONS: &str = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'raw_records'::regclass";
const PAYMENTS: &str = "SELECT count(*) FROM payments";

impl World {
    pub async fn maintain(&self) -> Outcome {
        self.buffalo(&["maintain", "--format", "json"]).await
    }
}

fn lengths(report: &Value) -> [usize; 4] {
    ["created", "dropped", "kept", "notDone"].map(|field| report[field].as_array().unwrap().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_populated_database_is_migrated_without_loss() {
    let mut world = World::with_charges(200).await;
    world.fetch().await.expect(0);
    let fetched: Vec<(String, DateTime<Utc>, String)> =
        sqlx::query_as("SELECT external_id, observed_at, payload FROM raw_records ORDER BY id")
            .fetch_all(&world.database.pool)
            .await
            .unwrap();
    let older = TestDatabase::before_migration(PARTITIONED).await;
    world.set("DATABASE_URL", older.url.clone());
    std::mem::replace(&mut world.database, older).drop_it().await;
    // As an older version had stored it, a record a day, and not yet processed.
    for (days, (id, observed_at, payload)) in (0..).zip(&fetched) {
        store_as_before(&world, id, *observed_at, payload, days).await;
    }
    let content = "SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM
        (SELECT id, external_id, revision, observed_at, fetched_at, run_id, payload FROM raw_records) AS r";
    let before = world.database.text(content).await;
    world.buffalo(&["migrate"]).await.expect(0);
    assert_eq!(world.database.text(content).await, before);
    assert_eq!(world.database.number(IN_DEFAULT).await, 0);
    assert_eq!(world.database.number(PARTITIONS).await, 6, "what was there, four weeks ahead, default");
    let next_id = "SELECT nextval('raw_records_id_seq') - max(id) FROM raw_records";
    assert_eq!(world.database.number(next_id).await, 1);

    world.process().await.expect(0);
    world.assert_complete().await;
    world.charge(json!({"amount": 700, "currency": "usd"})).await;
    world.sync().await;
    world.assert_complete().await;
    // It is one partition, which is past retention when its newest row is.
    assert_eq!(lengths(&world.maintain().await.expect(0).json()), [0; 4]);
    world.end().await;
}

async fn store_as_before(world: &World, id: &str, observed_at: DateTime<Utc>, payload: &str, days: i32) {
    let sql = "WITH raw AS (
                   INSERT INTO raw_records
                       (source, entity, external_id, revision, observed_at, fetched_at, run_id, payload)
                   VALUES ('stripe', 'payments', $1, 1, $2, now() - interval '1 day' * $4,
                           '0199a2b4-0000-7000-8000-000000000000', $3) RETURNING *
               ), head AS (
                   INSERT INTO record_heads (source, entity, external_id, revision, observed_at, content_hash)
                   SELECT source, entity, external_id, revision, observed_at, '' FROM raw
               )
               INSERT INTO ingest_outbox
                   (raw_id, source, entity, external_id, revision, observed_at, payload_bytes, available_at,
                    enqueued_at)
               SELECT id, source, entity, external_id, revision, observed_at, 1, fetched_at, fetched_at FROM raw";
    let row = sqlx::query(sql).bind(id).bind(observed_at).bind(payload).bind(days);
    row.execute(&world.database.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_maintenance_stops_nothing_and_is_made_up_for() {
    let world = World::with_charges(50).await;
    world.sync().await;
    world.assert_complete().await;
    let raw = world.database.number(RAW).await;
    assert_eq!(world.database.number(IN_DEFAULT).await, raw);
    let status = world.buffalo(&["status", "--format", "json"]).await.json();
    assert_eq!(status["partitions"]["defaultHoldsRows"], true);
    assert_eq!(status["partitions"]["warnings"].as_array().unwrap().len(), 2, "{status}");
    let status = world.buffalo(&["status"]).await;
    assert!(status.stdout.contains("raw records (`buffalo maintain`)"), "{status:?}");

    let dry = world.buffalo(&["maintain", "--dry-run", "--format", "json"]).await.expect(0).json();
    assert_eq!((world.database.number(PARTITIONS).await, &dry["dryRun"]), (1, &json!(true)));
    let done = world.maintain().await.expect(0).json();
    assert_eq!(lengths(&done), [5, 0, 0, 0]);
    assert_eq!(
        (&done["created"], done["created"][0]["rowsFromDefault"].as_i64()),
        (&dry["created"], Some(raw))
    );
    assert_eq!((world.database.number(IN_DEFAULT).await, world.database.number(RAW).await), (0, raw));
    assert_eq!(lengths(&world.maintain().await.expect(0).json()), [0; 4]);
    let status = world.buffalo(&["status", "--format", "json"]).await.json();
    assert_eq!(status["partitions"]["warnings"], json!([]));

    world.charge(json!({"amount": 700, "currency": "usd"})).await;
    world.sync().await;
    world.assert_complete().await;
    assert_eq!((world.database.number(IN_DEFAULT).await, world.database.number(RAW).await), (0, raw + 1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_retention_goes_unless_rows_wait() {
    let mut world = World::with_charges(60).await;
    world.fetch().await.expect(0);
    // Fetched half a year ago, and not processed since.
    for table in
        ["UPDATE raw_records SET fetched_at", "UPDATE ingest_outbox SET available_at = now(), enqueued_at"]
    {
        let time = if table.contains("raw") { "fetched_at" } else { "enqueued_at" };
        let sql = format!("{table} = {time} - interval '26 weeks'");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&world.database.pool).await.unwrap();
    }
    let raw = world.database.number(RAW).await;
    let made = world.maintain().await.expect(0).json();
    assert_eq!((lengths(&made), &made["created"][0]["rowsFromDefault"]), ([6, 0, 0, 0], &json!(raw)));
    let kept = world.maintain().await.expect(0).json();
    assert_eq!((lengths(&kept), &kept["kept"][0]["waitingRows"]), ([0, 0, 1, 0], &json!(raw)));

    world.process().await.expect(0);
    world.assert_complete().await;
    let payments = world.database.number(PAYMENTS).await;
    world.set("OUTBOX_RETENTION_DAYS", "0");
    assert_eq!(lengths(&world.maintain().await.expect(0).json()), [0; 4]);
    world.set("OUTBOX_RETENTION_DAYS", "90");
    let dry = world.buffalo(&["maintain", "--dry-run"]).await.expect(0);
    assert!(dry.stdout.contains("dropped") && world.database.number(RAW).await == raw, "{dry:?}");
    let dropped = world.maintain().await.expect(0).json();
    assert_eq!(lengths(&dropped), [0, 1, 0, 0]);
    assert!(dropped["dropped"][0]["bytes"].as_i64().unwrap() > 0, "{dropped}");
    assert_eq!((world.database.number(RAW).await, world.database.number(PAYMENTS).await), (0, payments));
    assert_eq!(lengths(&world.maintain().await.expect(0).json()), [0; 4]);
    // What is known of a record outlives its history: nothing of it is news.
    world.buffalo(&["cursors", "reset", "stripe", "payments"]).await.expect(0);
    assert_eq!(world.fetch().await.expect(0).run()["counts"]["recordsEnqueued"], 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_long_reader_maintenance_gives_up_and_fetching_goes_on() {
    let world = World::with_charges(50).await;
    let mut reader = world.database.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM raw_records").execute(&mut *reader).await.unwrap();
    let maintain = world.start(&["maintain", "--format", "json"]);
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'raw_records'::regclass";
    world.until("it waits for the reader", async || world.database.number(waits).await > 0).await;
    world.fetch().await.expect(0);
    let outcome = Outcome::from(maintain.wait_with_output().await.unwrap()).expect(3);
    assert_eq!(lengths(&outcome.json()), [0, 0, 0, 5]);
    assert!(outcome.stderr.contains("could not create raw_records_"), "{outcome:?}");
    reader.rollback().await.unwrap();
    assert_eq!(lengths(&world.maintain().await.expect(0).json()), [5, 0, 0, 0]);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_maintenance_leaves_it_to_the_first() {
    let world = World::with_charges(0).await;
    let mut first = world.database.pool.begin().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(x'42554646'::integer, hashtext('maintenance'))";
    sqlx::query(lock).execute(&mut *first).await.unwrap();
    let second = world.maintain().await.expect(0);
    assert!(second.stderr.contains("another maintenance is at work"), "{second:?}");
    assert_eq!(world.database.number(PARTITIONS).await, 1);
    first.rollback().await.unwrap();
    assert_eq!(lengths(&world.maintain().await.expect(0).json()), [5, 0, 0, 0]);
    world.end().await;
}
