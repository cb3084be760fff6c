//! GET /metrics/revenue/overlaps: payments that are likely one sale.

use axum::Json;
use axum::extract::State;

use super::App;
use super::error::ApiError;
use super::params::Params;
use crate::overlaps::OverlapList;
use crate::question::{OverlapListParams, OverlapParams};

/// List payments that are likely one sale
///
/// Pairs of collected payments of different sources, such as a deal and the charge that paid it, of the same amount and
/// near in time, about which nothing was decided: the surest first, then the newest. `buffalo revenue overlaps` decides.
#[utoipa::path(
    get,
    path = "/metrics/revenue/overlaps",
    operation_id = "listOverlaps",
    tag = "Revenue",
    params(OverlapParams, OverlapListParams),
    responses((status = 200, description = "Some pairs", body = OverlapList)),
)]
pub(super) async fn list(
    State(app): State<App>,
    Params(params): Params<OverlapListParams>,
) -> Result<Json<OverlapList>, ApiError> {
    let (query, limit) = params.query(&app.config).map_err(ApiError::validation)?;
    Ok(Json(OverlapList::find(&app.store, &query, limit).await?))
}
