//! HTTP: what `serve` answers under load, against the same statement asked by pgbench.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::database::{Fresh, Server};
use crate::program::buffalo;
use crate::{median, ratio};

/// Connections that ask at once.
pub(crate) const CLIENTS: u32 = 64;

/// Connections to PostgreSQL, for `serve` and for pgbench: two for each core, as docs/operations.md advises.
const CONNECTIONS: u32 = 4;

/// Rounds of each side; they take turns, and the median counts.
const ROUNDS: usize = 3;

const KEY: &str = "0123456789abcdef";

/// The day that is asked for.
const DAY: &str = "2026-06-15";

/// A server that ends when it is dropped.
pub(crate) struct Serving {
    pub(crate) base: String,
    _child: Child,
}

pub(crate) async fn run(server: &Server, payments: u64, seconds: u64) -> anyhow::Result<Value> {
    let database = server.fresh().await?;
    fill(&database, payments).await?;
    let serving = serve(&database, &[]).await?;
    let url = format!("{}/metrics/revenue/summary?startDate={DAY}&endDate={DAY}", serving.base);
    let (mut answers, mut slowest_us, mut statements) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (per_s, p99_us) = wrk(&url, seconds).await?;
        answers.push(per_s);
        slowest_us.push(p99_us);
        statements.push(pgbench(&database, &summary(), seconds).await?);
    }
    drop(serving);
    server.discard(database).await?;
    let (answers, statements) = (median(answers), median(statements));
    Ok(json!({
        "requestsPerSec": answers,
        "p99Us": median(slowest_us),
        "statementsPerSec": statements,
        "ratioToSql": ratio(answers, statements),
        "payments": payments,
        "clients": CLIENTS,
    }))
}

/// Payments spread evenly over two years.
async fn fill(database: &Fresh, payments: u64) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
                               revision, observed_at, raw_id, created_at, updated_at)
         SELECT 'stripe', 'payments', 'ch_' || n, 'charge', 'COLLECTED', 'succeeded', 100 + n % 10000, 'USD',
                timestamptz '2025-01-01' + n * (interval '730 days' / $1), 1, timestamptz '2027-01-01', 0, now(), now()
         FROM generate_series(1, $1::bigint) n",
    )
    .bind(i64::try_from(payments)?)
    .execute(&database.pool)
    .await?;
    database.store.settle_revenue().await?;
    sqlx::query("VACUUM ANALYZE").execute(&database.pool).await?;
    database.checkpoint().await
}

pub(crate) async fn serve(database: &Fresh, variables: &[(&str, &str)]) -> anyhow::Result<Serving> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new(buffalo()?)
        .arg("serve")
        .env("DATABASE_URL", &database.url)
        .env("DATABASE_POOL_MAX", CONNECTIONS.to_string())
        .envs([("HOST", "127.0.0.1"), ("HTTP_RATE_LIMIT_PER_MIN", "0"), ("LOG_LEVEL", "warn")])
        .envs([("API_KEY", KEY), ("ADMIN_API_KEY", "fedcba9876543210")])
        .env("PORT", port.to_string())
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let base = format!("http://127.0.0.1:{port}");
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(Serving { base, _child: child });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("serve does not listen")
}

/// Answers in a second, and the time within which 99 of 100 came, in microseconds.
async fn wrk(url: &str, seconds: u64) -> anyhow::Result<(u64, u64)> {
    let output = Command::new("wrk")
        .args(["--threads", "1", "--latency", "--connections", &CLIENTS.to_string()])
        .args(["--duration", &format!("{seconds}s"), "--header", &format!("X-Api-Key: {KEY}"), url])
        .output()
        .await
        .context("wrk can't be started; install it")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    anyhow::ensure!(!text.contains("Non-2xx"), "not all were answered well: {text}");
    let after = |label: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
        line.map(str::trim).with_context(|| format!("wrk does not say {label}: {text}"))
    };
    let per_s = after("Requests/sec:")?.split('.').next().unwrap_or_default().parse()?;
    Ok((per_s, micros(after("99%")?)?))
}

/// A time as wrk writes it: `950.00us`, `12.34ms`, `1.20s`.
fn micros(text: &str) -> anyhow::Result<u64> {
    let (number, factor) = if let Some(number) = text.strip_suffix("us") {
        (number, 1)
    } else if let Some(number) = text.strip_suffix("ms") {
        (number, 1_000)
    } else {
        (text.strip_suffix('s').context("wrk writes times with a unit")?, 1_000_000)
    };
    let (whole, hundredths) = number.split_once('.').unwrap_or((number, "0"));
    Ok((whole.parse::<u64>()? * 100 + hundredths.parse::<u64>()?) * factor / 100)
}

/// The statement of the summary with its parameters.
fn summary() -> String {
    let parameters = [
        ("$1", ":starts"),
        ("$2", ":ends"),
        ("$3", ":pieces"),
        ("$4", ":basis"),
        ("$5", ":currency"),
        ("$6", "NULL"),
        ("$7", "false"),
        ("$8", "250"),
    ];
    let statement = include_str!("../../store/queries/revenue/buckets.sql").to_owned();
    parameters.iter().fold(statement, |sql, (name, value)| sql.replace(name, value))
}

/// How often in a second pgbench gets a statement answered.
pub(crate) async fn pgbench(database: &Fresh, statement: &str, seconds: u64) -> anyhow::Result<u64> {
    let file = tempfile::NamedTempFile::new()?;
    // A backslash or a colon would mean something to pgbench.
    std::fs::write(file.path(), statement.replace("::", " :: ") + ";\n")?;
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol", "prepared", "--jobs", "1", "--client", &CONNECTIONS.to_string()])
        .args([format!("--define=starts={{{DAY}T00:00:00Z}}"), format!("--define=ends={{{DAY}T24:00:00Z}}")])
        .args(["--define=pieces={0}", "--define=basis=event", "--define=currency=USD"])
        .args(["--time", &seconds.to_string(), "--file"])
        .arg(file.path())
        .arg(&database.url)
        .output()
        .await
        .context("pgbench can't be started")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps = tps.with_context(|| {
        format!("pgbench does not say how many: {text} {}", String::from_utf8_lossy(&output.stderr))
    })?;
    Ok(tps.split('.').next().unwrap_or_default().parse()?)
}
