//! How the sums of days are found, which must not hang on what was known of the tables when the plan was made.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::fixture::Fixture;

/// Days that are asked for.
const ASKED: i32 = 100;

#[tokio::test]
async fn a_plan_that_was_made_while_there_was_nothing_looks_each_day_up() {
    let fixture = Fixture::new().await;
    // What a server believes of tables that it has not looked at is more cautious.
    for table in ["days", "buckets"] {
        fixture.run(&format!("VACUUM ANALYZE revenue_{table}")).await;
    }
    let mut session = fixture.database.pool.acquire().await.unwrap();
    assert_eq!(unknown_days(&mut session).await, i64::from(ASKED));
    fixture
        .run(
            "INSERT INTO revenue_buckets
             SELECT '2026-01-01'::timestamptz + n * interval '15 minutes', 'stripe', 'USD', 'both', 'collected', 1, 1
             FROM generate_series(1, 20000) n",
        )
        .await;
    let scans = scans(&mut session).await;
    assert_eq!(unknown_days(&mut session).await, i64::from(ASKED));
    // Buckets once, or once for each of the two bases that count.
    let (days, buckets) = scans_since(&mut session, scans).await;
    let asked = i64::from(ASKED);
    assert!(days == asked && (buckets == asked || buckets == 2 * asked), "{days} and {buckets}");

    fixture
        .run(
            "INSERT INTO revenue_days SELECT day, day + interval '1 day', '[]'
             FROM generate_series('2026-01-01'::timestamptz, '2046-01-01', interval '1 day') AS day",
        )
        .await;
    let scans = self::scans(&mut session).await;
    assert_eq!(unknown_days(&mut session).await, 0);
    assert_eq!(scans_since(&mut session, scans).await, (asked, 0));
    drop(session);
    fixture.database.drop_it().await;
}

async fn unknown_days(session: &mut PgConnection) -> i64 {
    let begin: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let day = |number: i32| begin + TimeDelta::days(number.into());
    sqlx::query_scalar(
        "SELECT unknown_days FROM revenue_of_days($1, $2, $3, 'event', 'USD', NULL, false, 250)",
    )
    .bind((0..ASKED).map(day).collect::<Vec<_>>())
    .bind((1..=ASKED).map(day).collect::<Vec<_>>())
    .bind((0..ASKED).collect::<Vec<_>>())
    .fetch_one(session)
    .await
    .unwrap()
}

/// How often the indexes of days and of buckets were looked into.
async fn scans(session: &mut PgConnection) -> (i64, i64) {
    sqlx::query("SELECT pg_stat_force_next_flush()").execute(&mut *session).await.unwrap();
    sqlx::query_as(
        "SELECT max(idx_scan) FILTER (WHERE indexrelname = 'revenue_days_pkey'),
                max(idx_scan) FILTER (WHERE indexrelname = 'revenue_buckets_pkey') FROM pg_stat_user_indexes",
    )
    .fetch_one(session)
    .await
    .unwrap()
}

async fn scans_since(session: &mut PgConnection, before: (i64, i64)) -> (i64, i64) {
    let now = scans(session).await;
    (now.0 - before.0, now.1 - before.1)
}
