//! What maintenance of the raw history did.

use serde::Serialize;

use crate::{Retention, Span};

/// What was done about partitions, or would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Maintenance {
    /// Whether nothing was changed, because only the plan was asked for.
    pub dry_run: bool,
    /// How long raw history is kept, in days.
    pub retention_days: Retention,
    /// Partitions that were made.
    pub created: Vec<CreatedPartition>,
    /// Partitions that were past retention and are gone.
    pub dropped: Vec<DroppedPartition>,
    /// Partitions that are past retention and are still needed.
    pub kept: Vec<KeptPartition>,
    /// Events of webhooks that were received so long ago that no vendor repeats them, and are forgotten.
    pub forgotten_events: i64,
    /// What should have been done and could not.
    pub not_done: Vec<NotDone>,
}

impl Maintenance {
    /// Nothing done so far.
    #[must_use]
    pub fn begun(retention_days: Retention) -> Self {
        let (created, dropped, kept, not_done) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { dry_run: false, retention_days, created, dropped, kept, forgotten_events: 0, not_done }
    }
}

/// A partition that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedPartition {
    /// Its name.
    pub partition: String,
    /// What it covers.
    #[serde(flatten)]
    pub span: Span,
    /// Rows that had landed in the default partition and were moved here.
    pub rows_from_default: i64,
}

/// A partition that is gone with all its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DroppedPartition {
    /// Its name.
    pub partition: String,
    /// What it covered.
    #[serde(flatten)]
    pub span: Span,
    /// About how many rows it had; none when PostgreSQL has never estimated it.
    pub estimated_rows: Option<i64>,
    /// Its size with indexes, in bytes.
    pub bytes: i64,
}

/// A partition that is past retention and is kept, because rows of the outbox need their raw records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptPartition {
    /// Its name.
    pub partition: String,
    /// What it covers.
    #[serde(flatten)]
    pub span: Span,
    /// Rows that wait to be processed.
    pub waiting_rows: i64,
}

/// Something that could not be done, and will be tried again by the next maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotDone {
    /// The partition's name.
    pub partition: String,
    /// What was to be done with it.
    pub step: MaintenanceStep,
    /// Why not.
    pub reason: String,
}

/// What maintenance does with a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MaintenanceStep {
    /// Makes it.
    Create,
    /// Drops it.
    Drop,
}

impl std::fmt::Display for MaintenanceStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Drop => "drop",
        })
    }
}
