//! Google Calendar's settings.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::auth::{GoogleTokens, Grant, ServiceAccount};
use super::objects::read_error;
use crate::http::{Auth, BreakerPolicy, HttpSettings, IssuedTokens, RetryPolicy};
use crate::settings::Settings;

/// What Google allows a user of a project, 600 requests a minute
/// (<https://developers.google.com/workspace/calendar/api/guides/quota>).
const RATE_LIMIT_PER_SEC: u64 = 10;

/// A page of events is about 1.5 MB; descriptions may be long.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The calendars of an account.
#[derive(Debug, Clone)]
pub(super) struct CalendarConfig {
    /// Ids of calendars, each once.
    pub(super) calendars: Vec<String>,
    /// How many calendars are read at once.
    pub(super) pages_at_once: usize,
}

impl CalendarConfig {
    /// Reads the settings; none when Google Calendar is not enabled or can't be used for lack of credentials.
    pub(super) fn from_settings(settings: &mut Settings) -> Option<(Self, HttpSettings)> {
        let enabled = ["GOOGLE_ACCESS_TOKEN", "GOOGLE_PRIVATE_KEY", "GOOGLE_REFRESH_TOKEN"]
            .iter()
            .any(|name| settings.has(name));
        if !settings.switch("GCAL_ENABLED", enabled) {
            return None;
        }
        let calendars = settings.text("GOOGLE_CALENDAR_ID").unwrap_or_else(|| "primary".to_owned());
        let mut calendars: Vec<String> =
            calendars.split(',').map(|id| decoded(id.trim())).filter(|id| !id.is_empty()).collect();
        calendars.sort_unstable();
        calendars.dedup();
        let auth = auth(settings);
        let overall = settings.number("RATE_LIMIT_PER_SEC", RATE_LIMIT_PER_SEC, 0..=1_000_000);
        let rate_limit = settings.number("GCAL_RATE_LIMIT_PER_SEC", overall, 0..=1_000_000);
        // Pages are large: a quarter of the concurrency keeps memory where it is with other sources.
        let config = Self { calendars, pages_at_once: settings.pages_at_once().div_ceil(4) };
        let http = HttpSettings {
            base_url: settings.base_url("GCAL_API_BASE", "https://www.googleapis.com/calendar/v3"),
            auth: auth?,
            rate_limit_per_sec: u32::try_from(rate_limit).ok().and_then(NonZeroU32::new),
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

/// An id as it is: people copy it from addresses, in which it is percent-encoded. No calendar's own id has such a code.
fn decoded(id: &str) -> String {
    let mut bytes = Vec::with_capacity(id.len());
    let mut rest = id.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *byte == b'%') {
            Some(value) => {
                bytes.push(value);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*byte);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| id.to_owned())
}

/// A token that was given, a refresh token, or a service account, in this order.
fn auth(settings: &mut Settings) -> Option<Auth> {
    if let Some(token) = settings.secret("GOOGLE_ACCESS_TOKEN") {
        return Some(Auth::Fixed(token));
    }
    let token_url = settings.base_url("GOOGLE_TOKEN_URL", "https://oauth2.googleapis.com/token");
    let grant = if let Some(token) = settings.secret("GOOGLE_REFRESH_TOKEN") {
        let client_id = settings.text("GOOGLE_CLIENT_ID");
        if client_id.is_none() {
            settings.complain("GOOGLE_CLIENT_ID", "is not set: the refresh token belongs to a client");
        }
        let client_secret = settings.required_secret("GOOGLE_CLIENT_SECRET", "that of the client");
        Grant::Refresh { token, client_id: client_id?, client_secret: client_secret? }
    } else {
        let email = settings.text("GOOGLE_CLIENT_EMAIL");
        if email.is_none() {
            settings.complain("GOOGLE_CLIENT_EMAIL", "is not set: the address of the service account");
        }
        let key = settings.required_secret("GOOGLE_PRIVATE_KEY", "the private key of the service account");
        let (key_id, subject) = (settings.text("GOOGLE_PRIVATE_KEY_ID"), settings.text("GOOGLE_SUBJECT"));
        match ServiceAccount::new(email?, &key?, key_id, subject) {
            Ok(account) => Grant::ServiceAccount(Box::new(account)),
            Err(what) => {
                settings.complain("GOOGLE_PRIVATE_KEY", what);
                return None;
            }
        }
    };
    Some(Auth::Issued(Arc::new(IssuedTokens::new(GoogleTokens { token_url, grant }))))
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_may_be_encoded_already() {
        for (given, id) in [
            ("team@example.com", "team@example.com"),
            ("team%40example.com", "team@example.com"),
            ("en.uk%23holiday%40group.v.calendar.google.com", "en.uk#holiday@group.v.calendar.google.com"),
            ("100%", "100%"),
            ("%zz%ff", "%zz%ff"),
        ] {
            assert_eq!(super::decoded(given), id);
        }
    }
}
