//! Who may ask for what: keys, restricted keys, and API versions.

use std::collections::HashMap;

use hyper::header::{AUTHORIZATION, HeaderMap};

use super::errors::ApiError;
use super::ids::ACCOUNT_ID;

/// What the control interface can set while the sandbox runs.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub api_key: String,
    pub api_version: String,
    pub latency_ms: u64,
    /// Keys that may read everything but these path prefixes.
    pub restricted_keys: HashMap<String, Vec<String>>,
}

impl Settings {
    /// Refuses a request without a known key, or with a key that may not read `path`.
    pub(super) fn authorize(&self, headers: &HeaderMap, path: &str) -> Result<(), ApiError> {
        let key =
            headers.get(AUTHORIZATION).and_then(|value| key_of(value.to_str().ok()?)).unwrap_or_default();
        if key.is_empty() {
            return Err(ApiError::unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization \
                 header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
                 https://stripe.com/docs/api#authentication for details, or we can help at \
                 https://support.stripe.com/.",
            ));
        }
        if key == self.api_key {
            return Ok(());
        }
        let Some(denied) = self.restricted_keys.get(&key) else {
            return Err(ApiError::unauthorized(format!("Invalid API Key provided: {}", masked(&key))));
        };
        if denied.iter().any(|prefix| path.starts_with(prefix)) {
            return Err(ApiError::forbidden(format!(
                "The provided key '{}*********' does not have the required permissions for this endpoint on \
                 account '{ACCOUNT_ID}'. Having the '{}' permission would allow this request to continue.",
                kind_of_key(&key),
                permission(path),
            )));
        }
        Ok(())
    }

    /// The version a request is answered in.
    pub(super) fn version(&self, headers: &HeaderMap) -> Result<String, ApiError> {
        let Some(version) = headers.get("stripe-version") else { return Ok(self.api_version.clone()) };
        let version = String::from_utf8_lossy(version.as_bytes()).into_owned();
        if is_version(&version) { Ok(version) } else { Err(ApiError::invalid_version(&version)) }
    }
}

/// Whether this reads like `2024-06-20` or `2026-10-28.endive`.
fn is_version(version: &str) -> bool {
    let (date, name) = version.split_once('.').map_or((version, None), |(date, name)| (date, Some(name)));
    let well_named = name.is_none_or(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_;=.-".contains(&byte))
    });
    date.len() == 10 && well_named && chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok()
}

fn permission(path: &str) -> &'static str {
    match path.split('/').nth(2) {
        Some("events") => "rak_event_read",
        // One permission covers charges and their refunds.
        Some("charges" | "refunds") => "rak_charge_read",
        Some("disputes") => "rak_dispute_read",
        _ => "rak_account_read",
    }
}

/// `sk_test_` of `sk_test_abc`.
fn kind_of_key(key: &str) -> &str {
    let end = key.match_indices('_').nth(1).map_or(0, |(at, _)| at + 1);
    &key[..end]
}

/// A key with only its kind and its last four characters left.
fn masked(key: &str) -> String {
    let kind = kind_of_key(key);
    let secret: Vec<char> = key[kind.len()..].chars().collect();
    let hidden = secret.len().saturating_sub(4);
    let shown: String = secret[hidden..].iter().collect();
    format!("{kind}{}{shown}", "*".repeat(hidden.max(4)))
}

/// The key in an `Authorization` header: a bearer token, or the user name of basic auth.
fn key_of(header: &str) -> Option<String> {
    let (scheme, rest) = header.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    let decoded = String::from_utf8(scheme.eq_ignore_ascii_case("basic").then(|| base64(rest))??).ok()?;
    Some(decoded.split(':').next().unwrap_or_default().to_owned())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_masked() {
        assert_eq!(key_of("Bearer sk_test_1"), Some("sk_test_1".to_owned()));
        assert_eq!(key_of("Basic c2tfdGVzdF8xOg=="), Some("sk_test_1".to_owned()));
        assert_eq!(key_of("Basic !"), None);
        assert_eq!(key_of("Digest x"), None);
        assert_eq!(masked("sk_test_123456789abcd"), "sk_test_*********abcd");
        assert_eq!(masked("zé"), "****zé");
    }

    #[test]
    fn versions_are_dates_with_an_optional_name() {
        assert!(is_version("2026-10-28.endive") && is_version("2020-08-27"));
        for wrong in ["", "endive", "2026-21-27", "2026-10-28.", "2026-1-2", "2026-10-28.a b"] {
            assert!(!is_version(wrong), "{wrong}");
        }
    }
}
