//! Who may ask.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::App;
use super::error::ApiError;
use crate::config::{AppEnv, Config};

/// Lets through who sends `X-Api-Key`, or `X-Admin-Api-Key`, which opens everything.
pub(super) async fn require_key(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let allowed = sends(&request, "x-api-key", app.config.api_key.as_ref())
        | sends(&request, "x-admin-api-key", app.config.admin_api_key.as_ref());
    if allowed { Ok(next.run(request).await) } else { Err(ApiError::invalid_key()) }
}

/// Whether a scrape is answered: with `Authorization: Bearer` and METRICS_API_KEY where that is set; without it anywhere
/// but in production, where figures about the business must not stand open because somebody forgot a variable.
pub(super) fn may_read_metrics(headers: &HeaderMap, config: &Config) -> bool {
    let Some(key) = &config.metrics_api_key else { return config.app_env != AppEnv::Production };
    let sent = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    let token = sent.and_then(|sent| {
        let (scheme, token) = sent.split_at_checked(BEARER.len())?;
        scheme.eq_ignore_ascii_case(BEARER).then_some(token)
    });
    token.is_some_and(|token| matches(token, key))
}

/// What a bearer token is preceded by; the case of the word does not matter.
const BEARER: &[u8] = b"Bearer ";

fn sends(request: &Request, header: &str, key: Option<&SecretString>) -> bool {
    match (request.headers().get(header), key) {
        (Some(sent), Some(key)) => matches(sent.as_bytes(), key),
        _ => false,
    }
}

/// Compares digests in constant time, so that neither length nor first differing byte can be measured.
fn matches(sent: &[u8], key: &SecretString) -> bool {
    Sha256::digest(sent).as_slice().ct_eq(Sha256::digest(key.expose_secret()).as_slice()).into()
}
