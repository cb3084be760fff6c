//! The producer's write path against plain inserts of the same rows into the same tables.

use std::time::{Duration, Instant};

use buffalo_model::{ContentHash, RawRecord, RunId};
use serde_json::{Value, json};

use crate::database::{Fresh, Server};
use crate::records::{BATCH, T0, mean_bytes, of_sandbox, write};
use crate::{history, median, rate, ratio};

const PLAIN_HEADS: &str = "
INSERT INTO record_heads (source, entity, external_id, revision, observed_at, content_hash)
SELECT 'stripe', 'payments', id, 1, $3, hash FROM unnest($1::text[], $2::bytea[]) AS t (id, hash)";

const PLAIN_RAW: &str = "
INSERT INTO raw_records (source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, payload)
SELECT 'stripe', 'payments', id, 1, $3, $3, $4, '2026-10-28.endive', payload
FROM unnest($1::text[], $2::text[]) AS t (id, payload)";

const PLAIN_OUTBOX: &str = "
INSERT INTO ingest_outbox
    (raw_id, source, entity, external_id, revision, observed_at, payload_bytes, available_at, enqueued_at, lane)
SELECT raw_id, 'stripe', 'payments', id, 1, $4, bytes, $4, $4, 'backfill'
FROM unnest($1::bigint[], $2::text[], $3::integer[]) AS t (raw_id, id, bytes)";

pub(crate) async fn run(server: &Server, rows: u64, older: Option<u64>) -> anyhow::Result<Value> {
    let records = of_sandbox(server, rows).await?;
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let database = server.fresh().await?;
        ours.push(ours_rate(&database, &records).await?);
        check(&database, rows).await?;
        server.discard(database).await?;
        let database = server.fresh().await?;
        database.checkpoint().await?;
        plain.push(rate(rows, insert(&database, &records).await?));
        check(&database, rows).await?;
        server.discard(database).await?;
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

async fn ours_rate(database: &Fresh, records: &[RawRecord]) -> anyhow::Result<u64> {
    database.checkpoint().await?;
    Ok(rate(records.len() as u64, write(database, records).await?))
}

/// Three statements and a commit for each batch. The ids of raw records are known beforehand, since the database is new.
pub(crate) async fn insert(database: &Fresh, records: &[RawRecord]) -> anyhow::Result<Duration> {
    let run_id = RunId::generate().0;
    let mut next_id = 1_i64;
    let began = Instant::now();
    for records in records.chunks(BATCH) {
        let ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let payloads: Vec<&str> = records.iter().map(|record| record.payload.as_str()).collect();
        let bytes: Vec<i32> =
            payloads.iter().map(|payload| i32::try_from(payload.len())).collect::<Result<_, _>>()?;
        let hashes: Vec<ContentHash> =
            records.iter().map(|record| ContentHash::of(&record.payload)).collect();
        let hashes: Vec<&[u8]> = hashes.iter().map(ContentHash::as_bytes).collect();
        let raw_ids: Vec<i64> = (next_id..).take(records.len()).collect();
        next_id += i64::try_from(records.len())?;
        let mut tx = database.pool.begin().await?;
        sqlx::query(PLAIN_HEADS).bind(&ids).bind(&hashes).bind(*T0).execute(&mut *tx).await?;
        sqlx::query(PLAIN_RAW).bind(&ids).bind(&payloads).bind(*T0).bind(run_id).execute(&mut *tx).await?;
        sqlx::query(PLAIN_OUTBOX).bind(&raw_ids).bind(&ids).bind(&bytes).bind(*T0).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(began.elapsed())
}

/// Both ways must leave a head, a raw record and a matching outbox row for each record.
async fn check(database: &Fresh, rows: u64) -> anyhow::Result<()> {
    let sql = "SELECT count(*) FROM ingest_outbox o
               JOIN raw_records r ON r.id = o.raw_id AND r.external_id = o.external_id
                    AND octet_length(r.payload) = o.payload_bytes
               JOIN record_heads h ON (h.source, h.entity, h.external_id) = (o.source, o.entity, o.external_id)
                    AND h.revision = o.revision";
    let complete: i64 = sqlx::query_scalar(sql).fetch_one(&database.pool).await?;
    anyhow::ensure!(complete == i64::try_from(rows)?, "{complete} of {rows} rows are complete");
    Ok(())
}
