//! Errors as callers see them: one shape, without anything of the inside.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use buffalo_store::StoreError;
use serde_json::json;

use crate::question::FieldProblem;

/// An error answer. Its body is written by [`super::request_id::identify`], which knows the request's id.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Vec<FieldProblem>,
    /// Where the fields of the details are.
    part: &'static str,
    retry_after_s: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
            part: "query",
            retry_after_s: None,
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this address")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "this address does not take this method",
        )
    }

    pub(super) fn run_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "RUN_NOT_FOUND", "there is no run with this id")
    }

    pub(super) fn dead_letter_not_found() -> Self {
        let message = "there is no dead letter with this id; if there was one, it was replayed or discarded";
        Self::new(StatusCode::NOT_FOUND, "DEAD_LETTER_NOT_FOUND", message)
    }

    pub(super) fn invalid_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_API_KEY", "the header X-Api-Key is missing or wrong")
    }

    pub(super) fn invalid_admin_key() -> Self {
        let message = "the header X-Admin-Api-Key is missing or wrong";
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_ADMIN_KEY", message)
    }

    pub(super) fn invalid_metrics_key() -> Self {
        let message = "METRICS_API_KEY must be sent as a bearer token; in production it has to be set";
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_METRICS_KEY", message)
    }

    /// What is wrong with the parameters of the query.
    pub(super) fn validation(details: Vec<FieldProblem>) -> Self {
        Self::validation_in("query", details)
    }

    /// What is wrong with a part of the request: `query`, `path`, `body` or `header`.
    pub(super) fn validation_in(part: &'static str, details: Vec<FieldProblem>) -> Self {
        let message = "the request has invalid parameters";
        Self { details, part, ..Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message) }
    }

    pub(super) fn unreadable_body(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    pub(super) fn body_too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            "the body is larger than this address takes",
        )
    }

    pub(super) fn source_not_enabled(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "SOURCE_NOT_ENABLED", message)
    }

    pub(super) fn idempotency_key_required() -> Self {
        let message = "the header Idempotency-Key is missing: choose 1 to 255 of A-Z a-z 0-9 . _ : - for each request, \
                       and send the same again when you repeat it";
        Self::new(StatusCode::BAD_REQUEST, "IDEMPOTENCY_KEY_REQUIRED", message)
    }

    pub(super) fn idempotency_key_mismatch() -> Self {
        let message = "this Idempotency-Key was sent with another request within the last 24 hours";
        Self::new(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_MISMATCH", message)
    }

    pub(super) fn idempotency_in_progress() -> Self {
        let message = "a request with this Idempotency-Key is at work; ask again for its answer";
        let error = Self::new(StatusCode::CONFLICT, "IDEMPOTENCY_IN_PROGRESS", message);
        Self { retry_after_s: Some(1), ..error }
    }

    pub(super) fn too_many_requests(wait: Duration) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "too many requests");
        // Rounded up, so that whoever waits as long is let through.
        Self { retry_after_s: Some(wait.as_secs() + 1), ..error }
    }

    pub(super) fn shutting_down() -> Self {
        let message = "this process is about to end; another one or the next will answer";
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN", message);
        Self { retry_after_s: Some(5), ..error }
    }

    pub(super) fn too_many_streams() -> Self {
        let error =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_STREAMS", "too many streams are open");
        Self { retry_after_s: Some(5), ..error }
    }

    pub(super) fn timed_out() -> Self {
        let message = "the answer took longer than it may (REQUEST_TIMEOUT_S)";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message)
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "something went wrong here")
    }

    /// The body, once the request's id is known.
    pub(super) fn with_request_id(self, request_id: &str) -> Response {
        let details: Vec<_> = self
            .details
            .iter()
            .map(|detail| {
                let field = format!("{}.{}", self.part, detail.field);
                json!({"field": field, "message": detail.message, "code": detail.code})
            })
            .collect();
        let body =
            json!({"code": self.code, "message": self.message, "requestId": request_id, "details": details});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request could not be answered");
        match error {
            StoreError::Drift(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "REVENUE_NOT_PROVABLE",
                "the parts of the figures do not add up to their total, so they are not shown",
            ),
            error if error.is_transient() => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "DATABASE_UNAVAILABLE",
                "the database can't be reached at the moment",
            ),
            _ => Self::internal(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
