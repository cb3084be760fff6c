//! The codes of errors: each once, with its status and what it means, for answers and for the document about them.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, for programs. Codes are added, and never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ErrorCode {
    ValidationError,
    IdempotencyKeyRequired,
    SourceNotEnabled,
    InvalidApiKey,
    InvalidAdminKey,
    InvalidMetricsKey,
    NotFound,
    RunNotFound,
    DeadLetterNotFound,
    MethodNotAllowed,
    IdempotencyKeyMismatch,
    IdempotencyInProgress,
    PayloadTooLarge,
    MissingSignature,
    InvalidSignature,
    WrongMode,
    InvalidPayload,
    WebhookNotConfigured,
    RateLimited,
    InternalError,
    MetricDrift,
    DatabaseUnavailable,
    ShuttingDown,
    TooManyStreams,
    Timeout,
}

impl ErrorCode {
    /// The status of an answer with this code.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::ValidationError
            | Self::IdempotencyKeyRequired
            | Self::SourceNotEnabled
            | Self::MissingSignature
            | Self::InvalidSignature
            | Self::WrongMode
            | Self::InvalidPayload => StatusCode::BAD_REQUEST,
            Self::InvalidApiKey | Self::InvalidAdminKey | Self::InvalidMetricsKey => StatusCode::UNAUTHORIZED,
            Self::NotFound | Self::RunNotFound | Self::DeadLetterNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::IdempotencyKeyMismatch | Self::IdempotencyInProgress => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError | Self::MetricDrift => StatusCode::INTERNAL_SERVER_ERROR,
            Self::DatabaseUnavailable
            | Self::ShuttingDown
            | Self::TooManyStreams
            | Self::Timeout
            | Self::WebhookNotConfigured => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is said of it where nothing closer is known.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::ValidationError => "the request has invalid parameters",
            Self::IdempotencyKeyRequired => {
                "the header Idempotency-Key is missing: choose 1 to 255 of A-Z a-z 0-9 . _ : - for each request, and \
                 send the same again when you repeat it"
            }
            Self::SourceNotEnabled => "this source is not enabled here",
            Self::InvalidApiKey => "the header X-Api-Key is missing or wrong",
            Self::InvalidAdminKey => "the header X-Admin-Api-Key is missing or wrong",
            Self::InvalidMetricsKey => {
                "METRICS_API_KEY must be sent as a bearer token; in production it has to be set"
            }
            Self::NotFound => "there is nothing at this address",
            Self::RunNotFound => "there is no run with this id",
            Self::DeadLetterNotFound => {
                "there is no dead letter with this id; if there was one, it was replayed or discarded"
            }
            Self::MethodNotAllowed => "this address does not take this method",
            Self::IdempotencyKeyMismatch => {
                "this Idempotency-Key was sent with another request within the last 24 hours"
            }
            Self::IdempotencyInProgress => {
                "a request with this Idempotency-Key is at work; ask again for its answer"
            }
            Self::PayloadTooLarge => "the body is larger than this address takes",
            Self::MissingSignature => "the post has no signature",
            Self::InvalidSignature => "the signature is not of this body, or is too old",
            Self::WrongMode => "the event is of test mode and the key of live mode, or the other way round",
            Self::InvalidPayload => "the body can't be read",
            Self::WebhookNotConfigured => {
                "posts of this source can't be told from others until a secret is set"
            }
            Self::RateLimited => "too many requests",
            Self::InternalError => "something went wrong here",
            Self::MetricDrift => "figures differ from what they are made of, so they are not shown",
            Self::DatabaseUnavailable => "the database can't be reached at the moment",
            Self::ShuttingDown => "this process is about to end; another one or the next will answer",
            Self::TooManyStreams => "too many streams are open",
            Self::Timeout => "the answer took longer than it may (REQUEST_TIMEOUT_S)",
        }
    }
}
