//! Transactions that overlap, arranged one statement after another: whatever commits first, no change is missed.

use buffalo_model::{Basis, Figures, Granularity, RevenueQuery};
use buffalo_store::{Sessions, Store, StoreOptions};
use sqlx::{PgConnection, Postgres, Transaction};

use super::assert_proved;
use crate::fixture::{Fixture, T0};

/// Times by which the order of payments is told.
const FIRST_DAY: &str = "2026-03-01T12:00:00Z";
const SECOND_DAY: &str = "2026-06-01T12:00:00Z";

async fn insert(connection: &mut PgConnection, id: &str, amount: i64, uncaptured: i64, at: &str) {
    let (kind, status) = if id.starts_with("ch") { ("charge", "COLLECTED") } else { ("refund", "REFUNDED") };
    let insert = format!(
        "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, uncaptured_minor,
             currency, occurred_at, parent_external_id, observed_at, revision, raw_id, created_at, updated_at)
         VALUES ('stripe', 'payments', '{id}', '{kind}', '{status}', '', {amount}, {uncaptured}, 'USD', '{at}',
             CASE WHEN '{kind}' = 'refund' THEN 'ch' END, now(), 1, 1, now(), now())"
    );
    run(connection, &insert).await;
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

async fn begin(fixture: &Fixture) -> Transaction<'static, Postgres> {
    fixture.database.pool.begin().await.unwrap()
}

/// The total, which all ways of cutting and attributing it agree on; and remembers its days.
async fn total(store: &Store) -> Figures {
    let mut found = Vec::new();
    for (granularity, basis) in [
        (Granularity::Summary, Basis::Event),
        (Granularity::Daily, Basis::Event),
        (Granularity::Monthly, Basis::Payment),
    ] {
        let query = RevenueQuery { basis, ..RevenueQuery::of(granularity, "USD".parse().unwrap()) };
        let revenue = store.revenue(query, &[], T0).await.unwrap();
        let unattributed: i128 = revenue.unattributed.iter().map(|(_, figures)| figures.refunded).sum();
        found.push(Figures { refunded: revenue.total.refunded + unattributed, ..revenue.total });
    }
    assert!(found.iter().all(|figures| *figures == found[0]), "{found:?}");
    found[0]
}

/// What was collected and what was given back, as they are read and once they are settled.
async fn settled_total(fixture: &Fixture) -> (i128, i128) {
    let before = total(&fixture.store).await;
    fixture.store.settle_revenue().await.unwrap();
    assert_eq!(total(&fixture.store).await, before);
    (before.collected, before.refunded)
}

fn another_store(fixture: &Fixture) -> Store {
    let options = StoreOptions {
        url: fixture.database.url.clone().into(),
        max_connections: 3,
        sessions: Sessions::Own,
    };
    Store::new(&options).unwrap()
}

async fn end(fixture: Fixture) {
    assert_proved(&fixture.store, &fixture.database).await;
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_charge_and_its_refund_may_commit_in_either_order() {
    for charge_first in [true, false] {
        let fixture = Fixture::new().await;
        let (mut charge, mut refund) = (begin(&fixture).await, begin(&fixture).await);
        insert(&mut charge, "ch", 1_000, 400, FIRST_DAY).await;
        insert(&mut refund, "re", 500, 0, SECOND_DAY).await;
        assert_eq!(settled_total(&fixture).await, (0, 0));
        if charge_first {
            charge.commit().await.unwrap();
            assert_eq!(settled_total(&fixture).await, (1_000, 0));
            refund.commit().await.unwrap();
        } else {
            refund.commit().await.unwrap();
            assert_eq!(settled_total(&fixture).await, (0, 500));
            charge.commit().await.unwrap();
        }
        assert_eq!(settled_total(&fixture).await, (1_000, 100));
        end(fixture).await;
    }
}

#[tokio::test]
async fn a_payment_may_move_while_it_is_excluded() {
    let exclude =
        "INSERT INTO revenue_exclusions VALUES (gen_random_uuid(), 'stripe', 'payments', 'ch', 'hubspot',
        'payments', 'd', 'one sale', 'a person', now())";
    let include = "UPDATE revenue_exclusions SET revoked_at = now()";
    for move_first in [true, false] {
        let fixture = Fixture::new().await;
        let mut connection = fixture.database.pool.acquire().await.unwrap();
        insert(&mut connection, "ch", 1_000, 0, FIRST_DAY).await;
        for (decision, (before, after), to) in
            [(exclude, (1_000, 0), SECOND_DAY), (include, (0, 1_000), FIRST_DAY)]
        {
            assert_eq!(settled_total(&fixture).await, (before, 0));
            let (mut moved, mut decided) = (begin(&fixture).await, begin(&fixture).await);
            run(&mut moved, &format!("UPDATE payments SET occurred_at = '{to}'")).await;
            run(&mut decided, decision).await;
            assert_eq!(settled_total(&fixture).await, (before, 0));
            if move_first {
                moved.commit().await.unwrap();
                assert_eq!(settled_total(&fixture).await, (before, 0));
                decided.commit().await.unwrap();
            } else {
                decided.commit().await.unwrap();
                assert_eq!(settled_total(&fixture).await, (after, 0));
                moved.commit().await.unwrap();
            }
            assert_eq!(settled_total(&fixture).await, (after, 0));
        }
        drop(connection);
        end(fixture).await;
    }
}

#[tokio::test]
async fn a_transaction_that_began_before_what_is_settled_is_not_missed() {
    let fixture = Fixture::new().await;
    let (mut early, mut late) = (begin(&fixture).await, begin(&fixture).await);
    insert(&mut early, "ch", 1_000, 0, FIRST_DAY).await;
    insert(&mut late, "ch_late", 10, 0, SECOND_DAY).await;
    late.commit().await.unwrap();
    assert_eq!(settled_total(&fixture).await, (10, 0));
    early.commit().await.unwrap();
    assert_eq!(settled_total(&fixture).await, (1_010, 0));
    end(fixture).await;
}

#[tokio::test]
async fn what_commits_while_somebody_settles_stays_marked() {
    let fixture = Fixture::new().await;
    let mut connection = fixture.database.pool.acquire().await.unwrap();
    insert(&mut connection, "ch", 1_000, 0, FIRST_DAY).await;
    // The settler has its snapshot when it comes to the row that is locked here.
    let mut lock = begin(&fixture).await;
    run(&mut lock, "SELECT FROM revenue_proof FOR UPDATE").await;
    let settler = another_store(&fixture);
    let settling = tokio::spawn(async move { settler.settle_revenue().await.unwrap() });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN
        (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    while fixture.database.number(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    run(&mut connection, "UPDATE payments SET amount_minor = 3000").await;
    // A second one leaves it to the first.
    assert_eq!(another_store(&fixture).settle_revenue().await.unwrap(), 0);
    assert_eq!(total(&fixture.store).await.collected, 3_000);
    lock.commit().await.unwrap();
    assert_eq!(settling.await.unwrap(), 1);
    assert_eq!(settled_total(&fixture).await, (3_000, 0));
    drop(connection);
    end(fixture).await;
}

#[tokio::test]
async fn marks_are_seen_in_a_database_that_was_restored() {
    let fixture = Fixture::new().await;
    let mut connection = fixture.database.pool.acquire().await.unwrap();
    insert(&mut connection, "ch_old", 5, 0, FIRST_DAY).await;
    assert_eq!(settled_total(&fixture).await, (5, 0));
    // In its former life transactions had higher numbers, which the new one comes to later.
    let former = "UPDATE revenue_proof SET settled_in = 1, settled_below = (pg_current_xact_id()::text::bigint + 3)::text::xid8";
    run(&mut connection, former).await;
    insert(&mut connection, "ch", 1_000, 0, FIRST_DAY).await;
    for _ in 0..4 {
        run(&mut connection, "SELECT pg_current_xact_id()").await;
    }
    assert_eq!(total(&fixture.store).await.collected, 1_005);
    run(&mut connection, "UPDATE revenue_proof SET settled_below = '9000000000000000000'").await;
    insert(&mut connection, "ch_2", 10, 0, FIRST_DAY).await;
    assert_eq!(settled_total(&fixture).await, (1_015, 0));
    drop(connection);
    end(fixture).await;
}
