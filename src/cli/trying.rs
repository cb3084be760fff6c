//! The flags of `demo` and `sandbox`, for which nothing need be set up.

use std::path::PathBuf;

use clap::Args;

use super::Formatted;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where the private PostgreSQL keeps its data between runs [default: buffalo in the user's data folder]
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Charges in the sandbox account, the first time [default: 10000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=50_000_000))]
    pub(crate) charges: Option<u64>,
    /// End after the revenue table instead of serving HTTP
    #[arg(long)]
    pub(crate) once: bool,
    /// The HTTP port; a free one if that is taken
    #[arg(long, default_value_t = 3000)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 12111)]
    pub(crate) port: u16,
    /// Charges in the generated history; refunds and disputes follow from them
    #[arg(long, default_value_t = 1_000)]
    pub(crate) charges: u64,
    /// Deals in HubSpot's history
    #[arg(long, default_value_t = 0)]
    pub(crate) deals: u64,
    /// Contacts in HubSpot's history
    #[arg(long, default_value_t = 0)]
    pub(crate) contacts: u64,
    /// Events in Google's calendars
    #[arg(long, default_value_t = 0)]
    pub(crate) events: u64,
    /// Calendars over which events are spread: primary, team-1@example.com, …
    #[arg(long, default_value_t = 1)]
    pub(crate) calendars: u32,
    /// Selects the history
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// When the newest generated charge was created, in Unix seconds [default: now]
    #[arg(long)]
    pub(crate) until: Option<i64>,
    /// Over how many days the history is spread
    #[arg(long, default_value_t = 365)]
    pub(crate) span_days: u32,
    /// The secret key that is accepted
    #[arg(long, default_value = "sk_test_sandbox")]
    pub(crate) api_key: String,
    /// Requests allowed a second; no limit if left out
    #[arg(long)]
    pub(crate) rate_limit: Option<u32>,
    /// How long every answer is held back, in milliseconds
    #[arg(long, default_value_t = 0)]
    pub(crate) latency_ms: u64,
}
