//! POST /webhooks/{source}: what vendors post. Nobody needs a key: the vendor's signature is the key.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use buffalo_connectors::{Post, PostError, Receipt, Webhooks};
use buffalo_model::{Clock, SystemClock};
use serde_json::{Value, json};

use super::App;
use super::error::ApiError;

/// The largest body that is read. Stripe's events are a few KiB, a hundred of HubSpot's about 40.
pub(super) const LARGEST_BODY: usize = 1024 * 1024;

/// Answers 200 once what follows from the post is stored, so that the vendor may forget it.
pub(super) async fn receive(
    State(app): State<App>,
    Path(source): Path<String>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, ApiError> {
    let connector = app.config.sources.iter().find(|connector| connector.source().as_str() == source);
    let connector = connector.ok_or_else(not_enabled)?;
    let webhook = match connector.webhooks() {
        Webhooks::None => return Err(not_enabled()),
        Webhooks::NotSet(settings) => return Err(not_configured(settings)),
        Webhooks::Read(webhook) => webhook,
    };
    let body = body.map_err(|rejection| unread(&rejection))?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let post = Post { method: method.as_str(), target, headers: &headers, body: &body };
    let Receipt { kind, news } = webhook.read(&post, SystemClock.now()).map_err(|error| {
        tracing::warn!(%source, %error, "a post was refused");
        refused(&error)
    })?;
    app.intake.take(connector.source(), &news).await?;
    Ok(Json(json!({"received": true, "type": kind})))
}

fn not_enabled() -> ApiError {
    let message = "there is no such source, or it is not enabled here";
    ApiError::new(StatusCode::NOT_FOUND, "SOURCE_NOT_ENABLED", message)
}

fn not_configured(settings: &str) -> ApiError {
    let message = format!("posts of this source can't be told from others until {settings} is set");
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "WEBHOOK_NOT_CONFIGURED", message)
}

fn unread(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::body_too_large();
    }
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PAYLOAD", "the body did not arrive as a whole")
}

fn refused(error: &PostError) -> ApiError {
    let code = match error {
        PostError::MissingSignature(_) => "MISSING_SIGNATURE",
        PostError::InvalidSignature(_) => "INVALID_SIGNATURE",
        PostError::WrongMode(_) => "WRONG_MODE",
        PostError::Unreadable(_) => "INVALID_PAYLOAD",
    };
    ApiError::new(StatusCode::BAD_REQUEST, code, error.to_string())
}
