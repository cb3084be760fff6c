//! What may vary from run to run.

use std::sync::Arc;
use std::time::Duration;

use buffalo_model::Mode;
use chrono::TimeDelta;

use crate::{MassDelete, OnProgress, Stop};

/// What may vary from run to run.
#[derive(Clone)]
pub struct FetchOptions {
    /// [`Mode::Full`] asks for a backfill, [`Mode::Incremental`] for what changed.
    pub mode: Mode,
    /// The least time between the beginnings of two backfills that nobody asked for
    /// (`FULL_BACKFILL_MIN_INTERVAL_MIN`).
    pub full_backfill_min_interval: TimeDelta,
    /// The longest that a run may take (`FETCH_DEADLINE_S`), so that it ends before the next begins.
    pub deadline: Duration,
    /// Whether many records may be taken for gone (`--allow-mass-delete`).
    pub mass_delete: MassDelete,
    /// Ends the run after the page at hand.
    pub stop: Stop,
    /// Hears of records as they are stored.
    pub on_progress: OnProgress,
}

impl std::fmt::Debug for FetchOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchOptions").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Incremental,
            full_backfill_min_interval: TimeDelta::minutes(60),
            deadline: Duration::from_secs(840),
            mass_delete: MassDelete::default(),
            stop: Stop::never(),
            on_progress: Arc::new(|_| {}),
        }
    }
}
