//! The rows that `drain` and `enqueue` work on: a sandbox's charges as `fetch` stores them, and the writing of them.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use buffalo_model::{
    Clock, ContentHash, Cursor, Entity, Mode, RawRecord, RequestCounts, RunId, RunStatus, Source,
    SystemClock, Ties,
};
use buffalo_store::{Lane, NewRun, Page};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::database::{Fresh, Server};
use crate::program::{self, Vendor};

/// Records in a transaction: the four pages that a producer writes together when it is behind.
pub(crate) const BATCH: usize = 400;
/// When everything was queued: before it is processed, so that all of it is due, and in the current week's partition.
pub(crate) static T0: LazyLock<DateTime<Utc>> = LazyLock::new(|| SystemClock.now());

/// The charges of a sandbox, byte for byte as the real binary stores them.
pub(crate) async fn of_sandbox(server: &Server, rows: u64) -> anyhow::Result<Vec<RawRecord>> {
    let sandbox = program::sandbox(Vendor::Stripe, rows, 0).await?;
    let database = server.fresh().await?;
    program::run(Vendor::Stripe, &["fetch"], &sandbox.base, &database.url).await?;
    let sql = "SELECT external_id, observed_at, api_version, payload FROM raw_records ORDER BY id";
    let found: Vec<(String, DateTime<Utc>, Option<String>, String)> =
        sqlx::query_as(sql).fetch_all(&database.pool).await?;
    server.discard(database).await?;
    anyhow::ensure!(found.len() as u64 == rows, "{} of {rows} charges were fetched", found.len());
    let record = |(external_id, observed_at, api_version, payload)| RawRecord {
        external_id,
        observed_at,
        api_version,
        context: None,
        payload,
    };
    Ok(found.into_iter().map(record).collect())
}

/// How the keys of new records lie among those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Behind all others, as with vendors whose ids grow with time: Stripe's and HubSpot's do.
    Growing,
    /// Anywhere between the others, so that nearly every insert meets a page of the index that is not in memory.
    Scattered,
}

/// The same records under other keys, different ones for each round.
pub(crate) fn renamed(records: &[RawRecord], keys: Keys, round: u32) -> Vec<RawRecord> {
    let renamed = |record: &RawRecord| {
        let hash = ContentHash::of(&format!("{round} {}", record.external_id));
        let digits: String = hash.as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        RawRecord {
            external_id: match keys {
                Keys::Growing => format!("ch_3z{round}{}", record.external_id),
                Keys::Scattered => format!("ch_3{digits}"),
            },
            observed_at: record.observed_at,
            api_version: record.api_version.clone(),
            context: None,
            payload: record.payload.clone(),
        }
    };
    records.iter().map(renamed).collect()
}

/// The mean size of a payload in bytes.
pub(crate) fn mean_bytes(records: &[RawRecord]) -> usize {
    records.iter().map(|record| record.payload.len()).sum::<usize>() / records.len().max(1)
}

/// Writes records as a producer does; returns how long it took.
pub(crate) async fn write(database: &Fresh, records: &[RawRecord]) -> anyhow::Result<Duration> {
    let source = Source::new("stripe");
    let run_id = RunId::generate();
    let run =
        NewRun { run_id, source: "stripe", entity: "payments", mode: Mode::Full, status: RunStatus::Running };
    database.store.start_run(&run, *T0).await?;
    let mut cursor_version = database.store.read_cursor(&source, Entity::Payments, *T0).await?.version;
    let mut enqueued = 0;
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
            ties: Ties::ReadAgain,
            lane: Lane::Backfill,
            pages: 4,
            requests: RequestCounts { made: 4, ..RequestCounts::default() },
            cursor: &cursor,
            data_through: None,
            cursor_version,
        };
        let written = database.store.write_page(&page, *T0).await?;
        cursor_version = written.cursor_version;
        enqueued += written.enqueued;
    }
    let took = began.elapsed();
    anyhow::ensure!(usize::try_from(enqueued)? == records.len(), "{enqueued} of {} are news", records.len());
    Ok(took)
}
