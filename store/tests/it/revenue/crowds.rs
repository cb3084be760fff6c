//! Many who read while many write: nobody gets an error, and nobody sees half of a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use buffalo_model::{Basis, Figures, Granularity, RevenueQuery};
use buffalo_store::{Sessions, Store, StoreOptions};
use sqlx::PgPool;

use super::assert_proved;
use crate::fixture::{Fixture, T0};

const READERS: usize = 200;
const WRITERS: usize = 8;
/// Each writes 1,250 payments: 25 times 10 sales with what was given back of them, and changes them once more.
const ROUNDS: usize = 25;

/// Sales from the number $2 on, of which all that was captured was refunded, so that nothing is left of any. What differs
/// from round to round is when they happened, and how much was captured.
const FAMILIES: &str = "
    WITH family AS (
        SELECT $1 || '_' || n AS id, 1000 + (random() * 1000)::bigint AS captured, (random() * 500)::bigint AS released,
               timestamptz '2025-12-28' + (random() * 12)::integer * interval '9 days 5 hours 15 minutes' AS at
        FROM generate_series($2::integer, $2 + 9) AS n
    ), written AS (
        SELECT id AS external_id, NULL AS parent, 'charge' AS kind, 'COLLECTED' AS status, captured AS amount,
               released AS uncaptured, at FROM family
        UNION ALL
        SELECT id || '_re' || part, id, 'refund', 'REFUNDED',
               CASE part WHEN 1 THEN 100 WHEN 2 THEN 300 WHEN 3 THEN 1 ELSE captured + released - 401 END, 0,
               at + (random() * 3)::integer * interval '31 days'
        FROM family CROSS JOIN generate_series(1, 4) AS part
    )
    INSERT INTO payments AS known (source, entity, external_id, kind, status, raw_status, amount_minor,
        uncaptured_minor, currency, occurred_at, parent_external_id, observed_at, revision, raw_id, created_at, updated_at)
    SELECT 'stripe', 'payments', external_id, kind, status, '', amount, uncaptured, 'USD', at, parent, now(), $3, 1,
           now(), now()
    FROM written ORDER BY external_id
    ON CONFLICT (source, entity, external_id) DO UPDATE
        SET amount_minor = excluded.amount_minor, uncaptured_minor = excluded.uncaptured_minor,
            occurred_at = excluded.occurred_at, revision = excluded.revision, updated_at = excluded.updated_at
        WHERE known.revision < excluded.revision";

/// Writes sales, changes those of the round before, and takes some back: the charge and its refunds in two statements of
/// one transaction.
async fn write(pool: &PgPool, writer: usize) {
    let name = format!("w{writer}");
    for round in 0..ROUNDS {
        let first = i32::try_from(round * 10).unwrap();
        let mut tx = pool.begin().await.unwrap();
        for (first, revision) in [(first, 1_i64), ((first - 10).max(0), i64::try_from(round).unwrap() + 2)] {
            let families = sqlx::query(FAMILIES).bind(&name).bind(first).bind(revision);
            families.execute(&mut *tx).await.unwrap();
        }
        let gone = format!("{name}_{first}");
        let later = "UPDATE payments SET deleted_at = now() WHERE parent_external_id = $1";
        sqlx::query(later).bind(&gone).execute(&mut *tx).await.unwrap();
        let earlier = "UPDATE payments SET status = 'VOIDED' WHERE external_id = $1";
        sqlx::query(earlier).bind(&gone).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Asks in a zone and by a basis of its own until all is written, and at least once.
async fn read(store: Store, reader: usize, writing: Arc<AtomicUsize>) -> usize {
    let zones = ["UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Chatham", "Australia/Lord_Howe"];
    let granularities =
        [Granularity::Summary, Granularity::Daily, Granularity::Weekly, Granularity::Quarterly];
    let mut answers = 0;
    loop {
        let done = writing.load(Ordering::Acquire) == 0;
        let basis = if (reader + answers).is_multiple_of(2) { Basis::Event } else { Basis::Payment };
        let query = RevenueQuery {
            basis,
            timezone: zones[reader % zones.len()].parse().unwrap(),
            ..RevenueQuery::of(granularities[(reader / 2 + answers) % 4], "USD".parse().unwrap())
        };
        let revenue = store.revenue(query, &[], T0).await.unwrap();
        answers += 1;
        assert_eq!(revenue.total.net(), 0, "{revenue:?}");
        let sum = |pick: fn(&Figures) -> i128| {
            revenue.breakdown.iter().map(|(_, figures)| pick(figures)).sum::<i128>()
        };
        if revenue.query.granularity != Granularity::Summary {
            assert_eq!(sum(|figures| figures.collected), revenue.total.collected, "{revenue:?}");
        }
        if basis == Basis::Payment {
            assert!(revenue.breakdown.iter().all(|(_, figures)| figures.net() == 0), "{revenue:?}");
            assert!(revenue.unattributed.is_empty(), "{revenue:?}");
        }
        if done {
            return answers;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_readers_during_ten_thousand_writes_see_whole_transactions() {
    let fixture = Fixture::new().await;
    let stores = [(); 3].map(|()| {
        let options = StoreOptions {
            url: fixture.database.url.clone().into(),
            max_connections: 6,
            sessions: Sessions::Own,
        };
        Store::new(&options).unwrap()
    });
    let writing = Arc::new(AtomicUsize::new(WRITERS));
    let readers: Vec<_> = (0..READERS)
        .map(|reader| tokio::spawn(read(stores[reader % stores.len()].clone(), reader, writing.clone())))
        .collect();
    let pool =
        sqlx::postgres::PgPoolOptions::new().max_connections(8).connect(&fixture.database.url).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (pool, writing) = (pool.clone(), writing.clone());
            tokio::spawn(async move {
                write(&pool, writer).await;
                writing.fetch_sub(1, Ordering::AcqRel);
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut answers = 0;
    for reader in readers {
        answers += reader.await.unwrap();
    }
    assert!(answers >= READERS);
    assert_eq!(fixture.database.number("SELECT count(*) FROM payments").await, 10_000);
    pool.close().await;
    assert_proved(&fixture.store, &fixture.database).await;
    fixture.database.drop_it().await;
}
