//! Webhooks: signed events of Stripe that `serve` takes, each durable before its answer, against pgbench with a statement for
//! each event.

use std::time::{Duration, Instant};

use anyhow::Context;
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::database::Server;
use crate::http::{CLIENTS, pgbench, serve};
use crate::{median, rate, ratio};

/// Rounds of each side; they take turns, and the median counts.
const ROUNDS: usize = 3;

const SECRET: &str = "whsec_0123456789abcdef";

pub(crate) async fn run(server: &Server, seconds: u64) -> anyhow::Result<Value> {
    let (mut taken, mut slowest_us, mut statements) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let database = server.fresh().await?;
        let variables = [("STRIPE_API_KEY", "sk_test_bench"), ("STRIPE_WEBHOOK_SECRET", SECRET)];
        let serving = serve(&database, &variables).await?;
        let (per_s, p99_us) = post(&serving.base, round, seconds).await?;
        drop(serving);
        let stored: i64 =
            sqlx::query_scalar("SELECT count(*) FROM ingest_outbox").fetch_one(&database.pool).await?;
        anyhow::ensure!(stored > 0, "nothing was stored");
        taken.push(per_s);
        slowest_us.push(p99_us);
        statements.push(pgbench(&database, &statement(), seconds).await?);
        server.discard(database).await?;
    }
    let (taken, statements) = (median(taken), median(statements));
    Ok(json!({
        "eventsPerSec": taken,
        "p99Us": median(slowest_us),
        "statementsPerSec": statements,
        "ratioToSql": ratio(taken, statements),
        "clients": CLIENTS,
    }))
}

/// Posts new charges over as many connections as there are clients. Returns events in a second, and the time within which
/// 99 of 100 were answered, in microseconds.
async fn post(base: &str, round: usize, seconds: u64) -> anyhow::Result<(u64, u64)> {
    let address = base.strip_prefix("http://").context("an address of HTTP")?.to_owned();
    let until = Instant::now() + Duration::from_secs(seconds);
    let began = Instant::now();
    let mut posting = JoinSet::new();
    for client in 0..CLIENTS {
        let address = address.clone();
        posting.spawn(async move {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            let mut stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let mut took = Vec::new();
            while Instant::now() < until {
                let request = request(&key, &format!("{round}_{client}_{}", took.len()));
                let sent = Instant::now();
                stream.write_all(request.as_bytes()).await?;
                answered(&mut stream).await?;
                took.push(u64::try_from(sent.elapsed().as_micros())?);
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(client) = posting.join_next().await {
        took.extend(client??);
    }
    let per_s = rate(took.len() as u64, began.elapsed());
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    Ok((per_s, p99))
}

/// An event of a charge that nobody has heard of, signed as Stripe signs.
fn request(key: &hmac::Key, name: &str) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let charge = json!({"id": format!("ch_{name}"), "object": "charge", "amount": 1000, "amount_captured": 1000,
        "amount_refunded": 0, "captured": true, "currency": "usd", "status": "succeeded", "paid": true, "created": now,
        "description": "x".repeat(1_500)});
    let event = json!({"id": format!("evt_{name}"), "object": "event", "type": "charge.succeeded", "created": now,
        "api_version": "2026-10-28.endive", "livemode": false, "data": {"object": charge}});
    let body = event.to_string();
    let signature = hmac::sign(key, format!("{now}.{body}").as_bytes());
    let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: t={now},v1={hex}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads one answer, which must be 200.
async fn answered(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut answer = Vec::with_capacity(1_024);
    loop {
        anyhow::ensure!(stream.read_buf(&mut answer).await? > 0, "the server hung up");
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "not taken: {text}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.context("an answer has a length")?.parse::<usize>()? {
            return Ok(());
        }
    }
}

/// The statement that takes an event, with a new event and a new charge each time.
fn statement() -> String {
    let payload = format!("'{{\"x\":\"{}\"}}'", "x".repeat(1_500));
    let name = "('ch_' || :number)";
    let parameters = [
        ("$12", "'live'".to_owned()),
        ("$11", payload),
        ("$10", "NULL".to_owned()),
        ("$9", "'2026-10-28.endive'".to_owned()),
        ("$8", "'00000000-0000-0000-0000-000000000000'".to_owned()),
        ("$7", format!("sha256({name}::bytea)")),
        ("$6", "now()".to_owned()),
        ("$5", name.to_owned()),
        ("$4", "'payments'".to_owned()),
        ("$3", "now()".to_owned()),
        ("$2", name.to_owned()),
        ("$1", "'stripe'".to_owned()),
    ];
    let statement = include_str!("take_event.sql");
    let statement =
        parameters.iter().fold(statement.to_owned(), |sql, (name, value)| sql.replace(name, value));
    format!("\\set number random(1, 9000000000000000)\n{statement}")
}
