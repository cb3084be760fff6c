//! Who may ask, and how often.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use super::connections::client_address;
use super::error::ApiError;
use crate::config::{AppEnv, HttpConfig};
use crate::keys::Keys;

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// Everything that only reads (API_KEY).
    Reader,
    /// Everything (ADMIN_API_KEY).
    Admin,
}

/// Who sent a request: the role and the label of the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Caller {
    pub(super) role: Role,
    pub(super) label: String,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Reader => "reader",
            Role::Admin => "admin",
        };
        write!(f, "{role}:{}", self.label)
    }
}

/// Lets through who sends `X-Api-Key`, or `X-Admin-Api-Key`, which opens everything.
pub(super) async fn require_key(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller =
        admin(&app.config.http, request.headers()).or_else(|| reader(&app.config.http, request.headers()));
    admit(&app, caller, ApiError::invalid_key, request, next).await
}

/// Lets through who sends `X-Admin-Api-Key`.
pub(super) async fn require_admin_key(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = admin(&app.config.http, request.headers());
    admit(&app, caller, ApiError::invalid_admin_key, request, next).await
}

/// Whether a scrape is answered: with `Authorization: Bearer` and METRICS_API_KEY where that is set; without it anywhere
/// but in production, where figures about the business must not stand open because somebody forgot a variable.
pub(super) fn may_read_metrics(headers: &HeaderMap, config: &HttpConfig) -> bool {
    match &config.metrics_keys {
        Some(keys) => sends_metrics_key(headers, keys),
        None => config.app_env != AppEnv::Production,
    }
}

/// Counts those by their address who ask for what anybody may have, or guess keys of scrapes. Who has such a key is not
/// counted, and neither are probes: a host that is refused an answer would take the program for dead.
pub(super) async fn count_strangers(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let config = &app.config.http;
    if !config.metrics_keys.as_ref().is_some_and(|keys| sends_metrics_key(request.headers(), keys)) {
        app.rate_limit.check_address(client_address(&request, config.trusted_proxies))?;
    }
    Ok(next.run(request).await)
}

fn sends_metrics_key(headers: &HeaderMap, keys: &Keys) -> bool {
    let sent = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    let token = sent.and_then(|sent| {
        let (scheme, token) = sent.split_at_checked(BEARER.len())?;
        scheme.eq_ignore_ascii_case(BEARER).then_some(token)
    });
    token.is_some_and(|token| keys.label_of(token).is_some())
}

/// What a bearer token is preceded by; the case of the word does not matter.
const BEARER: &[u8] = b"Bearer ";

fn reader(config: &HttpConfig, headers: &HeaderMap) -> Option<Caller> {
    caller(Role::Reader, headers, "x-api-key", config.keys.as_ref())
}

fn admin(config: &HttpConfig, headers: &HeaderMap) -> Option<Caller> {
    caller(Role::Admin, headers, "x-admin-api-key", config.admin_keys.as_ref())
}

fn caller(role: Role, headers: &HeaderMap, header: &str, keys: Option<&Keys>) -> Option<Caller> {
    let label = keys?.label_of(headers.get(header)?.as_bytes())?;
    Some(Caller { role, label: label.to_owned() })
}

/// Counts reads by their key, and every request without one by its address: who guesses keys is slowed down as well.
async fn admit(
    app: &App,
    caller: Option<Caller>,
    refusal: fn() -> ApiError,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(caller) = caller else {
        let address = client_address(&request, app.config.http.trusted_proxies);
        app.rate_limit.check_address(address)?;
        return Err(refusal());
    };
    tracing::Span::current().record("caller", tracing::field::display(&caller));
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        app.rate_limit.check_caller(&caller)?;
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
