//! GET /metrics/revenue/…: the figures.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use buffalo_model::Granularity;

use super::App;
use super::error::ApiError;
use super::params::Params;
use crate::output::revenue_csv;
use crate::question::{FieldProblem, RevenueParams};

/// Answers a question about revenue, as JSON or, by `Accept: text/csv`, as CSV.
pub(super) async fn show(
    State(app): State<App>,
    Path(granularity): Path<String>,
    Params(params): Params<RevenueParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let granularity = match granularity.as_str() {
        "summary" => Granularity::Summary,
        "daily" => Granularity::Daily,
        "weekly" => Granularity::Weekly,
        "monthly" => Granularity::Monthly,
        _ => return Err(ApiError::not_found()),
    };
    let query = params.question(granularity, &app.config).map_err(ApiError::validation)?;
    let revenue = app.store.revenue(query, &app.config.revenue_sources()).await?;
    let revenue = revenue.filled().map_err(|error| {
        ApiError::validation(vec![FieldProblem {
            field: "fill".into(),
            message: error.to_string(),
            code: "RANGE_TOO_LONG",
        }])
    })?;
    let wants_csv = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|kind| kind.trim().starts_with("text/csv")));
    if wants_csv && let Ok(text) = revenue_csv(&revenue) {
        return Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response());
    }
    Ok(Json(revenue).into_response())
}
