//! Errors as callers see them: one shape, without anything of the inside.

use axum::Json;
use axum::http::StatusCode;
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
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new() }
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

    pub(super) fn invalid_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_API_KEY", "the header X-Api-Key is missing or wrong")
    }

    pub(super) fn invalid_metrics_key() -> Self {
        let message = "METRICS_API_KEY must be sent as a bearer token; in production it has to be set";
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_METRICS_KEY", message)
    }

    /// What is wrong with the parameters of the query.
    pub(super) fn validation(details: Vec<FieldProblem>) -> Self {
        let message = "the request has invalid parameters";
        Self { details, ..Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message) }
    }

    /// A query that could not be taken apart.
    pub(super) fn unreadable_query() -> Self {
        let message =
            "the query can't be read: a parameter is given twice, or `fill` is neither true nor false";
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    /// The body, once the request's id is known.
    pub(super) fn with_request_id(self, request_id: &str) -> Response {
        let details: Vec<_> = self
            .details
            .iter()
            .map(|detail| {
                json!({"field": format!("query.{}", detail.field), "message": detail.message, "code": detail.code})
            })
            .collect();
        let body =
            json!({"code": self.code, "message": self.message, "requestId": request_id, "details": details});
        (self.status, Json(body)).into_response()
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
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "something went wrong here"),
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
