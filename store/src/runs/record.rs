//! A run as it is stored.

use buffalo_model::{Cursor, Run, RunCounts, RunId};
use chrono::{DateTime, Utc};

use crate::StoreError;

/// A row of `sync_runs`.
pub(super) struct RunRecord {
    pub(super) run_id: uuid::Uuid,
    pub(super) source: String,
    pub(super) entity: String,
    pub(super) mode: String,
    pub(super) status: String,
    pub(super) started_at: DateTime<Utc>,
    #[expect(dead_code, reason = "people see the status that follows from it")]
    pub(super) heartbeat_at: DateTime<Utc>,
    pub(super) finished_at: Option<DateTime<Utc>>,
    pub(super) cursor_before: Option<serde_json::Value>,
    pub(super) cursor_after: Option<serde_json::Value>,
    pub(super) stale_cursor_detected: bool,
    pub(super) full_backfill_triggered: bool,
    pub(super) full_backfill_reason: Option<String>,
    pub(super) pages_fetched: i64,
    pub(super) requests_made: i64,
    pub(super) records_fetched: i64,
    pub(super) records_enqueued: i64,
    pub(super) records_deduped: i64,
    pub(super) records_processed: i64,
    pub(super) records_failed: i64,
    pub(super) records_dead_lettered: i64,
    pub(super) failed_records: serde_json::Value,
    pub(super) unmapped_statuses_seen: Vec<String>,
    pub(super) data_through: Option<DateTime<Utc>>,
    pub(super) error: Option<String>,
    pub(super) requested_by: Option<String>,
    #[expect(dead_code, reason = "only whoever takes the producer's lock cares")]
    pub(super) waiting: bool,
}

impl TryFrom<RunRecord> for Run {
    type Error = StoreError;

    fn try_from(row: RunRecord) -> Result<Self, StoreError> {
        let unreadable = |what| StoreError::Unreadable { table: "sync_runs", what };
        Ok(Self {
            run_id: RunId(row.run_id),
            source: row.source,
            entity: row.entity,
            mode: row.mode.parse().map_err(unreadable)?,
            status: row.status.parse().map_err(unreadable)?,
            started_at: row.started_at,
            finished_at: row.finished_at,
            cursor_before: row.cursor_before.map(Cursor::new),
            cursor_after: row.cursor_after.map(Cursor::new),
            stale_cursor_detected: row.stale_cursor_detected,
            full_backfill_triggered: row.full_backfill_triggered,
            full_backfill_reason: row.full_backfill_reason,
            counts: RunCounts {
                pages_fetched: row.pages_fetched,
                requests_made: row.requests_made,
                records_fetched: row.records_fetched,
                records_enqueued: row.records_enqueued,
                records_deduped: row.records_deduped,
                records_processed: row.records_processed,
                records_failed: row.records_failed,
                records_dead_lettered: row.records_dead_lettered,
            },
            failed_records: serde_json::from_value(row.failed_records).unwrap_or_default(),
            unmapped_statuses_seen: row.unmapped_statuses_seen,
            data_through: row.data_through,
            error: row.error,
            requested_by: row.requested_by,
        })
    }
}
