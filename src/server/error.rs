//! Errors as callers see them: one shape, without anything of the inside.

use std::time::Duration;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use buffalo_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use super::error_code::ErrorCode;
use crate::question::{FieldProblem, ProblemCode};

/// An error answer. Its body is written by [`super::request_id::identify`], which knows the request's id.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    code: ErrorCode,
    message: String,
    details: Vec<FieldProblem>,
    /// Where the fields of the details are.
    part: &'static str,
    retry_after_s: Option<u64>,
}

/// The body of every answer that is an error.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody {
    /// What went wrong, for programs.
    pub(super) code: ErrorCode,
    /// The same for people. May change.
    pub(super) message: String,
    /// The id of the request, which is in the header X-Request-Id and in the log as well.
    pub(super) request_id: String,
    /// What is wrong with which part of the request; empty where it is not about a part.
    pub(super) details: Vec<ErrorDetail>,
}

/// What is wrong with a part of the request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorDetail {
    /// The part: `query.startDate`, `path.mode`, `body.since`, `header.Idempotency-Key`.
    #[schema(example = "query.startDate")]
    pub(super) field: String,
    /// What is wrong, for people. May change.
    pub(super) message: String,
    /// The same for programs.
    pub(super) code: ProblemCode,
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::saying(code, code.message())
    }
}

impl ApiError {
    /// An error about which more is known than its code says.
    pub(super) fn saying(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), part: "query", retry_after_s: None }
    }

    pub(super) fn not_found() -> Self {
        ErrorCode::NotFound.into()
    }

    pub(super) fn method_not_allowed() -> Self {
        ErrorCode::MethodNotAllowed.into()
    }

    pub(super) fn run_not_found() -> Self {
        ErrorCode::RunNotFound.into()
    }

    pub(super) fn dead_letter_not_found() -> Self {
        ErrorCode::DeadLetterNotFound.into()
    }

    pub(super) fn invalid_key() -> Self {
        ErrorCode::InvalidApiKey.into()
    }

    pub(super) fn invalid_admin_key() -> Self {
        ErrorCode::InvalidAdminKey.into()
    }

    pub(super) fn invalid_metrics_key() -> Self {
        ErrorCode::InvalidMetricsKey.into()
    }

    /// What is wrong with the parameters of the query.
    pub(super) fn validation(details: Vec<FieldProblem>) -> Self {
        Self::validation_in("query", details)
    }

    /// What is wrong with a part of the request: `query`, `path`, `body` or `header`.
    pub(super) fn validation_in(part: &'static str, details: Vec<FieldProblem>) -> Self {
        Self { details, part, ..ErrorCode::ValidationError.into() }
    }

    pub(super) fn unreadable_body(message: impl Into<String>) -> Self {
        Self::saying(ErrorCode::ValidationError, message)
    }

    pub(super) fn body_too_large() -> Self {
        ErrorCode::PayloadTooLarge.into()
    }

    pub(super) fn source_not_enabled(message: String) -> Self {
        Self::saying(ErrorCode::SourceNotEnabled, message)
    }

    pub(super) fn idempotency_key_required() -> Self {
        ErrorCode::IdempotencyKeyRequired.into()
    }

    pub(super) fn idempotency_key_mismatch() -> Self {
        ErrorCode::IdempotencyKeyMismatch.into()
    }

    pub(super) fn idempotency_in_progress() -> Self {
        Self { retry_after_s: Some(1), ..ErrorCode::IdempotencyInProgress.into() }
    }

    pub(super) fn too_many_requests(wait: Duration) -> Self {
        // Rounded up, so that whoever waits as long is let through.
        Self { retry_after_s: Some(wait.as_secs() + 1), ..ErrorCode::RateLimited.into() }
    }

    pub(super) fn shutting_down() -> Self {
        Self { retry_after_s: Some(5), ..ErrorCode::ShuttingDown.into() }
    }

    pub(super) fn too_many_streams() -> Self {
        Self { retry_after_s: Some(5), ..ErrorCode::TooManyStreams.into() }
    }

    pub(super) fn timed_out() -> Self {
        ErrorCode::Timeout.into()
    }

    pub(super) fn internal() -> Self {
        ErrorCode::InternalError.into()
    }

    /// The body, once the request's id is known.
    pub(super) fn with_request_id(self, request_id: &str) -> Response {
        let detail = |problem: FieldProblem| ErrorDetail {
            field: format!("{}.{}", self.part, problem.field),
            message: problem.message,
            code: problem.code,
        };
        let body = ErrorBody {
            code: self.code,
            message: self.message,
            request_id: request_id.to_owned(),
            details: self.details.into_iter().map(detail).collect(),
        };
        let mut response = (self.code.status(), Json(body)).into_response();
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
            StoreError::Drift(drift) => Self::saying(ErrorCode::MetricDrift, drift.to_string()),
            StoreError::Overflow(overflow) => Self::saying(ErrorCode::InternalError, overflow.to_string()),
            StoreError::Unanswerable(error) => Self::saying(ErrorCode::ValidationError, error.to_string()),
            error if error.is_transient() => ErrorCode::DatabaseUnavailable.into(),
            _ => Self::internal(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
