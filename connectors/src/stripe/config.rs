//! Stripe's settings.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::objects::read_error;
use super::resource::Resource;
use crate::http::{Auth, BreakerPolicy, HttpSettings, RetryPolicy};
use crate::settings::Settings;

/// The API version whose shapes this connector knows; sent with every request.
const API_VERSION: &str = "2026-10-28.endive";

/// What Stripe allows on one endpoint, in test mode in all (<https://docs.stripe.com/rate-limits>).
const RATE_LIMIT_PER_SEC: u64 = 25;

/// A page of a hundred charges is about 0.3 MB; this leaves room for a few records of absurd size.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// How changes of old objects are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Incremental {
    /// By `/v1/events`.
    Events,
    /// By listing the last days again.
    Lookback {
        /// How many.
        days: u32,
    },
}

/// The settings of a Stripe account.
#[derive(Debug, Clone)]
pub(super) struct StripeConfig {
    pub(super) api_version: String,
    /// Whether the key is one for live data; none where it does not say.
    pub(super) livemode: Option<bool>,
    pub(super) incremental: Incremental,
    /// In the order of [`Resource::ALL`], each once.
    pub(super) resources: Vec<Resource>,
    /// How many pages of lists are asked for at once.
    pub(super) pages_at_once: usize,
}

impl StripeConfig {
    /// Reads the settings; none when Stripe is not enabled or can't be used for lack of a key.
    pub(super) fn from_settings(settings: &mut Settings) -> Option<(Self, HttpSettings)> {
        let enabled = settings.has("STRIPE_API_KEY");
        if !settings.switch("STRIPE_ENABLED", enabled) {
            return None;
        }
        let key = settings
            .required_secret("STRIPE_API_KEY", "a secret (sk_…) or restricted (rk_…) key of the account");
        if let Some(key) = &key
            && !["sk_", "rk_"].iter().any(|prefix| key.expose_secret().starts_with(prefix))
        {
            settings.complain("STRIPE_API_KEY", "is not a secret key: those begin with sk_ or rk_");
        }
        let config = Self {
            livemode: key.as_ref().and_then(|key| livemode(key.expose_secret())),
            api_version: settings.text("STRIPE_API_VERSION").unwrap_or_else(|| API_VERSION.to_owned()),
            incremental: incremental(settings),
            resources: resources(settings),
            pages_at_once: settings.pages_at_once(),
        };
        if reqwest::header::HeaderValue::from_str(&config.api_version).is_err() {
            settings.complain("STRIPE_API_VERSION", "must be a version such as 2026-10-28.endive");
        }
        let overall = settings.number("RATE_LIMIT_PER_SEC", RATE_LIMIT_PER_SEC, 0..=1_000_000);
        let rate_limit = settings.number("STRIPE_RATE_LIMIT_PER_SEC", overall, 0..=1_000_000);
        let http = HttpSettings {
            base_url: settings.base_url("STRIPE_API_BASE", "https://api.stripe.com"),
            auth: Auth::Fixed(key?),
            rate_limit_per_sec: u32::try_from(rate_limit).ok().and_then(NonZeroU32::new),
            retry: RetryPolicy::from_settings(settings),
            breaker: BreakerPolicy::from_settings(settings),
            timeout: Duration::from_millis(settings.number("HTTP_TIMEOUT_MS", 60_000, 10..=600_000)),
            max_body_bytes: MAX_BODY_BYTES,
            read_error,
            vendor_says_retry: |headers| match headers.get("stripe-should-retry")?.as_bytes() {
                b"true" => Some(true),
                b"false" => Some(false),
                _ => None,
            },
        };
        Some((config, http))
    }
}

/// `sk_live_…` and `rk_live_…` are for live data, `sk_test_…` and `rk_test_…` for test data.
fn livemode(key: &str) -> Option<bool> {
    match key.get(3..8)? {
        "live_" => Some(true),
        "test_" => Some(false),
        _ => None,
    }
}

fn incremental(settings: &mut Settings) -> Incremental {
    let days = u32::try_from(settings.number("STRIPE_LOOKBACK_DAYS", 30, 1..=3_650)).unwrap_or(30);
    match settings.text("STRIPE_INCREMENTAL").as_deref() {
        None | Some("events") => Incremental::Events,
        Some("lookback") => Incremental::Lookback { days },
        Some(_) => {
            settings.complain("STRIPE_INCREMENTAL", "must be events or lookback");
            Incremental::Events
        }
    }
}

fn resources(settings: &mut Settings) -> Vec<Resource> {
    let Some(text) = settings.text("STRIPE_RESOURCES") else { return Resource::ALL.to_vec() };
    match text.split(',').map(|name| name.trim().parse()).collect::<Result<Vec<Resource>, _>>() {
        Ok(mut resources) => {
            resources.sort_unstable();
            resources.dedup();
            resources
        }
        Err(error) => {
            settings.complain("STRIPE_RESOURCES", format!("can't be read: {error}"));
            Resource::ALL.to_vec()
        }
    }
}
