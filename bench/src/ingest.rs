//! From the sandbox's charges to processed payments with raw kept, by the real binary.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::database::Server;
use crate::program::{self, Vendor};
use crate::records::of_sandbox;
use crate::{drain, enqueue, rate, ratio};

/// The latency that real vendors have about, and a number of pages that can be waited for.
const LATENCY_MS: u64 = 150;
const PAGES_WITH_LATENCY: u64 = 50;

/// At a latency at which a page at a time would reach a fifth of the limit of 25, and half of that of 10.
const LATENCY_AT_LIMIT_MS: u64 = 200;
/// How long a backfill at the limit takes, in seconds.
const SECONDS_AT_LIMIT: u64 = 20;

/// What is measured besides records a second.
pub(crate) enum Extent<'a> {
    /// The same rows by plain SQL, without a vendor and without a program to start: the limit on the same server.
    Quick,
    /// Runs at rate limits and with latency.
    Whole,
    /// The same, and peers, which are installed there.
    WithPeers(&'a Path),
}

pub(crate) async fn run(
    server: &Server,
    vendor: Vendor,
    records: u64,
    latency_ms: u64,
    extent: Extent<'_>,
) -> anyhow::Result<Value> {
    let sandbox = program::sandbox(vendor, records, latency_ms).await?;
    let (rows_per_sec, peak_rss_kb) = once(server, vendor, records, &sandbox.base).await?;
    if matches!(extent, Extent::Quick) {
        anyhow::ensure!(vendor == Vendor::Stripe, "plain SQL knows how to read charges only");
        let plain = plain_rate(server, records).await?;
        return Ok(json!({
            "records": records,
            "rowsPerSec": rows_per_sec,
            "peakRssMb": ratio(peak_rss_kb, 1_024),
            "sqlRowsPerSec": plain,
            "ratioToSql": ratio(rows_per_sec, plain),
        }));
    }
    let with_latency = PAGES_WITH_LATENCY * u64::from(vendor.page_size());
    let slow = program::sandbox(vendor, with_latency, LATENCY_MS).await?;
    let (rows_with_latency, _) = once(server, vendor, with_latency, &slow.base).await?;
    drop(slow);
    let mut figures = json!({
        "source": format!("{vendor:?}").to_lowercase(),
        "records": records,
        "latencyMs": latency_ms,
        "rowsPerSec": rows_per_sec,
        "peakRssMb": ratio(peak_rss_kb, 1_024),
        "limitedRun": {
            "limitPerSec": vendor.usual_limit(),
            "ratioToLimit": at_limit(server, vendor, vendor.usual_limit(), 0).await?,
        },
        "limitedRunWithLatency": {
            "limitPerSec": vendor.limit_with_latency(),
            "latencyMs": LATENCY_AT_LIMIT_MS,
            "ratioToLimit": at_limit(server, vendor, vendor.limit_with_latency(), LATENCY_AT_LIMIT_MS).await?,
        },
        "latencyRun": {"latencyMs": LATENCY_MS, "records": with_latency, "rowsPerSec": rows_with_latency},
    });
    if vendor == Vendor::Stripe {
        figures["sandboxRowsPerSec"] = json!(serving_rate(&sandbox.base).await?);
        let mut measured = Vec::new();
        if let Extent::WithPeers(scratch) = extent {
            install(scratch).await?;
            for peer in ["stripe-sync-engine", "dlt"] {
                let url = server.empty_for_peer().await?;
                measured.push(measure(peer, scratch, &sandbox.base, &url, records).await?);
            }
        }
        let best = measured.iter().filter_map(|peer| peer["rowsPerSec"].as_f64()).fold(0.0, f64::max) as u64;
        figures["ratioToBestPeer"] = json!((best > 0).then(|| ratio(rows_per_sec, best)));
        figures["peers"] = json!(measured);
    }
    Ok(figures)
}

/// How near a backfill comes to what a limit allows, in pages full of records: requests that bring none don't count.
async fn at_limit(server: &Server, vendor: Vendor, limit: u32, latency_ms: u64) -> anyhow::Result<f64> {
    let allowed = u64::from(limit) * u64::from(vendor.page_size());
    let records = allowed * SECONDS_AT_LIMIT;
    let sandbox = program::sandbox(vendor, records, latency_ms).await?;
    let database = server.fresh().await?;
    let fetched = program::run_limited(vendor, &["fetch"], &sandbox.base, &database.url, limit).await?;
    server.discard(database).await?;
    Ok(ratio(rate(records, fetched.time), allowed))
}

/// Fetches and processes into a fresh database; returns rows a second end to end and the peak memory in kB.
async fn once(server: &Server, vendor: Vendor, records: u64, base: &str) -> anyhow::Result<(u64, u64)> {
    let database = server.fresh().await?;
    let fetched = program::run(vendor, &["fetch"], base, &database.url).await?;
    let processed = program::run(vendor, &["process"], base, &database.url).await?;
    let sql = format!(
        "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM raw_records), count(*) FROM ingest_outbox",
        vendor.table()
    );
    let (rows, raw, waiting): (i64, i64, i64) =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(&database.pool).await?;
    let expected = i64::try_from(records)?;
    anyhow::ensure!(
        (rows, raw, waiting) == (expected, expected, 0),
        "{rows} rows, {raw} raw, {waiting} wait"
    );
    server.discard(database).await?;
    Ok((rate(records, fetched.time + processed.time), fetched.peak_rss_kb.max(processed.peak_rss_kb)))
}

/// The same rows inserted and drained by plain SQL, in rows a second.
async fn plain_rate(server: &Server, records: u64) -> anyhow::Result<u64> {
    let of_sandbox = of_sandbox(server, records).await?;
    let database = server.fresh().await?;
    database.checkpoint().await?;
    let took = enqueue::insert(&database, &of_sandbox).await? + drain::sql_takes(&database).await?;
    server.discard(database).await?;
    Ok(rate(records, took))
}

/// How fast the sandbox serves by itself: the same page of a hundred charges, two hundred times.
async fn serving_rate(base: &str) -> anyhow::Result<u64> {
    let address = base.strip_prefix("http://").context("an http address")?;
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /v1/charges?limit=100 HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer sk_test_sandbox\r\n\r\n"
    );
    let mut buffer = vec![0; 1 << 20];
    let began = Instant::now();
    for _ in 0..200 {
        stream.write_all(request.as_bytes()).await?;
        let mut have = 0;
        loop {
            let read = stream.read(&mut buffer[have..]).await?;
            anyhow::ensure!(read > 0, "the sandbox closed the connection");
            have += read;
            let head = buffer[..have].windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(head) = head
                && have >= head + 4 + content_length(&buffer[..head])?
            {
                break;
            }
        }
    }
    Ok(rate(20_000, began.elapsed()))
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?.to_ascii_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    Ok(line.context("an answer with a length")?.trim().parse()?)
}

fn peers_script(name: &str) -> String {
    format!("{}/peers/{name}", env!("CARGO_MANIFEST_DIR"))
}

async fn install(scratch: &Path) -> anyhow::Result<()> {
    let status = Command::new(peers_script("install"))
        .arg(scratch)
        .stdout(std::process::Stdio::null())
        .status()
        .await?;
    anyhow::ensure!(status.success(), "the peers could not be installed");
    Ok(())
}

async fn measure(peer: &str, scratch: &Path, base: &str, url: &str, charges: u64) -> anyhow::Result<Value> {
    let output = Command::new(peers_script("run"))
        .arg(peer)
        .arg("--dir")
        .arg(scratch)
        .args(["--api-base", base, "--database-url", url, "--charges", &charges.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "{peer} failed");
    let text = String::from_utf8(output.stdout)?;
    Ok(serde_json::from_str(text.lines().last().context("a peer prints its figures")?)?)
}
