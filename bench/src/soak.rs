//! The outbox at a steady rate for as long as one likes, while long readers keep dead rows from being removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use buffalo_model::{
    Clock, Cursor, Entity, Mode, RawRecord, RequestCounts, RunId, RunStatus, Source, SystemClock, Ties,
};
use buffalo_store::{Lane, Look, NewRun, Page, Store};
use serde_json::{Value, json};
use sqlx::postgres::PgPool;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::database::Server;
use crate::ratio;

/// Rows of a write, and how often there is one: a thousand rows a second.
const ROWS_OF_A_PAGE: u64 = 100;
const PAGE_EVERY: Duration = Duration::from_millis(100);

/// Readers, each of which keeps its snapshot for as long as three of them need to begin.
const READERS: u32 = 3;
const READER_BEGINS_EVERY: Duration = Duration::from_secs(60);

const WORKERS: usize = 2;

/// A payload as large as the narrower half of what vendors send; its content does not matter to the queue.
const PAYLOAD_BYTES: usize = 1_000;

/// What the workers measured since the last sample, in microseconds.
type Latencies = Arc<Mutex<Vec<u64>>>;

pub(crate) async fn run(server: &Server, minutes: u64) -> anyhow::Result<Value> {
    let database = server.fresh().await?;
    let stop = Arc::new(AtomicBool::new(false));
    let latencies = Latencies::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(produce(database.store.clone(), Arc::clone(&stop)));
    for _ in 0..WORKERS {
        tasks.spawn(work(database.store.clone(), Arc::clone(&latencies), Arc::clone(&stop)));
    }
    for number in 0..READERS {
        tasks.spawn(read_for_long(database.pool.clone(), number, Arc::clone(&stop)));
    }
    let mut samples = Vec::new();
    for minute in 1..=minutes {
        tokio::time::sleep(Duration::from_secs(60)).await;
        if let Some(ended) = tasks.try_join_next() {
            ended??;
            anyhow::bail!("a task ended before its time");
        }
        samples.push(sample(&database.pool, minute, &latencies).await?);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    server.discard(database).await?;
    Ok(json!({
        "minutes": minutes,
        "rowsPerSec": ROWS_OF_A_PAGE * 1_000 / u64::try_from(PAGE_EVERY.as_millis())?,
        "claimP50Growth": growth(&samples, "claimP50Us"),
        "claimP99Growth": growth(&samples, "claimP99Us"),
        "deadRowsGrowth": growth(&samples, "deadRows"),
        "tableGrowth": growth(&samples, "tableBytes"),
        "indexGrowth": growth(&samples, "indexBytes"),
        "samples": samples,
    }))
}

/// The last third against the middle third: the first fills what the readers keep.
fn growth(samples: &[Value], key: &str) -> Option<f64> {
    let third = samples.len() / 3;
    let mean = |part: &[Value]| {
        let values = part.iter().filter_map(|sample| sample[key].as_u64());
        values.sum::<u64>() / part.len().max(1) as u64
    };
    (third > 0).then(|| ratio(mean(&samples[2 * third..]), mean(&samples[third..2 * third])))
}

async fn sample(pool: &PgPool, minute: u64, latencies: &Latencies) -> anyhow::Result<Value> {
    let sql = "SELECT pg_stat_get_dead_tuples('ingest_outbox'::regclass), pg_table_size('ingest_outbox'),
                      pg_indexes_size('ingest_outbox'), (SELECT count(*) FROM ingest_outbox),
                      pg_stat_get_dead_tuples('outbox_claims'::regclass)";
    let (dead, table, index, waiting, dead_claims): (i64, i64, i64, i64, i64) =
        sqlx::query_as(sql).fetch_one(pool).await?;
    let mut claims = std::mem::take(&mut *latencies.lock().await);
    claims.sort_unstable();
    let quantile = |percent: usize| claims.get(claims.len() * percent / 100).copied().unwrap_or_default();
    Ok(json!({
        "minute": minute,
        "claims": claims.len(),
        "claimP50Us": quantile(50),
        "claimP99Us": quantile(99),
        "deadRows": dead,
        "deadClaims": dead_claims,
        "tableBytes": table,
        "indexBytes": index,
        "waiting": waiting,
    }))
}

/// Writes a page at every beat, as an incremental run does.
async fn produce(store: Store, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let (source, run_id) = (Source::new("stripe"), RunId::generate());
    let run = NewRun {
        run_id,
        source: "stripe",
        entity: "payments",
        mode: Mode::Incremental,
        status: RunStatus::Running,
    };
    store.start_run(&run, SystemClock.now()).await?;
    let mut cursor_version = store.read_cursor(&source, Entity::Payments, SystemClock.now()).await?.version;
    let payload = format!(r#"{{"filler":"{}"}}"#, "x".repeat(PAYLOAD_BYTES));
    let mut beat = tokio::time::interval(PAGE_EVERY);
    let mut row = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        beat.tick().await;
        let now = SystemClock.now();
        let records: Vec<RawRecord> = (row..row + ROWS_OF_A_PAGE)
            .map(|row| RawRecord {
                external_id: format!("ch_{row:012}"),
                observed_at: now,
                api_version: None,
                context: None,
                payload: payload.clone(),
            })
            .collect();
        row += ROWS_OF_A_PAGE;
        let cursor = Cursor::new(json!({"row": row}));
        let page = Page {
            source: &source,
            entity: Entity::Payments,
            run_id,
            records: &records,
            ties: Ties::ReadAgain,
            lane: Lane::Live,
            pages: 1,
            requests: RequestCounts::default(),
            cursor: &cursor,
            data_through: None,
            cursor_version,
        };
        cursor_version = store.write_page(&page, now).await?.cursor_version;
    }
    Ok(())
}

/// Claims and settles; what lies between is not the queue's.
async fn work(store: Store, latencies: Latencies, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut claimer = store.claimer();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let claimed = claimer.claim(SystemClock.now(), 500, 4 << 20, Look::NowAndThen).await?;
        let took = u64::try_from(began.elapsed().as_micros())?;
        match claimed {
            Some(batch) => {
                batch.settle(&[], &[], SystemClock.now()).await?;
                latencies.lock().await.push(took);
            }
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Ok(())
}

/// Opens a snapshot, keeps it, and opens the next one; the readers take turns, so there is always an old one.
async fn read_for_long(pool: PgPool, number: u32, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let until = |wanted: Duration| {
        let stop = Arc::clone(&stop);
        async move {
            let began = Instant::now();
            while began.elapsed() < wanted && !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    };
    until(READER_BEGINS_EVERY * number).await;
    while !stop.load(Ordering::Relaxed) {
        let mut reader = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
        sqlx::query("SELECT count(*) FROM sync_runs").execute(&mut *reader).await?;
        until(READER_BEGINS_EVERY * READERS).await;
        reader.rollback().await?;
    }
    Ok(())
}
