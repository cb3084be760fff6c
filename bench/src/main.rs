//! Benchmarks that print ratios measured in one run: `ingest`, `drain`, `claims`, `enqueue`, `soak`, `http`,
//! `webhooks`, `revenue`.

mod claims;
mod database;
mod drain;
mod enqueue;
mod history;
mod http;
mod ingest;
mod program;
mod records;
mod revenue;
mod soak;
mod webhooks;

use std::io::Write;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
    /// How to write the result
    #[arg(long, value_enum, default_value_t, global = true)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum, Default, PartialEq, Eq)]
enum Format {
    /// One line for each figure, then the JSON
    #[default]
    Text,
    /// Only the line of JSON
    Json,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Records of a sandbox to processed rows, with the real binary
    Ingest {
        /// Whose records
        #[arg(long, value_enum, default_value_t)]
        source: program::Vendor,
        /// How many records: charges, deals or events
        #[arg(long, alias = "charges", default_value_t = 100_000)]
        records: u64,
        /// How long the sandbox holds back every answer, in milliseconds
        #[arg(long, default_value_t = 0)]
        latency_ms: u64,
        /// Measure only the throughput, against the same rows by plain SQL
        #[arg(long, conflicts_with = "peers")]
        quick: bool,
        /// Measure the peers too, against the same sandbox and server
        #[arg(long)]
        peers: bool,
        /// Where the peers are installed
        #[arg(long)]
        scratch: Option<PathBuf>,
    },
    /// `process` against the same work in plain SQL
    Drain {
        /// How many rows
        #[arg(long, default_value_t = 60_000)]
        rows: u64,
        /// Measure also with this many older rows
        #[arg(long)]
        history: Option<u64>,
    },
    /// Claims beside a history of finished records
    Claims {
        /// How many rows wait
        #[arg(long, default_value_t = 60_000)]
        rows: u64,
        /// How many records are finished
        #[arg(long, default_value_t = 50_000_000)]
        finished: u64,
    },
    /// The producer's write path against plain inserts
    Enqueue {
        /// How many rows
        #[arg(long, default_value_t = 60_000)]
        rows: u64,
        /// Measure also with this many older rows
        #[arg(long)]
        history: Option<u64>,
    },
    /// What `serve` answers, against the same statement asked by pgbench
    Http {
        /// Payments over two years; one day of them is asked for
        #[arg(long, default_value_t = 100_000)]
        payments: u64,
        /// How long each of the rounds takes
        #[arg(long, default_value_t = 8)]
        seconds: u64,
    },
    /// Signed events that `serve` takes, against the same statement asked by pgbench
    Webhooks {
        /// How long each of the rounds takes
        #[arg(long, default_value_t = 8)]
        seconds: u64,
    },
    /// A year by day from buckets, against the same question asked of the rows
    Revenue {
        /// Payments over two years; the first size is also written to
        #[arg(long, value_delimiter = ',', default_values_t = [5_000_000, 1_000_000])]
        payments: Vec<u64>,
    },
    /// The outbox at a thousand rows a second beside long readers
    Soak {
        /// How long, in minutes
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let database = database::Server::start().await?;
    let figures = match cli.bench {
        Bench::Ingest { source, records, latency_ms, quick, peers, scratch } => {
            let scratch = scratch.unwrap_or_else(|| std::env::temp_dir().join("buffalo-peers"));
            let extent = match (quick, peers) {
                (true, _) => ingest::Extent::Quick,
                (false, true) => ingest::Extent::WithPeers(&scratch),
                (false, false) => ingest::Extent::Whole,
            };
            ingest::run(&database, source, records, latency_ms, extent).await
        }
        Bench::Drain { rows, history } => drain::run(&database, rows, history).await,
        Bench::Claims { rows, finished } => claims::run(&database, rows, finished).await,
        Bench::Enqueue { rows, history } => enqueue::run(&database, rows, history).await,
        Bench::Http { payments, seconds } => http::run(&database, payments, seconds).await,
        Bench::Webhooks { seconds } => webhooks::run(&database, seconds).await,
        Bench::Revenue { payments } => revenue::run(&database, &payments).await,
        Bench::Soak { minutes } => soak::run(&database, minutes).await,
    };
    database.stop().await?;
    let figures = figures?;
    let mut out = std::io::stdout().lock();
    if cli.format == Format::Text {
        for (name, value) in figures.as_object().into_iter().flatten() {
            writeln!(out, "{name}: {value}")?;
        }
    }
    writeln!(out, "{figures}")?;
    Ok(())
}

/// Rows a second, rounded.
#[expect(clippy::float_arithmetic, reason = "a rate of a benchmark")]
fn rate(rows: u64, took: std::time::Duration) -> u64 {
    // Benchmarks run for seconds: the products stay far below the bounds of 64 bits.
    (rows as f64 / took.as_secs_f64()) as u64
}

/// A ratio with two decimals.
#[expect(clippy::float_arithmetic, reason = "a ratio of a benchmark")]
fn ratio(ours: u64, theirs: u64) -> f64 {
    (ours as f64 / theirs.max(1) as f64 * 100.0).round() / 100.0
}

/// The middle one of an odd number of measurements.
fn median(mut rates: Vec<u64>) -> u64 {
    rates.sort_unstable();
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
