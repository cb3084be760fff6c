//! A run for tests of what is made of runs.

use chrono::{DateTime, Utc};

use crate::{Mode, Run, RunCounts, RunId, RunStatus};

/// When the example began, and ended.
pub(crate) const T0: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).unwrap();

impl Run {
    /// A run that has done nothing: of a shop's entity, or that processed.
    pub(crate) fn example(mode: Mode, entity: &str, status: RunStatus) -> Self {
        Self {
            run_id: RunId("0199a2b4-0000-7000-8000-00007bc36996".parse().unwrap()),
            source: if mode == Mode::Process { "all" } else { "shop" }.to_owned(),
            entity: entity.to_owned(),
            mode,
            status,
            started_at: T0,
            finished_at: Some(T0),
            cursor_before: None,
            cursor_after: None,
            stale_cursor_detected: false,
            full_backfill_triggered: false,
            full_backfill_reason: None,
            counts: RunCounts::default(),
            failed_records: Vec::new(),
            unmapped_statuses_seen: Vec::new(),
            data_through: None,
            error: None,
            requested_by: None,
        }
    }
}
