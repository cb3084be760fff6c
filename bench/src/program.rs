//! The real binary, and the sandbox as a process of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The binary beside this one.
pub(crate) fn buffalo() -> anyhow::Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("buffalo");
    anyhow::ensure!(beside.exists(), "{} is not there: run the script in bench/", beside.display());
    Ok(beside)
}

/// Whose records are measured.
#[derive(Debug, Clone, Copy, clap::ValueEnum, Default, PartialEq, Eq)]
pub(crate) enum Vendor {
    /// Charges
    #[default]
    Stripe,
    /// Deals
    Hubspot,
    /// Events of four calendars
    Gcal,
}

impl Vendor {
    /// The table that its records become rows of.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Stripe | Self::Hubspot => "payments",
            Self::Gcal => "events",
        }
    }

    /// The most records on a page.
    pub(crate) fn page_size(self) -> u32 {
        match self {
            Self::Stripe => 100,
            Self::Hubspot => 200,
            Self::Gcal => 1_000,
        }
    }

    /// The requests a second that Buffalo keeps to where nothing else is configured.
    pub(crate) fn usual_limit(self) -> u32 {
        match self {
            Self::Stripe => 25,
            // Of searches, which a backfill consists of.
            Self::Hubspot => 5,
            Self::Gcal => 10,
        }
    }

    /// The limit that is tried with latency. Twenty-five pages of a thousand events are more than a database stores in a
    /// second, so that the calendar's would measure something else.
    pub(crate) fn limit_with_latency(self) -> u32 {
        match self {
            Self::Stripe | Self::Hubspot => 25,
            Self::Gcal => 10,
        }
    }

    fn variables(self, base: &str, rate_limit: u32) -> Vec<(&'static str, String)> {
        let base = base.to_owned();
        let mut variables = match self {
            Self::Stripe => vec![
                ("STRIPE_API_BASE", base),
                ("STRIPE_API_KEY", "sk_test_sandbox".to_owned()),
                ("STRIPE_RESOURCES", "charges".to_owned()),
            ],
            Self::Hubspot => {
                vec![("HUBSPOT_API_BASE", base), ("HUBSPOT_ACCESS_TOKEN", "pat-na1-sandbox".to_owned())]
            }
            Self::Gcal => vec![
                ("GCAL_API_BASE", format!("{base}/calendar/v3")),
                ("GOOGLE_ACCESS_TOKEN", "ya29.sandbox".to_owned()),
                (
                    "GOOGLE_CALENDAR_ID",
                    (1..4).fold("primary".to_owned(), |list, n| format!("{list},team-{n}@example.com")),
                ),
            ],
        };
        variables.push(("RATE_LIMIT_PER_SEC", rate_limit.to_string()));
        variables.push(("HUBSPOT_SEARCH_RATE_LIMIT_PER_SEC", rate_limit.to_string()));
        variables
    }
}

/// A sandbox that ends when it is dropped.
pub(crate) struct SandboxProcess {
    pub(crate) base: String,
    _child: Child,
}

pub(crate) async fn sandbox(vendor: Vendor, records: u64, latency_ms: u64) -> anyhow::Result<SandboxProcess> {
    let mut counts = [("--charges", 0), ("--deals", 0), ("--events", 0)];
    counts[vendor as usize].1 = records;
    let mut child = Command::new(buffalo()?)
        .args(["sandbox", "--port", "0", "--calendars", "4"])
        .args(counts.iter().flat_map(|(flag, count)| [(*flag).to_owned(), count.to_string()]))
        .args(["--latency-ms", &latency_ms.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().context("the sandbox has an output")?;
    let line = BufReader::new(stdout).lines().next_line().await?.context("the sandbox says where it is")?;
    let base = line.strip_prefix("STRIPE_API_BASE=").context("the sandbox says where it is")?.to_owned();
    Ok(SandboxProcess { base, _child: child })
}

/// What a command took.
pub(crate) struct Took {
    pub(crate) time: Duration,
    pub(crate) peak_rss_kb: u64,
}

/// Runs a command of the real binary against a sandbox and a database.
pub(crate) async fn run(vendor: Vendor, arguments: &[&str], base: &str, url: &str) -> anyhow::Result<Took> {
    run_limited(vendor, arguments, base, url, 0).await
}

/// The same with a limit of requests a second; 0 for none.
pub(crate) async fn run_limited(
    vendor: Vendor,
    arguments: &[&str],
    base: &str,
    url: &str,
    rate_limit: u32,
) -> anyhow::Result<Took> {
    let began = Instant::now();
    let mut child = Command::new(buffalo()?)
        .args(arguments)
        // Not where a .env file could change what is measured.
        .current_dir(std::env::temp_dir())
        .env_clear()
        .env("DATABASE_URL", url)
        .envs(vendor.variables(base, rate_limit))
        .stdout(Stdio::null())
        .spawn()?;
    let status_file = format!("/proc/{}/status", child.id().unwrap_or_default());
    let mut poll = tokio::time::interval(Duration::from_millis(10));
    let mut peak_rss_kb = 0;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // The high-water mark only rises, so the last reading is the peak but for its last milliseconds.
            _ = poll.tick() => peak_rss_kb = high_water_kb(&status_file).unwrap_or(peak_rss_kb),
        }
    };
    anyhow::ensure!(status.success(), "buffalo {} ended with {status}", arguments.join(" "));
    Ok(Took { time: began.elapsed(), peak_rss_kb })
}

fn high_water_kb(file: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
