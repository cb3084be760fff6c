//! Who may ask.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::App;
use super::error::ApiError;

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
