//! Claims beside a history of finished records: a claim reads payloads from it, and must not be slower for its length.

use std::time::Instant;

use buffalo_store::Look;
use serde_json::{Value, json};

use crate::database::{Fresh, Server};
use crate::records::{self, Keys, T0, renamed};
use crate::{median, ratio};

const ROUNDS: u32 = 3;

/// Rows and bytes of a claim, as `process` has them by default.
const BATCH_ROWS: i64 = 500;
const BATCH_BYTES: i64 = 4 << 20;

/// Raw records over the weeks that are kept, as those of a fetch lie there; nothing of them waits in the outbox.
const FILL: &str = "INSERT INTO raw_records
         (source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, payload)
     SELECT 'stripe', 'payments', 'ch_' || n, 1, now(), now() - (1 - n / $1::float8) * interval '89 days',
            '00000000-0000-0000-0000-000000000000', '2026-10-28.endive', '{}'
     FROM generate_series(1, $1::bigint) n";

pub(crate) async fn run(server: &Server, rows: u64, finished: u64) -> anyhow::Result<Value> {
    let waiting = records::of_sandbox(server, rows).await?;
    let (empty, full) = (server.fresh().await?, server.fresh().await?);
    sqlx::query(FILL).bind(i64::try_from(finished)?).execute(&full.pool).await?;
    sqlx::query("VACUUM ANALYZE raw_records").execute(&full.pool).await?;
    let bytes: i64 = sqlx::query_scalar(
        "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'raw_records'::regclass",
    )
    .fetch_one(&full.pool)
    .await?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let waiting = renamed(&waiting, Keys::Growing, round);
        for (database, latencies) in [(&empty, &mut without), (&full, &mut with)] {
            records::write(database, &waiting).await?;
            database.checkpoint().await?;
            latencies.push(claim_all(database).await?);
        }
    }
    server.discard(empty).await?;
    server.discard(full).await?;
    let (without, with) = (median(without), median(with));
    Ok(json!({
        "finished": finished,
        "finishedBytes": bytes,
        "claimP50UsWithout": without,
        "claimP50UsWith": with,
        "claimGrowth": ratio(with, without),
    }))
}

/// Claims and settles everything; returns the median time of a claim in microseconds.
async fn claim_all(database: &Fresh) -> anyhow::Result<u64> {
    let mut claimer = database.store.claimer();
    let mut took = Vec::new();
    loop {
        let began = Instant::now();
        let Some(batch) = claimer.claim(*T0, BATCH_ROWS, BATCH_BYTES, Look::Everywhere).await? else {
            break;
        };
        took.push(u64::try_from(began.elapsed().as_micros())?);
        batch.settle(&[], &[], *T0).await?;
    }
    anyhow::ensure!(!took.is_empty(), "there was nothing to claim");
    Ok(median(took))
}
