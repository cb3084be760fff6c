//! `process` against the same work in plain SQL: claim, upsert from JSON and settle in one statement for each batch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use buffalo_jobs::{Process, ProcessOptions};
use buffalo_model::SystemClock;
use serde_json::{Value, json};

use crate::database::{Fresh, Server};
use crate::enqueue::{records, write};
use crate::{median, rate, ratio};

const WORKERS: usize = 2;

/// Forbidden to sort like Buffalo's own claim, for the same reason.
const SQL_BATCH: &str = "
WITH claimed AS (
    SELECT raw_id, source, entity, external_id, revision, observed_at FROM ingest_outbox
    WHERE available_at <= now() ORDER BY available_at LIMIT 500 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM ingest_outbox o USING claimed c WHERE o.raw_id = c.raw_id
), upserted AS (
    INSERT INTO payments AS known
        (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
         customer_external_id, observed_at, revision, raw_id, created_at, updated_at)
    SELECT c.source, c.entity, c.external_id, j->>'object',
           CASE WHEN j->>'status' IN ('succeeded', 'paid') AND (j->>'captured')::boolean THEN 'COLLECTED'
                WHEN j->>'status' = 'failed' THEN 'FAILED' ELSE 'PENDING' END,
           j->>'status', (j->>'amount_captured')::bigint, upper(j->>'currency'),
           to_timestamp((j->>'created')::bigint), j->>'customer', c.observed_at, c.revision, c.raw_id, now(), now()
    FROM claimed c
    CROSS JOIN LATERAL (SELECT payload::jsonb AS j FROM raw_records r WHERE r.id = c.raw_id OFFSET 0) r
    ON CONFLICT (source, entity, external_id) DO UPDATE
        SET status = excluded.status, raw_status = excluded.raw_status, amount_minor = excluded.amount_minor,
            observed_at = excluded.observed_at, revision = excluded.revision, raw_id = excluded.raw_id,
            updated_at = excluded.updated_at
        WHERE known.revision < excluded.revision
)
SELECT count(*) FROM claimed";

pub(crate) async fn run(server: &Server, rows: u64) -> anyhow::Result<Value> {
    let records = records(rows);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let database = server.fresh().await?;
        write(&database, &records).await?;
        ours.push(rate(rows, ours_takes(&database).await?));
        check(&database, rows).await?;
        let database = server.fresh().await?;
        write(&database, &records).await?;
        plain.push(rate(rows, sql_takes(&database).await?));
        check(&database, rows).await?;
    }
    let (ours, plain) = (median(ours), median(plain));
    Ok(json!({"rows": rows, "rowsPerSec": ours, "sqlRowsPerSec": plain, "ratioToSql": ratio(ours, plain)}))
}

async fn ours_takes(database: &Fresh) -> anyhow::Result<Duration> {
    let options = ProcessOptions { workers: WORKERS, ..ProcessOptions::default() };
    let process = Process { store: database.store.clone(), clock: Arc::new(SystemClock), options };
    let began = Instant::now();
    process.run().await?;
    Ok(began.elapsed())
}

async fn sql_takes(database: &Fresh) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..WORKERS {
        let pool = database.pool.clone();
        workers.spawn(async move {
            let mut connection = pool.acquire().await?;
            sqlx::raw_sql("SET enable_sort = off; SET plan_cache_mode = force_custom_plan")
                .execute(&mut *connection)
                .await?;
            while sqlx::query_scalar::<_, i64>(SQL_BATCH).fetch_one(&mut *connection).await? > 0 {}
            anyhow::Ok(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(began.elapsed())
}

async fn check(database: &Fresh, rows: u64) -> anyhow::Result<()> {
    let sql =
        "SELECT (SELECT count(*) FROM payments WHERE status = 'COLLECTED'), count(*) FROM ingest_outbox";
    let (payments, waiting): (i64, i64) = sqlx::query_as(sql).fetch_one(&database.pool).await?;
    anyhow::ensure!(
        (payments, waiting) == (i64::try_from(rows)?, 0),
        "{payments} payments, {waiting} rows wait"
    );
    Ok(())
}
