//! Claims: whose rows come next, and what becomes of the rows of workers that died.

use buffalo_model::Normalised;
use buffalo_store::{ClaimedBatch, Claimer, DeadRow, Heard, Look, Sessions, UpsertRow};
use chrono::{DateTime, TimeDelta, Utc};

use crate::fixture::{Fixture, T0, payment, record};

const LATER: DateTime<Utc> = DateTime::from_timestamp(1_800_003_600, 0).unwrap();

async fn claim(claimer: &mut Claimer, limit: i64) -> Option<ClaimedBatch> {
    claimer.claim(LATER, limit, 1_000_000, Look::Everywhere).await.unwrap()
}

/// Charges in the outbox; the claims of nobody are noted.
async fn with_rows(count: usize) -> Fixture {
    let mut fixture = Fixture::new().await;
    let records: Vec<_> = (0..count).map(|n| record(&format!("ch_{n:04}"), 0, "{}")).collect();
    fixture.write(&records).await.unwrap();
    fixture
}

/// Ends a claim as the death of its worker would, and waits until the server has noticed.
async fn die(fixture: &Fixture, batch: ClaimedBatch) {
    drop(batch);
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while fixture.database.number(held).await > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn rows_of_a_dead_worker_are_tried_one_by_one() {
    let fixture = with_rows(5).await;
    let store = &fixture.store;
    let mut claimer = store.claimer();
    let batch = claim(&mut claimer, 3).await.unwrap();
    assert_eq!(store.adopt_orphans(5, LATER).await.unwrap(), 0, "its worker is alive");
    die(&fixture, batch).await;
    assert_eq!(store.adopt_orphans(5, LATER).await.unwrap(), 3);
    assert_eq!(store.adopt_orphans(5, LATER).await.unwrap(), 0, "only once");

    // Those that nobody suspects come first and together.
    let healthy = claim(&mut store.claimer(), 10).await.unwrap();
    assert_eq!(healthy.rows().iter().map(|row| row.attempts).collect::<Vec<_>>(), [0, 0]);
    healthy.settle(&[], &[], T0).await.unwrap();
    for _ in 0..3 {
        let suspect = claim(&mut store.claimer(), 10).await.unwrap();
        assert_eq!(suspect.rows().len(), 1);
        assert_eq!(suspect.rows()[0].attempts, 1);
        suspect.settle(&[], &[], T0).await.unwrap();
    }
    assert!(claim(&mut store.claimer(), 10).await.is_none());
    assert_eq!(fixture.database.number("SELECT count(*) FROM outbox_claims").await, 0);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_row_that_kills_its_workers_has_had_all_its_attempts_in_the_end() {
    let fixture = with_rows(1).await;
    for deaths in 1..=5 {
        let batch = claim(&mut fixture.store.claimer(), 2).await.unwrap();
        die(&fixture, batch).await;
        fixture.store.adopt_orphans(5, LATER).await.unwrap();
        assert_eq!(fixture.database.number("SELECT attempts::bigint FROM ingest_outbox").await, deaths);
    }
    let batch = claim(&mut fixture.store.claimer(), 2).await.unwrap();
    let reason = batch.rows()[0].last_error.clone().unwrap();
    assert!(reason.contains("died"), "{reason}");
    batch.settle(&[], &[DeadRow { row: 0, attempts: 5, stage: "process", reason }], T0).await.unwrap();
    assert_eq!(fixture.database.number("SELECT attempts::bigint FROM dead_letters").await, 5);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn nobody_is_given_up_for_a_death_in_company() {
    let fixture = with_rows(3).await;
    let batch = claim(&mut fixture.store.claimer(), 3).await.unwrap();
    die(&fixture, batch).await;
    assert_eq!(fixture.store.adopt_orphans(1, LATER).await.unwrap(), 3);
    // The last attempt is left, and is made alone.
    assert_eq!(fixture.database.number("SELECT max(attempts)::bigint FROM ingest_outbox").await, 0);
    let suspect = claim(&mut fixture.store.claimer(), 3).await.unwrap();
    assert_eq!(suspect.rows().len(), 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_is_given_up_by_the_living_counts_for_nothing() {
    let fixture = with_rows(3).await;
    let mut claimer = fixture.store.claimer();
    let batch = claim(&mut claimer, 3).await.unwrap();
    die(&fixture, batch).await;
    claimer.give_up();
    let batch = claim(&mut claimer, 3).await.unwrap();
    assert_eq!(fixture.store.adopt_orphans(5, LATER).await.unwrap(), 0);
    assert!(batch.rows().iter().all(|row| row.attempts == 0));
    batch.settle(&[], &[], T0).await.unwrap();
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_live_row_does_not_wait_behind_a_backfill() {
    let fixture = with_rows(1_000).await;
    fixture.database.run("UPDATE ingest_outbox SET lane = 'backfill'").await;
    fixture
        .database
        .run(
            "UPDATE ingest_outbox SET lane = 'live', available_at = available_at + interval '1 min'
             WHERE external_id = 'ch_0999'",
        )
        .await;
    let mut claimer = fixture.store.claimer();
    let mut claims = 0;
    loop {
        let batch = claim(&mut claimer, 10).await.unwrap();
        claims += 1;
        let found = batch.rows().iter().any(|row| row.key.external_id == "ch_0999");
        batch.settle(&[], &[], T0).await.unwrap();
        if found {
            break;
        }
    }
    assert!(claims <= 2, "found by claim {claims}");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_row_from_before_what_was_claimed_is_found_all_the_same() {
    let fixture = with_rows(4).await;
    let mut claimer = fixture.store.claimer();
    claim(&mut claimer, 2).await.unwrap().settle(&[], &[], T0).await.unwrap();
    // As if it had become visible only now.
    fixture.database.run("UPDATE ingest_outbox SET available_at = available_at - interval '1 hour'").await;
    let at_once = claimer.claim(LATER, 2, 1_000_000, Look::NowAndThen).await.unwrap();
    assert!(at_once.is_none());
    let soon = claimer.claim(LATER + TimeDelta::seconds(5), 1, 1_000_000, Look::NowAndThen).await.unwrap();
    // Kept: what is given up is free only once its connection has said so.
    let _soon = soon.unwrap();
    let everywhere = claimer.claim(LATER, 1, 1_000_000, Look::Everywhere).await.unwrap();
    drop(everywhere.unwrap());
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_write_wakes_whoever_listens() {
    let mut fixture = Fixture::new().await;
    let mut listener = fixture.store.listen_to(Heard::Rows).await.unwrap();
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    listener.next().await.unwrap();
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn claimed_rows_are_nobody_elses_and_come_back_when_dropped() {
    let mut fixture = Fixture::new().await;
    let records: Vec<_> = (0..10).map(|n| record(&format!("ch_{n}"), 0, "{}")).collect();
    fixture.write(&records).await.unwrap();
    let first = fixture.claim(6).await.unwrap();
    let second = fixture.claim(6).await.unwrap();
    assert_eq!((first.rows().len(), second.rows().len()), (6, 4));
    assert!(fixture.claim(6).await.is_none());
    drop(first);
    die(&fixture, second).await;
    assert_eq!(fixture.claim(100).await.unwrap().rows().len(), 10);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_row_of_any_size_gets_its_turn() {
    let mut fixture = Fixture::new().await;
    let large = format!("\"{}\"", "x".repeat(3_000_000));
    fixture.write(&[record("ch_1", 0, &large), record("ch_2", 0, &large)]).await.unwrap();
    assert_eq!(fixture.claim(10).await.unwrap().rows().len(), 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn the_sixth_claim_walks_along_the_index_too() {
    let mut fixture = Fixture::new().await;
    let records: Vec<_> = (0..3_000).map(|n| record(&format!("ch_{n}"), 0, "{}")).collect();
    fixture.write(&records).await.unwrap();
    for _ in 0..6 {
        assert_eq!(fixture.claim(10).await.unwrap().settle(&[], &[], T0).await.unwrap().processed, 10);
    }
    let claim = include_str!("../../queries/claim.sql");
    let claim = claim.replace("$1", "now() + '1 year'").replace("$2", "10").replace("$3", "1000000");
    let claim = claim
        .replace("$4::text[]", "ARRAY['stripe', 'other']")
        .replace("$5::text[]", "ARRAY['live', 'live']");
    let claim = claim.replace("$6::timestamptz[]", "ARRAY[to_timestamp(0), to_timestamp(0)]");
    let claim = claim.replace("$7::text[]", "ARRAY['payments']");
    let mut connection = fixture.database.pool.acquire().await.unwrap();
    sqlx::query("SET enable_sort = off").execute(&mut *connection).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN {claim}")))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("ingest_outbox_due") && !plan.contains("Sort"), "{plan}");
    drop(connection);
    fixture.database.drop_it().await;
}

/// A plan made under what the claim alone needs made each batch's triggers look so dear that the server compiled them.
#[tokio::test]
async fn what_steers_the_claims_plan_steers_no_other() {
    for sessions in [Sessions::Own, Sessions::Shared] {
        let mut fixture = Fixture::with_sessions(sessions).await;
        for statement in [
            "CREATE TABLE seen (setting text)",
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO seen SELECT name || '=' || setting FROM pg_settings WHERE name IN ('enable_sort', 'jit');
                 RETURN NULL;
             END $$",
            "CREATE TRIGGER look AFTER INSERT ON payments FOR EACH STATEMENT EXECUTE FUNCTION look()",
        ] {
            fixture.run(statement).await;
        }
        fixture.write(&[record("ch_1", 0, "{}")]).await.unwrap();
        let mut batch = fixture.claim(10).await.unwrap();
        let value = Normalised::Payment(payment(100));
        batch.upsert(&[UpsertRow { row: 0, value }], T0).await.unwrap();
        batch.settle(&[], &[], T0).await.unwrap();
        let seen = "SELECT string_agg(setting, ' ' ORDER BY setting) FROM seen";
        assert_eq!(fixture.database.text(seen).await, "enable_sort=on jit=off", "{sessions:?}");
        fixture.database.drop_it().await;
    }
}
