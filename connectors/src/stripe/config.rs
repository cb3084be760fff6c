//! Stripe's settings.

use std::num::NonZeroU32;
use std::time::Duration;

use buffalo_model::Identity;
use secrecy::ExposeSecret;

use super::objects::read_error;
use super::resource::Resource;
use crate::http::{Auth, BreakerPolicy, HttpSettings, RetryPolicy};
use crate::settings::Settings;

/// The API version whose shapes this connector knows; sent with every request.
const API_VERSION: &str = "2026-10-28.endive";

/// What Stripe allows on one endpoint, in test mode in all (<https://docs.stripe.com/rate-limits>).
const RATE_LIMIT_PER_SEC: u64 = 25;

/// What Stripe says whose data it is by: the facts of an identity.
pub(super) const MODE: &str = "mode";
const ACCOUNT: &str = "account";

/// What keys of organisations begin with.
const ORGANISATION: &str = "sk_org_";
/// Characters of an account's id after `acct_`, in keys that have it.
const ACCOUNT_ID_LEN: usize = 16;
/// The least length of what follows the mode in a key that has the account's id: such keys have 99 characters there, and
/// the short ones 24.
const LONG_KEY: usize = 90;

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
    /// The account of which requests are made, where it is not the key's own (`STRIPE_CONTEXT`).
    pub(super) context: Option<String>,
    /// The account, as far as key or context say.
    pub(super) account: Option<String>,
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
        let context = context(settings, key.as_ref().map(ExposeSecret::expose_secret));
        let of_key = || key.as_ref().and_then(|key| account(key.expose_secret()));
        let config = Self {
            account: context.as_deref().map_or_else(of_key, |path| Some(last_of(path).to_owned())),
            context,
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

    /// Whose data it is, as far as key and context say.
    pub(super) fn identity(&self) -> Identity {
        let mut identity = Identity::unknown();
        if let Some(livemode) = self.livemode {
            identity = identity.with(MODE, mode(livemode));
        }
        if let Some(account) = &self.account {
            identity = identity.with(ACCOUNT, account);
        }
        identity
    }
}

/// Test or live, as identities have it.
pub(super) fn mode(livemode: bool) -> &'static str {
    if livemode { "live" } else { "test" }
}

/// `sk_live_…` and `rk_live_…` are for live data, `sk_test_…` and `rk_test_…` for test data; keys of organisations have
/// `sk_org_` in front of that.
fn livemode(key: &str) -> Option<bool> {
    let after = key.strip_prefix(ORGANISATION).or_else(|| key.get(3..))?;
    match after.get(..5)? {
        "live_" => Some(true),
        "test_" => Some(false),
        _ => None,
    }
}

/// The account of a key of the long form: after the mode comes a 5, and then the account's id without `acct_`. Stripe does not
/// document it. The short form, which accounts of before 2020 may still use, says nothing.
fn account(key: &str) -> Option<String> {
    let secret = key.get(3..)?.split_once('_')?.1;
    let id = secret.strip_prefix('5')?.get(..ACCOUNT_ID_LEN)?;
    let is_long = secret.len() >= LONG_KEY && !key.starts_with(ORGANISATION);
    (is_long && id.starts_with('1') && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .then(|| format!("acct_{id}"))
}

/// A path of accounts leads from the key's own to the one that is meant.
fn last_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The account of which requests are made. A key of an organisation opens several, and without it none:
/// <https://docs.stripe.com/keys/organization-api-keys>.
fn context(settings: &mut Settings, key: Option<&str>) -> Option<String> {
    let context = settings.text("STRIPE_CONTEXT");
    match &context {
        None if key.is_some_and(|key| key.starts_with(ORGANISATION)) => settings.complain(
            "STRIPE_CONTEXT",
            "is not set: a key of an organisation (sk_org_…) needs the account whose payments are meant, such as acct_…",
        ),
        Some(path) if !is_path_of_accounts(path) => settings.complain(
            "STRIPE_CONTEXT",
            "must be an account such as acct_1A2b3C, or a path of accounts such as acct_1A2b3C/acct_4D5e6F",
        ),
        _ => {}
    }
    context
}

fn is_path_of_accounts(path: &str) -> bool {
    path.split('/').all(|id| {
        let digits = id.strip_prefix("acct_").unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
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

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
