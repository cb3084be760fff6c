//! The store against a real Postgres: what each invariant rests on.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails should say so at once"
)]

mod claims;
#[path = "../../../tests/support/database.rs"]
mod database;
mod dead_letters;
mod fx;
mod measure;
mod notifications;
mod partitions;
mod totals;
mod webhooks;

use std::collections::BTreeMap;

use buffalo_model::{
    Cursor, Entity, Event, EventStatus, EventTime, Granularity, Mode, Normalised, Payment, PaymentKind,
    PaymentStatus, RawRecord, RequestCounts, RevenueQuery, RunId, RunStatus, Source,
};
use buffalo_store::{
    ClaimedBatch, Lane, Look, NewRun, Page, RunOutcome, Sessions, Store, StoreError, StoreOptions, Sweep,
    UpsertRow, Written,
};
use chrono::{DateTime, TimeDelta, Utc};
use database::TestDatabase;
use serde_json::json;

const T0: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).unwrap();

struct Fixture {
    database: TestDatabase,
    store: Store,
    source: Source,
    run_id: RunId,
    version: i64,
}

impl Fixture {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let options =
            StoreOptions { url: database.url.clone().into(), max_connections: 5, sessions: Sessions::Own };
        let store = Store::new(&options).unwrap();
        let source = Source::new("stripe");
        let run_id = RunId::generate();
        let run = NewRun {
            run_id,
            source: "stripe",
            entity: "payments",
            mode: Mode::Full,
            status: RunStatus::Running,
        };
        store.start_run(&run, T0).await.unwrap();
        store.read_cursor(&source, Entity::Payments, T0).await.unwrap();
        Self { database, store, source, run_id, version: 0 }
    }

    /// Any statement.
    async fn run(&self, sql: &str) {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&self.database.pool).await.unwrap();
    }

    async fn write(&mut self, records: &[RawRecord]) -> Result<Written, StoreError> {
        self.write_and_sweep(records, &[]).await
    }

    async fn write_and_sweep(
        &mut self,
        records: &[RawRecord],
        sweeps: &[Sweep],
    ) -> Result<Written, StoreError> {
        let written = self.write_at(records, sweeps, self.version).await?;
        self.version = written.cursor_version;
        Ok(written)
    }

    async fn write_at(
        &self,
        records: &[RawRecord],
        sweeps: &[Sweep],
        cursor_version: i64,
    ) -> Result<Written, StoreError> {
        let cursor = Cursor::new(json!({"after": cursor_version}));
        let page = Page {
            source: &self.source,
            entity: Entity::Payments,
            run_id: self.run_id,
            records,
            lane: Lane::Live,
            pages: 1,
            requests: RequestCounts { made: 1, ..RequestCounts::default() },
            cursor: &cursor,
            data_through: None,
            sweeps,
            cursor_version,
        };
        self.store.write_page(&page, T0).await
    }

    async fn claim(&self, limit: i64) -> Option<ClaimedBatch> {
        self.store
            .claimer()
            .claim(T0 + TimeDelta::hours(1), limit, 1_000_000, Look::Everywhere)
            .await
            .unwrap()
    }
}

fn record(id: &str, second: i64, payload: &str) -> RawRecord {
    RawRecord {
        external_id: id.to_owned(),
        observed_at: T0 + TimeDelta::seconds(second),
        api_version: None,
        context: None,
        payload: payload.to_owned(),
    }
}

fn payment(amount_minor: i64) -> Payment {
    Payment {
        kind: PaymentKind::Charge,
        status: PaymentStatus::Collected,
        raw_status: "succeeded".to_owned(),
        amount_minor,
        uncaptured_minor: 0,
        currency: "USD".parse().unwrap(),
        occurred_at: T0,
        parent_external_id: None,
        customer_external_id: None,
        deleted: false,
    }
}

#[tokio::test]
async fn equal_content_is_skipped_against_the_newest_state_only() {
    let mut fixture = Fixture::new().await;
    for (second, payload, enqueued) in
        [(0, r#"{"s":"a"}"#, 1), (1, r#"{ "s": "a" }"#, 0), (2, r#"{"s":"b"}"#, 1), (3, r#"{"s":"a"}"#, 1)]
    {
        let written = fixture.write(&[record("ch_1", second, payload)]).await.unwrap();
        assert_eq!(written.enqueued, enqueued, "{payload} at {second}");
        assert_eq!(written.deduped, 1 - enqueued);
    }
    let states = "SELECT string_agg(payload, '' ORDER BY revision) FROM raw_records";
    assert_eq!(fixture.database.text(states).await, r#"{"s":"a"}{"s":"b"}{"s":"a"}"#);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn an_older_state_that_arrives_later_changes_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, r#""a""#)]).await.unwrap();
    // The same seen again: so it was true all the time up to then.
    fixture.write(&[record("ch_1", 10, r#""a""#)]).await.unwrap();
    assert_eq!(fixture.write(&[record("ch_1", 5, r#""b""#)]).await.unwrap().enqueued, 0);
    // Of two with the same time the later one to arrive holds.
    assert_eq!(fixture.write(&[record("ch_1", 10, r#""c""#)]).await.unwrap().enqueued, 1);
    // On one page the newest is taken, wherever it stands.
    let page = [record("ch_1", 20, r#""e""#), record("ch_1", 15, r#""d""#)];
    assert_eq!(fixture.write(&page).await.unwrap().enqueued, 1);
    let newest = "SELECT payload FROM raw_records ORDER BY revision DESC LIMIT 1";
    assert_eq!(fixture.database.text(newest).await, r#""e""#);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_page_and_its_cursor_are_stored_both_or_neither() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    // As after a connection that broke at the very commit.
    let twice = fixture.write_at(&[record("ch_1", 0, "1")], &[], 0).await;
    assert_eq!(
        twice.unwrap(),
        Written { cursor_version: 1, enqueued: 0, deduped: 0 },
        "a repeated write is known"
    );
    fixture.run_id = RunId::generate();
    let other = fixture.write_at(&[record("ch_3", 0, "3")], &[], 0).await;
    assert!(matches!(other, Err(StoreError::CursorConflict { .. })), "{other:?}");
    assert_eq!(fixture.database.number("SELECT count(*) FROM raw_records").await, 1);
    assert_eq!(fixture.database.number("SELECT version FROM sync_cursors").await, 1);
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
    claims::die(&fixture, second).await;
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
async fn a_value_that_is_refused_fails_alone() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1"), record("ch_2", 0, "2"), record("ch_3", 0, "3")]).await.unwrap();
    let mut batch = fixture.claim(10).await.unwrap();
    let upserts: Vec<_> = [1, -1, 3]
        .into_iter()
        .enumerate()
        .map(|(row, amount)| UpsertRow { row, value: Normalised::Payment(payment(amount)) })
        .collect();
    let failures = batch.upsert(&upserts, T0).await.unwrap();
    assert_eq!(failures.iter().map(|failure| failure.row).collect::<Vec<_>>(), [1]);
    assert!(failures[0].reason.contains("23514"), "{failures:?}");
    batch.settle(&[], &[], T0).await.unwrap();
    assert_eq!(fixture.database.number("SELECT sum(amount_minor)::bigint FROM payments").await, 4);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_record_that_is_gone_stays_gone_for_older_states_and_comes_back_with_newer_ones() {
    let mut fixture = Fixture::new().await;
    let live = "SELECT count(*) FROM payments WHERE deleted_at IS NULL";
    let amount = "SELECT amount_minor FROM payments";
    fixture.write(&[record("d_1", 0, "1")]).await.unwrap();
    let mut first = fixture.claim(1).await.unwrap();
    fixture.write(&[record("d_1", 1, "2")]).await.unwrap();
    let mut gone = fixture.claim(1).await.unwrap();
    gone.upsert(&[UpsertRow { row: 0, value: Normalised::Gone }], T0).await.unwrap();
    gone.settle(&[], &[], T0).await.unwrap();
    first.upsert(&[UpsertRow { row: 0, value: Normalised::Payment(payment(100)) }], T0).await.unwrap();
    first.settle(&[], &[], T0).await.unwrap();
    assert_eq!(fixture.database.number(live).await, 0);

    for (second, value, alive, known) in [
        (2, Normalised::Payment(payment(300)), 1, 300),
        (3, Normalised::Gone, 0, 300),
        (4, Normalised::Payment(Payment { deleted: true, ..payment(400) }), 0, 400),
    ] {
        fixture.write(&[record("d_1", second, &format!("\"{second}\""))]).await.unwrap();
        let mut batch = fixture.claim(1).await.unwrap();
        batch.upsert(&[UpsertRow { row: 0, value }], T0).await.unwrap();
        batch.settle(&[], &[], T0).await.unwrap();
        assert_eq!(
            (fixture.database.number(live).await, fixture.database.number(amount).await),
            (alive, known)
        );
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_a_whole_listing_no_longer_has_is_gone() {
    let mut fixture = Fixture::new().await;
    let records: Vec<_> = (0..2_500).map(|n| record(&format!("a/{n}"), 0, "{}")).collect();
    fixture.write(&records).await.unwrap();
    fixture.write(&[record("b/1", 0, "{}")]).await.unwrap();
    let sweep = Sweep {
        id_prefix: "a/".to_owned(),
        began_at: T0 + TimeDelta::seconds(10),
        payload: r#"{"status":"cancelled"}"#,
    };
    // Seen again, unchanged and changed.
    let seen = [record("a/1", 11, "{}"), record("a/2", 12, "[]")];
    let written = fixture.write_and_sweep(&seen, std::slice::from_ref(&sweep)).await.unwrap();
    assert_eq!((written.enqueued, written.deduped), (2_499, 1));
    let gone = "SELECT count(*) FROM raw_records WHERE payload LIKE '%cancelled%'";
    assert_eq!(fixture.database.number(gone).await, 2_498);
    // A second listing finds nothing more to sweep.
    let again = Sweep { began_at: T0 + TimeDelta::seconds(20), ..sweep };
    let seen = [record("a/1", 21, "{}"), record("a/2", 22, "[]")];
    assert_eq!(fixture.write_and_sweep(&seen, &[again]).await.unwrap().enqueued, 0);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_cancelled_event_keeps_what_is_known_of_it() {
    let mut fixture = Fixture::new().await;
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
    let event = Event {
        calendar_external_id: "c".to_owned(),
        status: EventStatus::Confirmed,
        raw_status: "confirmed".to_owned(),
        title: Some("Review".to_owned()),
        description: None,
        location: None,
        organizer_email: None,
        starts: Some(EventTime::Day(day)),
        ends: Some(EventTime::Day(day + chrono::Days::new(1))),
        time_zone: None,
        recurrence: None,
        recurring_event_external_id: None,
        original_start: None,
        created_at: None,
    };
    let cancelled =
        Event { status: EventStatus::Cancelled, title: None, starts: None, ends: None, ..event.clone() };
    let moved = Event { starts: Some(EventTime::At(T0)), ends: Some(EventTime::At(T0)), ..event.clone() };
    let seen = "SELECT concat_ws(' ', status, title, start_date, starts_at IS NOT NULL, deleted_at IS NOT NULL) FROM events";
    for (second, value, expected) in [
        (0, event, "CONFIRMED Review 2026-11-21 f f"),
        (1, cancelled, "CANCELLED Review 2026-11-21 f t"),
        (2, moved, "CONFIRMED Review t f"),
    ] {
        fixture.write(&[record("c/1", second, &format!("\"{second}\""))]).await.unwrap();
        let mut batch = fixture.claim(1).await.unwrap();
        batch.upsert(&[UpsertRow { row: 0, value: Normalised::Event(value) }], T0).await.unwrap();
        batch.settle(&[], &[], T0).await.unwrap();
        assert_eq!(fixture.database.text(seen).await, expected);
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn refunds_count_beyond_what_was_never_captured() {
    let mut fixture = Fixture::new().await;
    let ids = ["ch_part", "re_1_released", "re_2", "re_3", "ch_held", "re_4_released"];
    fixture.write(&ids.map(|id| record(id, 0, &format!("\"{id}\"")))).await.unwrap();
    let charge =
        |status, amount, uncaptured| Payment { status, uncaptured_minor: uncaptured, ..payment(amount) };
    let refund = |parent: &str, amount, day| Payment {
        kind: PaymentKind::Refund,
        status: PaymentStatus::Refunded,
        parent_external_id: Some(parent.to_owned()),
        occurred_at: T0 + TimeDelta::days(day),
        ..payment(amount)
    };
    let payments = BTreeMap::from([
        ("ch_part", charge(PaymentStatus::Collected, 1500, 500)),
        ("re_1_released", refund("ch_part", 400, 0)),
        // 100 of it were never captured either.
        ("re_2", refund("ch_part", 300, 1)),
        ("re_3", refund("ch_part", 250, 2)),
        ("ch_held", charge(PaymentStatus::Pending, 4000, 4000)),
        ("re_4_released", refund("ch_held", 4000, 2)),
    ]);
    let mut batch = fixture.claim(10).await.unwrap();
    let upserts: Vec<_> = batch
        .rows()
        .iter()
        .enumerate()
        .map(|(row, claimed)| UpsertRow {
            row,
            value: Normalised::Payment(payments[claimed.key.external_id.as_str()].clone()),
        })
        .collect();
    assert!(batch.upsert(&upserts, T0).await.unwrap().is_empty());
    batch.settle(&[], &[], T0).await.unwrap();
    let query = RevenueQuery {
        granularity: Granularity::Daily,
        start_date: None,
        end_date: None,
        source: None,
        currency: "USD".parse().unwrap(),
        timezone: "UTC".parse().unwrap(),
        fill: false,
    };
    let revenue = fixture.store.revenue(query, &[]).await.unwrap();
    let days: Vec<_> = revenue.breakdown.iter().map(|(_, figures)| figures.refunded).collect();
    assert_eq!((revenue.total.collected, revenue.total.refunded), (1500, 450));
    assert_eq!(days, [0, 200, 250]);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn an_older_revision_never_replaces_a_newer_one() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    let mut old = fixture.claim(1).await.unwrap();
    fixture.write(&[record("ch_1", 1, "2")]).await.unwrap();
    let mut new = fixture.claim(1).await.unwrap();
    assert_eq!((old.rows()[0].revision, new.rows()[0].revision), (1, 2));
    new.upsert(&[UpsertRow { row: 0, value: Normalised::Payment(payment(200)) }], T0).await.unwrap();
    new.settle(&[], &[], T0).await.unwrap();
    old.upsert(&[UpsertRow { row: 0, value: Normalised::Payment(payment(100)) }], T0).await.unwrap();
    old.settle(&[], &[], T0).await.unwrap();
    assert_eq!(fixture.database.number("SELECT amount_minor FROM payments").await, 200);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn the_lock_excludes_and_its_loss_is_noticed() {
    let fixture = Fixture::new().await;
    let (store, source) = (&fixture.store, &fixture.source);
    let mut held = store.try_lock_producer(source, Entity::Payments, T0).await.unwrap().unwrap();
    assert!(store.try_lock_producer(source, Entity::Payments, T0).await.unwrap().is_none());
    let other = store.try_lock_producer(&Source::new("other"), Entity::Payments, T0).await.unwrap();
    other.unwrap().release().await;
    held.check().await.unwrap();
    let end_it = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks
                  WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    // The session of the lock that was released may not be quite gone.
    assert!(fixture.database.number(end_it).await >= 1);
    assert!(matches!(held.check().await, Err(StoreError::LockLost(_))));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_silent_run_is_abandoned_and_may_still_say_how_it_ended() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.store.abandon_silent_runs(T0 + TimeDelta::seconds(60)).await.unwrap(), 0);
    assert_eq!(fixture.store.abandon_silent_runs(T0 + TimeDelta::seconds(91)).await.unwrap(), 1);
    let run = fixture.store.find_run(fixture.run_id).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Abandoned);
    let outcome = RunOutcome { error: Some("no answer".to_owned()), ..RunOutcome::default() };
    let run = fixture.store.finish_run(fixture.run_id, &outcome, T0).await.unwrap();
    assert_eq!(run.status, RunStatus::Failed);
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
