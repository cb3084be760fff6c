//! Partitions of the raw history: where rows land, how they are moved, and who waits for whom.

use buffalo_model::{Span, Week};
use buffalo_store::{Dropping, Partition, partition_name};
use sqlx::{AssertSqlSafe, Connection};

use crate::fixture::{Fixture, T0, record};

const IN_DEFAULT: &str = "SELECT count(*) FROM raw_records_default";
const IN_WEEK: &str = "SELECT count(*) FROM raw_records_20270111";
/// How many sessions wait for a table of this database.
const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IS NOT NULL
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

impl Fixture {
    /// Waits until that many sessions wait for a table.
    async fn until_waiting(&self, sessions: i64) {
        while self.database.number(WAITING).await < sessions {
            tokio::task::yield_now().await;
        }
    }

    async fn partition(&self, span: Span) -> Option<Partition> {
        let partitions = self.store.partitions().await.unwrap();
        partitions.into_iter().find(|partition| partition.span == span)
    }
}

#[tokio::test]
async fn what_landed_in_the_default_partition_is_moved_to_its_week() {
    let mut fixture = Fixture::new().await;
    let week = Week::of(T0);
    fixture.write(&[record("ch_1", 0, "1"), record("ch_2", 0, "2")]).await.unwrap();
    assert!(fixture.store.default_holds_rows().await.unwrap());
    assert_eq!(fixture.store.stray_weeks().await.unwrap(), [week]);
    assert_eq!(fixture.store.stray_rows(week).await.unwrap(), 2);

    assert_eq!(fixture.store.create_partition(week).await.unwrap(), 2);
    assert_eq!(fixture.store.create_partition(week).await.unwrap(), 0, "it is there already");
    assert!(!fixture.store.default_holds_rows().await.unwrap());
    let partition = fixture.partition(week.span()).await.unwrap();
    assert_eq!((partition.name.as_str(), partition.is_ours()), ("raw_records_20270111", true));

    fixture.write(&[record("ch_3", 0, "3")]).await.unwrap();
    assert_eq!(fixture.database.number(IN_WEEK).await, 3);
    assert_eq!(fixture.claim(10).await.unwrap().rows().len(), 3);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_partition_is_made_like_the_table() {
    let fixture = Fixture::new().await;
    fixture.store.create_partition(Week::of(T0)).await.unwrap();
    let columns = "SELECT count(DISTINCT columns) FROM (
                       SELECT string_agg(concat_ws(' ', attname, attnum, atttypid, attnotnull, attcompression, attstorage),
                                         ',' ORDER BY attnum) AS columns
                       FROM pg_attribute
                       WHERE attrelid IN ('raw_records'::regclass, 'raw_records_20270111'::regclass,
                                          'raw_records_default'::regclass) AND attnum > 0
                       GROUP BY attrelid) AS tables";
    assert_eq!(fixture.database.number(columns).await, 1);
    let key = "SELECT count(*) FROM pg_inherits
               WHERE inhrelid = 'raw_records_20270111_pkey'::regclass AND inhparent = 'raw_records_pkey'::regclass";
    assert_eq!(fixture.database.number(key).await, 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_partition_goes_only_when_nothing_in_the_outbox_needs_it() {
    let mut fixture = Fixture::new().await;
    let week = Week::of(T0);
    fixture.store.create_partition(week).await.unwrap();
    fixture.store.create_partition(week.next()).await.unwrap();
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    let partition = fixture.partition(week.span()).await.unwrap();
    assert_eq!(fixture.store.waiting_rows(partition.span).await.unwrap(), 1);
    assert_eq!(fixture.store.drop_partition(&partition).await.unwrap(), Dropping::Needed);
    assert_eq!(fixture.database.number(IN_WEEK).await, 1);

    fixture.claim(1).await.unwrap().settle(&[], &[], T0).await.unwrap();
    assert_eq!(fixture.store.drop_partition(&partition).await.unwrap(), Dropping::Dropped);
    assert_eq!(
        fixture.store.drop_partition(&partition).await.unwrap(),
        Dropping::Dropped,
        "it is gone already"
    );
    assert_eq!(fixture.partition(week.span()).await, None);
    assert!(fixture.partition(week.next().span()).await.is_some());
    assert_eq!(fixture.database.number("SELECT count(*) FROM record_heads").await, 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_writer_that_meets_the_making_of_its_partition_is_not_refused() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    // Holds up the maker when it is about to attach the partition.
    let mut pool = fixture.database.pool.acquire().await.unwrap();
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM raw_records_default").execute(&mut *reader).await.unwrap();
    let store = fixture.store.clone();
    let maker = tokio::spawn(async move { store.create_partition(Week::of(T0)).await });
    fixture.until_waiting(1).await;
    // Has found no partition for its week so far.
    let writer = async { fixture.write_at(&[record("ch_2", 0, "2")], fixture.version).await };
    let release = async {
        fixture.until_waiting(2).await;
        reader.rollback().await.unwrap();
    };
    let (written, ()) = tokio::join!(writer, release);
    assert_eq!(written.unwrap().enqueued, 1);
    assert_eq!(maker.await.unwrap().unwrap(), 1);
    assert_eq!(fixture.database.number(IN_WEEK).await, 2);
    assert_eq!(fixture.database.number(IN_DEFAULT).await, 0);
    drop(pool);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_long_reader_is_left_in_peace_and_ingestion_goes_on() {
    let fixture = Fixture::new().await;
    let mut pool = fixture.database.pool.acquire().await.unwrap();
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM raw_records").execute(&mut *reader).await.unwrap();
    let store = fixture.store.clone();
    let maker = tokio::spawn(async move { store.create_partition(Week::of(T0)).await });
    fixture.until_waiting(1).await;
    // It stands behind the maker, who gives up.
    let written = fixture.write_at(&[record("ch_1", 0, "1")], fixture.version).await.unwrap();
    assert_eq!(written.enqueued, 1);
    let refused = maker.await.unwrap().unwrap_err();
    assert!(refused.is_locked_out(), "{refused:?}");
    assert_eq!(fixture.database.number(IN_DEFAULT).await, 1);
    reader.rollback().await.unwrap();
    assert_eq!(fixture.store.create_partition(Week::of(T0)).await.unwrap(), 1);
    drop(pool);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn only_one_maintains() {
    let fixture = Fixture::new().await;
    let held = fixture.store.try_lock_maintenance().await.unwrap().unwrap();
    assert!(fixture.store.try_lock_maintenance().await.unwrap().is_none());
    held.release().await;
    // The server frees it when it has noticed the end of the session.
    while fixture.store.try_lock_maintenance().await.unwrap().is_none() {}
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_claim_looks_into_one_partition_whichever_plan_it_runs_on() {
    let mut fixture = Fixture::new().await;
    let mut week = Week::of(T0);
    for _ in 0..5 {
        fixture.store.create_partition(week).await.unwrap();
        week = week.next();
    }
    let records: Vec<_> = (0..2_000).map(|n| record(&format!("ch_{n}"), 0, "{}")).collect();
    fixture.write(&records).await.unwrap();
    let claim = include_str!("../../queries/claim.sql");
    let prepare = format!(
        "PREPARE claim (timestamptz, bigint, bigint, text[], text[], timestamptz[], text[]) AS {claim}"
    );
    let execute =
        "EXECUTE claim ('9999-01-01Z', 10, 1000000, '{stripe}', '{live}', '{-infinity}', '{payments}')";
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let mut connection = fixture.database.pool.acquire().await.unwrap();
        let setting =
            format!("DEALLOCATE ALL; SET enable_sort = off; SET plan_cache_mode = {mode}; {prepare}");
        sqlx::raw_sql(AssertSqlSafe(setting)).execute(&mut *connection).await.unwrap();
        let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {execute}");
        let plan: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
        let plan = plan.join("\n");
        assert_eq!(plan.matches("never executed").count(), 5, "four weeks and the default partition: {plan}");
        assert!(plan.contains("raw_records_20270111_pkey") && !plan.contains("Sort"), "{plan}");
        connection.detach().close().await.unwrap();
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_partition_with_a_name_of_its_own_is_nobodys_to_drop() {
    let fixture = Fixture::new().await;
    let by_hand = "CREATE TABLE kept_for_audit PARTITION OF raw_records
                   FOR VALUES FROM ('2020-01-01T00:00:00Z') TO (MAXVALUE)";
    fixture.database.run(by_hand).await;
    let partitions = fixture.store.partitions().await.unwrap();
    assert_eq!(partitions.len(), 1);
    assert!(!partitions[0].is_ours() && partitions[0].span.contains(T0));
    assert_eq!(partition_name(partitions[0].span), None);
    fixture.database.drop_it().await;
}
