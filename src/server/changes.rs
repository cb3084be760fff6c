//! GET /metrics/revenue/changes: what restated days that had ended.

use axum::Json;
use axum::extract::State;
use buffalo_model::{Clock, RevenueChanges, SystemClock};

use super::App;
use super::error::ApiError;
use super::params::Params;
use crate::question::ChangesParams;

/// Show what restated days
///
/// A payment restates a day when it counts for another amount on it than it was known to when the day had ended: it was
/// known late, changed, went away, or somebody decided about it. Days tell the differences of all, and rows the payments.
#[utoipa::path(
    get,
    path = "/metrics/revenue/changes",
    operation_id = "revenueChanges",
    tag = "Revenue",
    params(ChangesParams),
    responses((status = 200, description = "By how much days were restated, and by which payments", body = RevenueChanges, links(
        ("next" = (operation_id = "revenueChanges", parameters(("cursor" = "$response.body#/nextCursor")))),
    ))),
)]
pub(super) async fn changes(
    State(app): State<App>,
    Params(params): Params<ChangesParams>,
) -> Result<Json<RevenueChanges>, ApiError> {
    let question = params.question(&app.config, SystemClock.now()).map_err(ApiError::validation)?;
    Ok(Json(app.store.revenue_changes(question).await?))
}
