//! HubSpot's settings.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::objects::read_error;
use crate::http::{Auth, BreakerPolicy, HttpSettings, RetryPolicy};
use crate::settings::Settings;

/// A little below what free plans allow, 100 requests in any ten seconds; searches have a limit of their own
/// (<https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines>).
const RATE_LIMIT_PER_SEC: u64 = 9;
const SEARCH_RATE_LIMIT_PER_SEC: u64 = 5;

/// A page of two hundred deals is about 0.4 MB; this leaves room for a few descriptions of absurd size.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The generation of paths that is asked. Both answer the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApiVersion {
    /// By date: the current one.
    Y2026M09,
    /// Answered until September 2027.
    V3,
}

impl ApiVersion {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Y2026M09 => "2026-09",
            Self::V3 => "v3",
        }
    }
}

impl FromStr for ApiVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Y2026M09, Self::V3]
            .into_iter()
            .find(|version| version.as_str() == text)
            .ok_or("it must be 2026-09 or v3")
    }
}

/// The settings of a HubSpot account.
#[derive(Debug, Clone)]
pub(super) struct HubSpotConfig {
    pub(super) api_version: ApiVersion,
    /// None for no limit.
    pub(super) search_rate_limit_per_sec: Option<NonZeroU32>,
    /// How many pages a backfill asks for at once.
    pub(super) pages_at_once: usize,
}

impl HubSpotConfig {
    /// Reads the settings; none when HubSpot is not enabled or can't be used for lack of a token.
    pub(super) fn from_settings(settings: &mut Settings) -> Option<(Self, HttpSettings)> {
        let enabled = settings.has("HUBSPOT_ACCESS_TOKEN");
        if !settings.switch("HUBSPOT_ENABLED", enabled) {
            return None;
        }
        let token = settings.required_secret(
            "HUBSPOT_ACCESS_TOKEN",
            "the token of a private app or a service key (pat-na1-…, pat-eu1-…)",
        );
        let search =
            settings.number("HUBSPOT_SEARCH_RATE_LIMIT_PER_SEC", SEARCH_RATE_LIMIT_PER_SEC, 0..=1_000_000);
        let config = Self {
            api_version: settings.parsed("HUBSPOT_API_VERSION", ApiVersion::Y2026M09),
            search_rate_limit_per_sec: limit(search),
            pages_at_once: settings.pages_at_once(),
        };
        let overall = settings.number("RATE_LIMIT_PER_SEC", RATE_LIMIT_PER_SEC, 0..=1_000_000);
        let rate_limit = settings.number("HUBSPOT_RATE_LIMIT_PER_SEC", overall, 0..=1_000_000);
        let http = HttpSettings {
            base_url: settings.base_url("HUBSPOT_API_BASE", "https://api.hubapi.com"),
            auth: Auth::Fixed(token?),
            rate_limit_per_sec: limit(rate_limit),
            retry: RetryPolicy::from_settings(settings),
            breaker: BreakerPolicy::from_settings(settings),
            timeout: Duration::from_millis(settings.number("HTTP_TIMEOUT_MS", 60_000, 10..=600_000)),
            max_body_bytes: MAX_BODY_BYTES,
            read_error,
            vendor_says_retry: |_| None,
        };
        Some((config, http))
    }
}

fn limit(per_sec: u64) -> Option<NonZeroU32> {
    u32::try_from(per_sec).ok().and_then(NonZeroU32::new)
}
