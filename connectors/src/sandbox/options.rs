//! What a sandbox is started with.

use std::net::{Ipv4Addr, SocketAddr};

use super::clock;

/// The account, its generated history and how the server behaves at start.
///
/// The same `seed`, `charges`, `until_unix` and `span_days` always give the same objects, byte for byte.
/// The generated history has no events, as if it were older than Stripe keeps them; only later changes do.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Selects the generated history.
    pub seed: u64,
    /// How many charges the history has. They cost no memory; refunds and disputes follow from them.
    pub charges: u64,
    /// When the newest generated charge was created, in Unix seconds.
    pub until_unix: i64,
    /// Over how many days before `until_unix` the charges are spread.
    pub span_days: u32,
    /// The secret key that may read everything.
    pub api_key: String,
    /// The API version of the account: the one events are rendered in.
    pub api_version: String,
    /// Requests allowed per second; `None` means no limit.
    pub rate_limit_per_sec: Option<u32>,
    /// How long every answer is held back, in milliseconds.
    pub latency_ms: u64,
    /// How many deals HubSpot's history has. They cost no memory; `until_unix` is when the newest was modified.
    pub deals: u64,
    /// How many contacts HubSpot's history has.
    pub contacts: u64,
    /// The token that HubSpot accepts.
    pub hubspot_token: String,
    /// How many events Google's calendars have. They cost no memory; `until_unix` is when the last of them begins.
    pub events: u64,
    /// Over how many calendars they are spread: `primary`, `team-1@example.com` and so on.
    pub calendars: u32,
    /// The access token that Google accepts, beside those that its token endpoint issues.
    pub google_token: String,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            charges: 1_000,
            until_unix: clock::system_unix_s(),
            span_days: 365,
            api_key: "sk_test_sandbox".to_owned(),
            api_version: "2026-10-28.endive".to_owned(),
            rate_limit_per_sec: None,
            latency_ms: 0,
            deals: 0,
            contacts: 0,
            hubspot_token: "pat-na1-sandbox".to_owned(),
            events: 0,
            calendars: 1,
            google_token: "ya29.sandbox".to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }
}
