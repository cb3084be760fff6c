//! What `serve` and `run` are told by the environment.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;
use buffalo_connectors::Settings;

use super::Needs;
use crate::keys::Keys;

/// Where the program runs (`APP_ENV`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AppEnv {
    /// Where nothing may stand open that could be closed.
    Production,
    /// Anywhere else: development, a test, staging.
    #[default]
    Other,
}

impl From<String> for AppEnv {
    fn from(name: String) -> Self {
        if name.eq_ignore_ascii_case("production") { Self::Production } else { Self::Other }
    }
}

/// How many proxies stand in front, each of which appends the address of its own caller to `X-Forwarded-For`
/// (`TRUST_PROXY`). Trusting more than there are would let callers choose their address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TrustedProxies(pub(crate) u8);

impl FromStr for TrustedProxies {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "false" => Ok(Self(0)),
            "true" => Ok(Self(1)),
            number => {
                number.parse().map(Self).map_err(|_| "must be true, false, or how many proxies there are")
            }
        }
    }
}

/// The settings of the HTTP face.
#[derive(Debug)]
pub(crate) struct HttpConfig {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    /// Keys that read. None only where the command does not serve.
    pub(crate) keys: Option<Keys>,
    /// Keys that do everything.
    pub(crate) admin_keys: Option<Keys>,
    /// Keys of scrapes.
    pub(crate) metrics_keys: Option<Keys>,
    pub(crate) app_env: AppEnv,
    /// Origins whose pages may ask from a browser; none by default.
    pub(crate) cors_origins: Vec<HeaderValue>,
    pub(crate) trusted_proxies: TrustedProxies,
    /// Reads of one client in a minute; 0 for no limit.
    pub(crate) rate_limit_per_min: u32,
    /// The longest that an answer may take.
    pub(crate) request_timeout: Duration,
    /// For how long requests and runs may go on after the signal to stop.
    pub(crate) shutdown_grace: Duration,
    /// Runs that were triggered and are at work at once; others wait.
    pub(crate) trigger_concurrency: usize,
}

impl HttpConfig {
    pub(super) fn from_settings(settings: &mut Settings, needs: Needs) -> Self {
        Self {
            host: settings.parsed("HOST", IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            port: u16::try_from(settings.number("PORT", 3_000, 0..=65_535)).unwrap_or(3_000),
            keys: keys(settings, "API_KEY", needs),
            admin_keys: keys(settings, "ADMIN_API_KEY", needs),
            // Scrapes may be answered without one.
            metrics_keys: keys(settings, "METRICS_API_KEY", Needs::Nothing),
            app_env: settings.text("APP_ENV").map(AppEnv::from).unwrap_or_default(),
            cors_origins: origins(settings),
            trusted_proxies: settings.parsed("TRUST_PROXY", TrustedProxies::default()),
            rate_limit_per_min: super::small(settings.number("HTTP_RATE_LIMIT_PER_MIN", 120, 0..=1_000_000)),
            request_timeout: Duration::from_secs(settings.number("REQUEST_TIMEOUT_S", 30, 1..=3_600)),
            shutdown_grace: Duration::from_secs(settings.number("SHUTDOWN_GRACE_S", 30, 0..=3_600)),
            trigger_concurrency: usize::from(
                u8::try_from(settings.number("TRIGGER_CONCURRENCY", 4, 1..=64)).unwrap_or(4),
            ),
        }
    }
}

fn keys(settings: &mut Settings, name: &'static str, needs: Needs) -> Option<Keys> {
    let text = if matches!(needs, Needs::Keys | Needs::Everything) {
        settings.required_secret(name, "a random text of at least 16 characters that callers must send")
    } else {
        settings.secret(name)
    };
    Keys::parse(&text?).map_err(|what| settings.complain(name, what)).ok()
}

fn origins(settings: &mut Settings) -> Vec<HeaderValue> {
    let text = settings.text("CORS_ORIGINS").unwrap_or_default();
    let mut origins = Vec::new();
    for origin in text.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
        let is_origin = origin.split_once("://").is_some_and(|(scheme, host)| {
            matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '*'])
        });
        match HeaderValue::from_str(origin) {
            Ok(origin) if is_origin => origins.push(origin),
            _ => settings.complain(
                "CORS_ORIGINS",
                format!("has `{origin}`, which is no origin such as https://dash.example.com"),
            ),
        }
    }
    origins
}
