//! What every answer carries, and what requests may not exceed.

use std::any::Any;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;
use tower_http::cors::CorsLayer;
use tracing::Instrument;

use super::App;
use super::body::Cuttable;
use super::error::ApiError;

/// Headers for browsers: an answer is data, to be kept by nobody, shown in no frame, and it loads nothing.
const FOR_BROWSERS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// Adds what browsers should know, where the handler has not said otherwise.
pub(super) async fn for_browsers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in FOR_BROWSERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Lets pages of the configured origins ask (`CORS_ORIGINS`); none where there are none, since what speaks to pages
/// answers `OPTIONS` for every address.
pub(super) fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let allowed = CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            CONTENT_TYPE,
            HeaderName::from_static("x-api-key"),
            HeaderName::from_static("x-admin-api-key"),
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([
            RETRY_AFTER,
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("idempotent-replayed"),
        ]);
    (!origins.is_empty()).then_some(allowed)
}

/// Gives up an answer that takes too long, the reading of the request's body included.
///
/// The answer is made in a task of its own, which is not ended with the connection: a caller who hangs up must not break a
/// transaction off in the middle, and leave a connection to the database in a state that the next one is surprised by.
/// What such a task still waits for of the body is cut off, and the connection closed: a client that goes on sending, or
/// does not, would otherwise keep it for as long as it likes.
pub(super) async fn limit_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let given_up = CancellationToken::new();
    let request = request.map(|body| Body::new(Cuttable::new(body, given_up.clone())));
    let answering = tokio::spawn(next.run(request).in_current_span());
    match tokio::time::timeout(app.config.http.request_timeout, answering).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(ended)) => {
            if let Ok(panic) = ended.try_into_panic() {
                std::panic::resume_unwind(panic);
            }
            ApiError::internal().into_response()
        }
        Err(_) => {
            tracing::warn!("an answer took too long and was given up");
            given_up.cancel();
            ([(CONNECTION, HeaderValue::from_static("close"))], ApiError::timed_out()).into_response()
        }
    }
}

/// A defect of ours is an answer as well.
#[expect(clippy::needless_pass_by_value, reason = "tower-http hands the panic over")]
pub(super) fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let message =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(message, "a handler panicked");
    ApiError::internal().into_response()
}
