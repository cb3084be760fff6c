//! What older rows cost: the same measurement in an empty database and in one that holds millions of them.

use buffalo_model::RawRecord;
use serde_json::{Value, json};

use crate::database::{Fresh, Server};
use crate::records::{Keys, renamed};
use crate::{median, ratio};

/// Keys are in no order, and inserted in their order, which takes a fraction of the time. Raw records are spread over the
/// weeks that are kept.
const FILL: [&str; 3] = [
    "INSERT INTO record_heads (source, entity, external_id, revision, observed_at, content_hash)
     SELECT 'stripe', 'payments', 'ch_3' || md5(n::text), 1, to_timestamp(n), decode(md5(n::text), 'hex')
     FROM generate_series(1, $1::bigint) n ORDER BY 3",
    "INSERT INTO raw_records
         (source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, payload)
     SELECT 'stripe', 'payments', 'ch_3' || md5(n::text), 1, to_timestamp(n), now() - n * interval '90 days' / $1,
            gen_random_uuid(), '2026-10-28.endive', '{}'
     FROM generate_series(1, $1::bigint) n",
    "INSERT INTO payments
         (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at, observed_at,
          revision, raw_id, created_at, updated_at)
     SELECT 'stripe', 'payments', 'ch_3' || md5(n::text), 'charge', 'COLLECTED', 'succeeded', n, 'USD',
            to_timestamp(n), to_timestamp(n), 1, n, to_timestamp(n), to_timestamp(n)
     FROM generate_series(1, $1::bigint) n ORDER BY 3",
];

async fn fill(database: &Fresh, rows: u64) -> anyhow::Result<()> {
    let mut connection = database.pool.acquire().await?;
    sqlx::query("SET work_mem = '512MB'").execute(&mut *connection).await?;
    for sql in FILL {
        sqlx::query(sql).bind(i64::try_from(rows)?).execute(&mut *connection).await?;
    }
    sqlx::query("VACUUM ANALYZE").execute(&mut *connection).await?;
    Ok(())
}

/// Adds the rate with this many older rows by the rate without: `growthRatio` for keys that grow with time,
/// `growthRatioScattered` for keys in no order. Medians of three alternating rounds. Nothing is added where no history is
/// asked for.
pub(crate) async fn add_growth(
    figures: &mut Value,
    server: &Server,
    records: &[RawRecord],
    history: Option<u64>,
    measure: impl AsyncFn(&Fresh, &[RawRecord]) -> anyhow::Result<u64>,
) -> anyhow::Result<()> {
    let Some(history) = history else { return Ok(()) };
    let old = server.fresh().await?;
    fill(&old, history).await?;
    figures["history"] = json!(history);
    for (key, keys) in [("growthRatio", Keys::Growing), ("growthRatioScattered", Keys::Scattered)] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for round in 0..3 {
            let records = renamed(records, keys, round);
            let new = server.fresh().await?;
            without.push(measure(&new, &records).await?);
            server.discard(new).await?;
            with.push(measure(&old, &records).await?);
            // So that each round finds an outbox as new as the other database's.
            sqlx::query("TRUNCATE ingest_outbox").execute(&old.pool).await?;
        }
        figures[key] = json!(ratio(median(with), median(without)));
    }
    server.discard(old).await
}
