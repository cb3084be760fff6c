//! Revenue: a year by day from buckets, against the same question asked of the rows, and what marking costs writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use buffalo_model::{Granularity, RevenueQuery};
use buffalo_store::Mending;
use chrono::NaiveDate;
use serde_json::{Value, json};
use sqlx::postgres::PgPool;

use crate::database::{Fresh, Server};
use crate::records::T0;
use crate::{median, ratio};

/// How often each question is asked.
const QUESTIONS: usize = 300;

/// How often the rows are asked, which takes long.
const QUESTIONS_OF_ROWS: usize = 3;

/// Payments that are written in a second while questions are asked, and in one statement.
const ROWS_PER_S: u64 = 1_000;
const BATCH: u64 = 50;

/// Rounds of writing with and without marks.
const ROUNDS: usize = 5;

/// The same question of the rows, which the index `bench_best` answers alone.
const OF_ROWS: &str = "SELECT (occurred_at AT TIME ZONE 'Europe/Berlin')::date AS day, currency, status,
           sum(amount_minor)::text AS amount, count(*) AS payments
    FROM payments
    WHERE occurred_at >= timestamp '2025-06-01' AT TIME ZONE 'Europe/Berlin'
      AND occurred_at < timestamp '2026-06-02' AT TIME ZONE 'Europe/Berlin'
      AND status IN ('COLLECTED', 'REFUNDED', 'DISPUTED') AND deleted_at IS NULL
    GROUP BY 1, 2, 3";

/// Payments over two years, of which one in twenty was refunded two days later, in three currencies.
const FILL: [&str; 2] = [
    "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
                           revision, observed_at, raw_id, created_at, updated_at)
     SELECT 'stripe', 'payments', 'ch_' || n, 'charge', 'COLLECTED', 'succeeded', 100 + n % 10000,
            (ARRAY['USD', 'USD', 'USD', 'EUR', 'GBP'])[1 + n % 5],
            timestamptz '2025-01-01' + n / $1::float8 * interval '730 days', 1, now(), 0, now(), now()
     FROM generate_series(1, $1::bigint) n",
    "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
                           parent_external_id, revision, observed_at, raw_id, created_at, updated_at)
     SELECT 'stripe', 'payments', 're_' || n, 'refund', 'REFUNDED', 'succeeded', 50,
            (ARRAY['USD', 'USD', 'USD', 'EUR', 'GBP'])[1 + n % 5],
            timestamptz '2025-01-03' + n / $1::float8 * interval '730 days', 'ch_' || n, 1, now(), 0, now(), now()
     FROM generate_series(20, $1::bigint, 20) n",
];

/// Half of what is written is new, half changes the status of what is there, wherever in the two years it lies.
const WRITE: &str = "INSERT INTO payments AS known
        (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at, revision,
         observed_at, raw_id, created_at, updated_at)
     SELECT 'stripe', 'payments', CASE WHEN n % 2 = 0 THEN 'new_' || $1::bigint + n ELSE 'ch_' || place END, 'charge',
            'COLLECTED', 'succeeded', 100, 'USD', timestamptz '2025-01-01' + place / $3::float8 * interval '730 days',
            2 + $1, now(), 0, now(), now()
     FROM (SELECT DISTINCT ON (place) n, place FROM (
               SELECT n, 1 + abs(hashint8($1::bigint + n)::bigint) % $3::bigint AS place FROM generate_series(1, $2::bigint) n
           ) AS drawn ORDER BY place, n) AS batch
     ORDER BY 3
     ON CONFLICT (source, entity, external_id) DO UPDATE SET amount_minor = excluded.amount_minor + 1,
         revision = excluded.revision, updated_at = excluded.updated_at
     WHERE known.revision < excluded.revision";

pub(crate) async fn run(server: &Server, sizes: &[u64]) -> anyhow::Result<Value> {
    let mut by_size = Vec::new();
    let mut figures = Value::Null;
    for payments in sizes {
        let database = server.fresh().await?;
        let of_size = ask_quietly(&database, *payments).await?;
        // More changes all over the years than two cores settle are no question of speed: one size is written to.
        if figures.is_null() {
            figures = of_size.clone();
            add_while_written(&database, *payments, &mut figures).await?;
        }
        by_size.push(of_size);
        server.discard(database).await?;
    }
    figures["bySize"] = json!(by_size);
    Ok(figures)
}

/// What the question costs when nothing has changed, and what it costs asked of the rows.
async fn ask_quietly(database: &Fresh, payments: u64) -> anyhow::Result<Value> {
    for sql in FILL {
        sqlx::query(sql).bind(i64::try_from(payments)?).execute(&database.pool).await?;
    }
    let best = "CREATE INDEX bench_best ON payments (occurred_at) INCLUDE (currency, status, amount_minor, deleted_at)
                WHERE status IN ('COLLECTED', 'REFUNDED', 'DISPUTED') AND deleted_at IS NULL";
    sqlx::query(best).execute(&database.pool).await?;
    let began = Instant::now();
    database.store.settle_revenue().await?;
    let settled_ms = u64::try_from(began.elapsed().as_millis())?;
    sqlx::query("VACUUM ANALYZE").execute(&database.pool).await?;
    database.checkpoint().await?;

    let mut of_rows = Vec::new();
    for _ in 0..QUESTIONS_OF_ROWS {
        let began = Instant::now();
        sqlx::query(OF_ROWS).fetch_all(&database.pool).await?;
        of_rows.push(u64::try_from(began.elapsed().as_micros())?);
    }
    sqlx::query("DROP INDEX bench_best").execute(&database.pool).await?;
    ask(database, 20).await?;
    let quiet = ask(database, QUESTIONS).await?;
    let rows_us = median(of_rows);
    Ok(json!({
        "payments": payments,
        "p50Us": percentile(&quiet, 50),
        "p99Us": percentile(&quiet, 99),
        "p99Ms": ratio(percentile(&quiet, 99), 1_000),
        "rowsMs": rows_us / 1_000,
        "ratioToRows": ratio(rows_us, percentile(&quiet, 50)),
        "settleAllMs": settled_ms,
    }))
}

/// What it costs while payments are written, what writing costs, and what verifying does.
async fn add_while_written(database: &Fresh, payments: u64, figures: &mut Value) -> anyhow::Result<()> {
    let busy = ask_while_written(database, payments).await?;
    database.store.settle_revenue().await?;
    let began = Instant::now();
    anyhow::ensure!(database.store.verify_buckets(Mending::OnlyTold, 1).await?.is_empty(), "figures differ");
    let verified_ms = u64::try_from(began.elapsed().as_millis())?;
    let (with, without) = writes(&database.pool, payments).await?;
    for (key, value) in [
        ("busyP50Us", json!(percentile(&busy, 50))),
        ("busyP99Us", json!(percentile(&busy, 99))),
        ("busyP99Ms", json!(ratio(percentile(&busy, 99), 1_000))),
        ("verifyAllMs", json!(verified_ms)),
        ("upsertsWithMarks", json!(with)),
        ("upsertsWithout", json!(without)),
        ("ratioMarked", json!(ratio(with, without))),
    ] {
        figures[key] = value;
    }
    Ok(())
}

/// 366 days in a named zone, one question after the other; how long each took, in microseconds.
async fn ask(database: &Fresh, times: usize) -> anyhow::Result<Vec<u64>> {
    let day = |text: &str| text.parse::<NaiveDate>();
    let query = RevenueQuery {
        start_date: Some(day("2025-06-01")?),
        end_date: Some(day("2026-06-01")?),
        timezone: "Europe/Berlin".parse().map_err(anyhow::Error::msg)?,
        ..RevenueQuery::of(Granularity::Daily, "USD".parse()?)
    };
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        let revenue = database.store.revenue(query.clone(), &[], *T0).await?;
        took.push(u64::try_from(began.elapsed().as_micros())?);
        anyhow::ensure!(revenue.breakdown.len() == 366, "{} days", revenue.breakdown.len());
    }
    took.sort_unstable();
    Ok(took)
}

async fn ask_while_written(database: &Fresh, payments: u64) -> anyhow::Result<Vec<u64>> {
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write_steadily(database.pool.clone(), payments, Arc::clone(&stop)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut took = Vec::new();
    for _ in 0..QUESTIONS {
        took.extend(ask(database, 1).await?);
        // As dashboards do: not one at the heels of the other.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, Ordering::Relaxed);
    writing.await??;
    took.sort_unstable();
    Ok(took)
}

async fn write_steadily(pool: PgPool, payments: u64, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut beat = tokio::time::interval(Duration::from_millis(1_000 * BATCH / ROWS_PER_S));
    let mut first = 1;
    while !stop.load(Ordering::Relaxed) {
        beat.tick().await;
        write(&pool, first, BATCH, payments).await?;
        first += BATCH;
    }
    Ok(())
}

async fn write(pool: &PgPool, first: u64, rows: u64, payments: u64) -> anyhow::Result<()> {
    let numbers = [i64::try_from(first)?, i64::try_from(rows)?, i64::try_from(payments)?];
    let [first, rows, payments] = numbers;
    sqlx::query(WRITE).bind(first).bind(rows).bind(payments).execute(pool).await?;
    Ok(())
}

/// Rows that are upserted in a second with marks and without, by turns: batches of 500, one commit each.
async fn writes(pool: &PgPool, payments: u64) -> anyhow::Result<(u64, u64)> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let mut first = 10_000_000;
    for round in 0..2 * ROUNDS {
        let triggers = if round % 2 == 0 { "ENABLE" } else { "DISABLE" };
        let sql = format!("ALTER TABLE payments {triggers} TRIGGER USER");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(pool).await?;
        let began = Instant::now();
        for _ in 0..40 {
            write(pool, first, 500, payments).await?;
            first += 500;
        }
        let rate = crate::rate(40 * 500, began.elapsed());
        if round % 2 == 0 { with.push(rate) } else { without.push(rate) }
    }
    Ok((median(with), median(without)))
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}
