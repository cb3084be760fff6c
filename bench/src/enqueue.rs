//! The producer's write path against plain inserts of the same rows into the same tables.

use std::time::Instant;

use buffalo_model::{ContentHash, Cursor, Entity, Mode, RawRecord, RunId, RunStatus, Source};
use buffalo_store::{NewRun, Page};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::database::{Fresh, Server};
use crate::{median, rate, ratio};

/// Records in a transaction: the four pages that a producer writes together when it is behind.
const BATCH: usize = 400;
const T0: DateTime<Utc> = DateTime::UNIX_EPOCH;

pub(crate) async fn run(server: &Server, rows: u64) -> anyhow::Result<Value> {
    let records = records(rows);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let database = server.fresh().await?;
        ours.push(rate(rows, write(&database, &records).await?));
        let database = server.fresh().await?;
        plain.push(rate(rows, insert(&database, &records).await?));
    }
    let (ours, plain) = (median(ours), median(plain));
    Ok(json!({"rows": rows, "rowsPerSec": ours, "sqlRowsPerSec": plain, "ratioToSql": ratio(ours, plain)}))
}

/// Records of about 2.5 KB whose text compresses about as well as a charge's does.
pub(crate) fn records(rows: u64) -> Vec<RawRecord> {
    let record = |n: u64| {
        let fields: Vec<String> = (0..60)
            .map(|field| format!("\"field_number_{field}\":\"value {}\"", (n + 1) * (field + 7)))
            .collect();
        RawRecord {
            external_id: format!("ch_3{n:010}B7WZ01zgkW"),
            observed_at: T0,
            api_version: Some("2026-10-28.endive".to_owned()),
            payload: format!(
                "{{\"id\":\"ch_3{n:010}B7WZ01zgkW\",\"object\":\"charge\",\"status\":\"succeeded\",\"captured\":true,\
                 \"amount\":{n},\"amount_captured\":{n},\"currency\":\"usd\",\"created\":{},\"customer\":\"cus_{n}\",{}}}",
                1_700_000_000 + n,
                fields.join(",")
            ),
        }
    };
    (0..rows).map(record).collect()
}

/// Writes records as a producer does; returns how long it took.
pub(crate) async fn write(database: &Fresh, records: &[RawRecord]) -> anyhow::Result<std::time::Duration> {
    let source = Source::new("stripe");
    let run_id = RunId::generate();
    let run =
        NewRun { run_id, source: "stripe", entity: "payments", mode: Mode::Full, status: RunStatus::Running };
    database.store.start_run(&run, T0).await?;
    let mut cursor_version = database.store.read_cursor(&source, Entity::Payments, T0).await?.version;
    let began = Instant::now();
    for records in records.chunks(BATCH) {
        let cursor = Cursor::new(
            json!({"phase": "listing", "after": records.last().map(|record| &record.external_id)}),
        );
        let page = Page {
            source: &source,
            entity: Entity::Payments,
            run_id,
            records,
            pages: 4,
            requests: 4,
            cursor: &cursor,
            data_through: None,
            cursor_version,
        };
        cursor_version = database.store.write_page(&page, T0).await?.cursor_version;
    }
    Ok(began.elapsed())
}

async fn insert(database: &Fresh, records: &[RawRecord]) -> anyhow::Result<std::time::Duration> {
    let began = Instant::now();
    let run_id = RunId::generate().0;
    let mut first = 1_i64;
    for records in records.chunks(BATCH) {
        let ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let payloads: Vec<&str> = records.iter().map(|record| record.payload.as_str()).collect();
        let hashes: Vec<ContentHash> =
            records.iter().map(|record| ContentHash::of(&record.payload)).collect();
        let hashes: Vec<&[u8]> = hashes.iter().map(ContentHash::as_bytes).collect();
        let raw_ids: Vec<i64> = (first..).take(records.len()).collect();
        first += i64::try_from(records.len())?;
        let mut tx = database.pool.begin().await?;
        sqlx::query("INSERT INTO record_heads SELECT 'stripe', 'payments', id, 1, $2, hash FROM unnest($1::text[], $3::bytea[]) AS t (id, hash)")
            .bind(&ids).bind(T0).bind(&hashes).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO raw_records (source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, payload)
                     SELECT 'stripe', 'payments', id, 1, $3, $3, $4, '2026-10-28.endive', payload FROM unnest($1::text[], $2::text[]) AS t (id, payload)")
            .bind(&ids).bind(&payloads).bind(T0).bind(run_id).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO ingest_outbox (raw_id, source, entity, external_id, revision, observed_at, payload_bytes, available_at, enqueued_at)
                     SELECT raw_id, 'stripe', 'payments', id, 1, $3, 2500, $3, $3 FROM unnest($1::bigint[], $2::text[]) AS t (raw_id, id)")
            .bind(&raw_ids).bind(&ids).bind(T0).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(began.elapsed())
}
