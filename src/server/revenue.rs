//! GET /metrics/revenue/…: the figures.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use buffalo_model::{
    Clock, Granularity, RevenueByDay, RevenueByMonth, RevenueByQuarter, RevenueByWeek, RevenueByYear,
    RevenueSummary, SystemClock,
};

use super::App;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::params::Params;
use crate::output::revenue_csv;
use crate::question::{FieldProblem, ProblemCode, RevenueParams};

/// Tell how much was collected in a range of days
///
/// With `Accept: text/csv` as CSV, in a single row.
#[utoipa::path(
    get,
    path = "/metrics/revenue/summary",
    operation_id = "revenueSummary",
    tag = "Revenue",
    params(RevenueParams),
    responses((status = 200, description = "The figures", content(
        (RevenueSummary = "application/json"),
        (String = "text/csv", example = json!(
            "totalRevenueCents,count,refundedCents,disputedCents,netRevenueCents,currency\n1234500,42,5000,0,1229500,USD\n"
        )),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::MetricDrift]))),
)]
pub(super) async fn summary(
    State(app): State<App>,
    Params(params): Params<RevenueParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&app, Granularity::Summary, &params, &headers).await
}

/// Tell how much was collected, by day
///
/// Only days in which something happened, unless `fill` asks for all. With `Accept: text/csv` as CSV.
#[utoipa::path(
    get,
    path = "/metrics/revenue/daily",
    operation_id = "revenueDaily",
    tag = "Revenue",
    params(RevenueParams),
    responses((status = 200, description = "The figures", content(
        (RevenueByDay = "application/json"),
        (String = "text/csv", example = json!(
            "date,amountCents,count,refundedCents,disputedCents,netCents,currency\n2026-11-30,1234500,42,5000,0,1229500,USD\n"
        )),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::MetricDrift]))),
)]
pub(super) async fn daily(
    State(app): State<App>,
    Params(params): Params<RevenueParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&app, Granularity::Daily, &params, &headers).await
}

/// Tell how much was collected, by week
///
/// Only weeks in which something happened, unless `fill` asks for all. With `Accept: text/csv` as CSV.
#[utoipa::path(
    get,
    path = "/metrics/revenue/weekly",
    operation_id = "revenueWeekly",
    tag = "Revenue",
    params(RevenueParams),
    responses((status = 200, description = "The figures", content(
        (RevenueByWeek = "application/json"),
        (String = "text/csv", example = json!(
            "weekStartDate,amountCents,count,refundedCents,disputedCents,netCents,currency\n2026-11-30,1234500,42,5000,0,1229500,USD\n"
        )),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::MetricDrift]))),
)]
pub(super) async fn weekly(
    State(app): State<App>,
    Params(params): Params<RevenueParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&app, Granularity::Weekly, &params, &headers).await
}

/// Tell how much was collected, by month
///
/// Only months in which something happened, unless `fill` asks for all. With `Accept: text/csv` as CSV.
#[utoipa::path(
    get,
    path = "/metrics/revenue/monthly",
    operation_id = "revenueMonthly",
    tag = "Revenue",
    params(RevenueParams),
    responses((status = 200, description = "The figures", content(
        (RevenueByMonth = "application/json"),
        (String = "text/csv", example = json!(
            "month,amountCents,count,refundedCents,disputedCents,netCents,currency\n2026-11,1234500,42,5000,0,1229500,USD\n"
        )),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::MetricDrift]))),
)]
pub(super) async fn monthly(
    State(app): State<App>,
    Params(params): Params<RevenueParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&app, Granularity::Monthly, &params, &headers).await
}

/// Tell how much was collected, by quarter
///
/// Only quarters in which something happened, unless `fill` asks for all. With `Accept: text/csv` as CSV.
#[utoipa::path(
    get,
    path = "/metrics/revenue/quarterly",
    operation_id = "revenueQuarterly",
    tag = "Revenue",
    params(RevenueParams),
    responses((status = 200, description = "The figures", content(
        (RevenueByQuarter = "application/json"),
        (String = "text/csv", example = json!(
            "quarter,amountCents,count,refundedCents,disputedCents,netCents,currency\n2026-Q4,1234500,42,5000,0,1229500,USD\n"
        )),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::MetricDrift]))),
)]
pub(super) async fn quarterly(
    State(app): State<App>,
    Params(params): Params<RevenueParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&app, Granularity::Quarterly, &params, &headers).await
}

/// Tell how much was collected, by year
///
/// Only years in which something happened, unless `fill` asks for all. With `Accept: text/csv` as CSV.
#[utoipa::path(
    get,
    path = "/metrics/revenue/yearly",
    operation_id = "revenueYearly",
    tag = "Revenue",
    params(RevenueParams),
    responses((status = 200, description = "The figures", content(
        (RevenueByYear = "application/json"),
        (String = "text/csv", example = json!(
            "year,amountCents,count,refundedCents,disputedCents,netCents,currency\n2026,1234500,42,5000,0,1229500,USD\n"
        )),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::MetricDrift]))),
)]
pub(super) async fn yearly(
    State(app): State<App>,
    Params(params): Params<RevenueParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&app, Granularity::Yearly, &params, &headers).await
}

/// Answers as JSON or, by `Accept: text/csv`, as CSV.
async fn answer(
    app: &App,
    granularity: Granularity,
    params: &RevenueParams,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let query = params.question(granularity, &app.config).map_err(ApiError::validation)?;
    let revenue = app.store.revenue(query, &app.config.revenue_sources(), SystemClock.now()).await?;
    let revenue = revenue.filled().map_err(|error| {
        ApiError::validation(vec![FieldProblem {
            field: "fill".into(),
            message: error.to_string(),
            code: ProblemCode::RangeTooLong,
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
