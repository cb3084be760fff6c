//! GET /metrics/revenue/explain: the payments behind a figure.

use axum::Json;
use axum::extract::State;
use buffalo_model::{Clock, Explanation, SystemClock};

use super::App;
use super::error::ApiError;
use super::error_code::ErrorCode;
use super::params::Params;
use crate::question::ExplanationParams;

/// Show the payments behind a figure
///
/// Each with the raw record that it was made of. The amounts of all pages, by what they count for, add up to the figures of a
/// summary of the same range, which the answer has as well.
#[utoipa::path(
    get,
    path = "/metrics/revenue/explain",
    operation_id = "explainRevenue",
    tag = "Revenue",
    params(ExplanationParams),
    responses((status = 200, description = "The figures, and some of their payments", body = Explanation, links(
        ("next" = (operation_id = "explainRevenue", parameters(("cursor" = "$response.body#/nextCursor")))),
    ))),
    extensions(("x-error-codes" = json!([ErrorCode::MetricDrift]))),
)]
pub(super) async fn explain(
    State(app): State<App>,
    Params(params): Params<ExplanationParams>,
) -> Result<Json<Explanation>, ApiError> {
    let question = params.question(&app.config).map_err(ApiError::validation)?;
    let counted = app.config.revenue_sources();
    Ok(Json(app.store.explain_revenue(question, &counted, SystemClock.now()).await?))
}
