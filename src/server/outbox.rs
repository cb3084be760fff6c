//! GET /outbox and GET /metrics/unmapped-statuses: what waits, and what nobody knows.

use axum::Json;
use axum::extract::State;
use buffalo_model::{Clock, SystemClock};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::error::ApiError;
use super::params::{NoParams, Params};
use crate::question::UnmappedParams;

/// What waits to be processed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outbox {
    /// Rows.
    depth: i64,
    /// For how long the row that was enqueued first has waited; none where there is no row.
    oldest_pending_age_s: Option<i64>,
    /// The same by source and entity.
    sources: Vec<OutboxOfSource>,
}

/// Rows of one source and entity.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutboxOfSource {
    source: String,
    entity: String,
    by_status: OutboxByStatus,
    oldest_enqueued_at: Option<DateTime<Utc>>,
}

/// Rows by what has become of them so far.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OutboxByStatus {
    /// Not tried so far.
    pending: i64,
    /// Failed at least once, to be tried again.
    retrying: i64,
}

/// Tell what waits to be processed
#[utoipa::path(
    get,
    path = "/outbox",
    operation_id = "getOutbox",
    tag = "Work",
    responses((status = 200, description = "What waits", body = Outbox)),
)]
pub(super) async fn show(
    State(app): State<App>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<Outbox>, ApiError> {
    let now = SystemClock.now();
    let depths = app.store.outbox_depth().await?;
    let oldest = depths.iter().filter_map(|depth| depth.oldest_enqueued_at).min();
    Ok(Json(Outbox {
        depth: depths.iter().map(|depth| depth.pending).sum(),
        oldest_pending_age_s: oldest.map(|oldest| (now - oldest).num_seconds().max(0)),
        sources: depths
            .into_iter()
            .map(|depth| OutboxOfSource {
                source: depth.source,
                entity: depth.entity,
                by_status: OutboxByStatus {
                    pending: depth.pending - depth.retrying,
                    retrying: depth.retrying,
                },
                oldest_enqueued_at: depth.oldest_enqueued_at,
            })
            .collect(),
    }))
}

/// Vendor statuses that Buffalo does not know.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnmappedStatuses {
    count: usize,
    statuses: Vec<UnmappedStatus>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnmappedStatus {
    source: String,
    raw_status: String,
    /// Records that have it.
    count: i64,
    /// The id of one of them.
    sample: String,
}

impl From<buffalo_store::UnmappedStatus> for UnmappedStatus {
    fn from(status: buffalo_store::UnmappedStatus) -> Self {
        let buffalo_store::UnmappedStatus { source, raw_status, count, sample } = status;
        Self { source, raw_status, count, sample }
    }
}

impl UnmappedStatuses {
    pub(crate) fn new(statuses: Vec<buffalo_store::UnmappedStatus>) -> Self {
        let statuses: Vec<_> = statuses.into_iter().map(UnmappedStatus::from).collect();
        Self { count: statuses.len(), statuses }
    }
}

/// List statuses that Buffalo does not know
///
/// Payments with such a status are in no figure.
#[utoipa::path(
    get,
    path = "/metrics/unmapped-statuses",
    operation_id = "listUnmappedStatuses",
    tag = "Revenue",
    params(UnmappedParams),
    responses((status = 200, description = "The statuses, the most frequent first", body = UnmappedStatuses)),
)]
pub(super) async fn unmapped(
    State(app): State<App>,
    Params(params): Params<UnmappedParams>,
) -> Result<Json<UnmappedStatuses>, ApiError> {
    let limit = params.limit().map_err(ApiError::validation)?;
    Ok(Json(UnmappedStatuses::new(app.store.unmapped_statuses(limit).await?)))
}
