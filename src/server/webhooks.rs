//! POST /webhooks/{source}: what vendors post. Nobody needs a key: the vendor's signature is the key.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode};
use buffalo_connectors::{Post, PostError, Receipt, Webhooks};
use buffalo_jobs::Intaken;
use buffalo_model::{Clock, SystemClock};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::params::InPath;
use crate::question::schemas;

/// The largest body that is read. Stripe's events are a few KiB, a hundred of HubSpot's about 40.
pub(super) const LARGEST_BODY: usize = 1024 * 1024;

/// What is said of a post that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Received {
    /// Always true.
    received: bool,
    /// What kind of event it was, in the vendor's words.
    #[serde(rename = "type")]
    kind: String,
}

/// Take what a vendor posts
///
/// Answers once what follows from the post is stored, so that the vendor may forget it. The signature is that of the
/// vendor: `Stripe-Signature`, `X-HubSpot-Signature-v3`, or `X-Goog-Channel-Token`.
#[utoipa::path(
    post,
    path = "/webhooks/{source}",
    operation_id = "receiveWebhook",
    tag = "Webhooks",
    params(("source" = inline(schemas::SourceName), Path, description = "The source", example = "stripe")),
    request_body(content = serde_json::Value, description = "As the vendor sends it",
                 example = json!({"id": "evt_1", "object": "event", "type": "charge.succeeded"})),
    responses((status = 200, description = "Stored, or nothing that matters here", body = Received)),
    extensions(("x-error-codes" = json!([
        ErrorCode::MissingSignature, ErrorCode::InvalidSignature, ErrorCode::WrongMode, ErrorCode::InvalidPayload,
        ErrorCode::ValidationError, ErrorCode::NotFound, ErrorCode::PayloadTooLarge, ErrorCode::WebhookNotConfigured,
    ]))),
)]
pub(super) async fn receive(
    State(app): State<App>,
    InPath(source): InPath<String>,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Received>, ApiError> {
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
    let Receipt { kind, news, identity } = webhook.read(&post, SystemClock.now()).map_err(|error| {
        tracing::warn!(%source, %error, "a post was refused");
        refused(&error)
    })?;
    if app.intake.take(connector.source(), news, identity).await? == Intaken::Foreign {
        tracing::warn!(%source, "a post was refused: it is about another account or mode than what is stored");
        let message = "the event is about another account or mode than what is stored here";
        return Err(ApiError::saying(ErrorCode::WrongMode, message));
    }
    Ok(Json(Received { received: true, kind }))
}

fn not_enabled() -> ApiError {
    ApiError::saying(ErrorCode::NotFound, "there is no such source, or it is not enabled here")
}

fn not_configured(settings: &str) -> ApiError {
    let message = format!("posts of this source can't be told from others until {settings} is set");
    ApiError::saying(ErrorCode::WebhookNotConfigured, message)
}

fn unread(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::body_too_large();
    }
    ApiError::saying(ErrorCode::InvalidPayload, "the body did not arrive as a whole")
}

fn refused(error: &PostError) -> ApiError {
    let code = match error {
        PostError::MissingSignature(_) => ErrorCode::MissingSignature,
        PostError::InvalidSignature(_) => ErrorCode::InvalidSignature,
        PostError::WrongMode(_) => ErrorCode::WrongMode,
        PostError::Unreadable(_) => ErrorCode::InvalidPayload,
    };
    ApiError::saying(code, error.to_string())
}
