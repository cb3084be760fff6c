//! `process` against the same work in plain SQL: claim, upsert from JSON and settle in one statement for each batch, and in
//! the end the refresh of revenue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use buffalo_jobs::{Process, ProcessOptions};
use buffalo_model::{RawRecord, SystemClock};
use serde_json::{Value, json};

use crate::database::{Fresh, Server};
use crate::records::{mean_bytes, of_sandbox, write};
use crate::{history, median, rate, ratio};

const WORKERS: usize = 2;

/// Does for charges what the normaliser does, and is forbidden to sort like Buffalo's own claim, for the same reason.
const SQL_BATCH: &str = "
WITH claimed AS (
    SELECT raw_id, source, entity, external_id, revision, observed_at, enqueued_at FROM ingest_outbox
    WHERE source = 'stripe' AND lane = 'backfill' AND available_at <= now()
    ORDER BY available_at LIMIT 500 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM ingest_outbox o USING claimed c WHERE o.raw_id = c.raw_id
), upserted AS (
    INSERT INTO payments AS known
        (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
         customer_external_id, observed_at, revision, raw_id, created_at, updated_at)
    SELECT c.source, c.entity, c.external_id, j->>'object',
           CASE WHEN j->>'status' IN ('succeeded', 'paid') AND (j->>'captured')::boolean THEN 'COLLECTED'
                WHEN j->>'status' IN ('succeeded', 'paid', 'pending', 'processing', 'requires_payment_method',
                     'requires_confirmation', 'requires_action', 'requires_capture') THEN 'PENDING'
                WHEN j->>'status' = 'canceled' THEN 'VOIDED'
                WHEN j->>'status' = 'failed' THEN 'FAILED'
                ELSE 'UNKNOWN' END,
           j->>'status',
           CASE WHEN j->>'status' IN ('succeeded', 'paid') AND (j->>'captured')::boolean
                THEN (j->>'amount_captured')::bigint ELSE (j->>'amount')::bigint END,
           upper(j->>'currency'), to_timestamp((j->>'created')::bigint), j->>'customer',
           c.observed_at, c.revision, c.raw_id, now(), now()
    FROM claimed c
    CROSS JOIN LATERAL (
        SELECT payload::jsonb AS j FROM raw_records r WHERE r.id = c.raw_id AND r.fetched_at = c.enqueued_at OFFSET 0
    ) r
    ON CONFLICT (source, entity, external_id) DO UPDATE
        SET kind = excluded.kind, status = excluded.status, raw_status = excluded.raw_status,
            amount_minor = excluded.amount_minor, currency = excluded.currency, occurred_at = excluded.occurred_at,
            customer_external_id = excluded.customer_external_id, observed_at = excluded.observed_at,
            revision = excluded.revision, raw_id = excluded.raw_id, updated_at = excluded.updated_at
        WHERE known.revision < excluded.revision
)
SELECT count(*) FROM claimed";

/// What a database was drained into: all columns but the two that say when, and what still waits.
const OUTCOME: &str = "
SELECT count(*),
       coalesce(sum(hashtextextended(ROW (source, entity, external_id, kind, status, raw_status, amount_minor,
           currency, occurred_at, parent_external_id, customer_external_id, observed_at, revision, raw_id)::text, 0)),
           0)::text,
       (SELECT count(*) FROM ingest_outbox)
FROM payments";

type Outcome = (i64, String, i64);

pub(crate) async fn run(server: &Server, rows: u64, older: Option<u64>) -> anyhow::Result<Value> {
    let records = of_sandbox(server, rows).await?;
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let database = server.fresh().await?;
        ours.push(ours_rate(&database, &records).await?);
        let our_outcome: Outcome = sqlx::query_as(OUTCOME).fetch_one(&database.pool).await?;
        server.discard(database).await?;
        let database = server.fresh().await?;
        write(&database, &records).await?;
        database.checkpoint().await?;
        plain.push(rate(rows, sql_takes(&database).await?));
        let sql_outcome: Outcome = sqlx::query_as(OUTCOME).fetch_one(&database.pool).await?;
        server.discard(database).await?;
        let whole = our_outcome.0 == i64::try_from(rows)? && our_outcome.2 == 0;
        anyhow::ensure!(
            whole && our_outcome == sql_outcome,
            "payments, their sum, waiting rows: {our_outcome:?}, in SQL {sql_outcome:?}"
        );
    }
    let (ours, plain) = (median(ours), median(plain));
    let mut figures = json!({
        "rows": rows,
        "payloadBytes": mean_bytes(&records),
        "rowsPerSec": ours,
        "sqlRowsPerSec": plain,
        "ratioToSql": ratio(ours, plain),
    });
    history::add_growth(&mut figures, server, &records, older, ours_rate).await?;
    Ok(figures)
}

/// Fills the outbox, and measures how it is drained.
async fn ours_rate(database: &Fresh, records: &[RawRecord]) -> anyhow::Result<u64> {
    write(database, records).await?;
    database.checkpoint().await?;
    let options = ProcessOptions { workers: WORKERS, ..ProcessOptions::default() };
    let process = Process { store: database.store.clone(), clock: Arc::new(SystemClock), options };
    let began = Instant::now();
    let run = process.run().await?;
    let took = began.elapsed();
    let processed = run.counts.records_processed;
    anyhow::ensure!(usize::try_from(processed)? == records.len(), "{processed} of {} rows", records.len());
    Ok(rate(records.len() as u64, took))
}

pub(crate) async fn sql_takes(database: &Fresh) -> anyhow::Result<Duration> {
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
    database.store.settle_revenue().await?;
    Ok(began.elapsed())
}
