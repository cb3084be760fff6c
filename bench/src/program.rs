//! The real binary, and the sandbox as a process of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The binary beside this one.
fn buffalo() -> anyhow::Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("buffalo");
    anyhow::ensure!(beside.exists(), "{} is not there: run the script in bench/", beside.display());
    Ok(beside)
}

/// A sandbox that ends when it is dropped.
pub(crate) struct SandboxProcess {
    pub(crate) base: String,
    _child: Child,
}

pub(crate) async fn sandbox(charges: u64, latency_ms: u64) -> anyhow::Result<SandboxProcess> {
    let mut child = Command::new(buffalo()?)
        .args(["sandbox", "--port", "0", "--charges", &charges.to_string()])
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
pub(crate) async fn run(arguments: &[&str], base: &str, url: &str) -> anyhow::Result<Took> {
    run_limited(arguments, base, url, 0).await
}

/// The same with a limit of requests a second; 0 for none.
pub(crate) async fn run_limited(
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
        .envs([("DATABASE_URL", url), ("STRIPE_API_BASE", base), ("STRIPE_API_KEY", "sk_test_sandbox")])
        .env("STRIPE_RATE_LIMIT_PER_SEC", rate_limit.to_string())
        .env("STRIPE_RESOURCES", "charges")
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
