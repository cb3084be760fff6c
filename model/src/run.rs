//! A run: one attempt to fetch an entity or to drain the outbox, from its first moment to its end.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Cursor;

/// Identifies a run. Version 7, so that ids of later runs sort later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

impl RunId {
    /// A fresh id.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Fetches what changed since the cursor.
    Incremental,
    /// Fetches everything: a backfill.
    Full,
    /// Drains the outbox.
    Process,
    /// Compares a source with what is stored.
    Reconcile,
}

impl Mode {
    /// The name in tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Full => "full",
            Self::Process => "process",
            Self::Reconcile => "reconcile",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "incremental" => Ok(Self::Incremental),
            "full" => Ok(Self::Full),
            "process" => Ok(Self::Process),
            "reconcile" => Ok(Self::Reconcile),
            other => Err(format!("unknown mode `{other}`; there are: incremental, full, process, reconcile")),
        }
    }
}

/// Where a run stands.
///
/// ```text
///            ┌──▶ success      everything was done
/// running ───┼──▶ partial      something was stored, then it ended early, or rows became dead letters
///            ├──▶ failed       nothing was stored
///            └──▶ abandoned    its process is gone
/// skipped                      another producer holds the lock; never was running
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Its process is at work.
    Running,
    /// Everything was done.
    Success,
    /// Something was stored before it ended early, or some rows became dead letters.
    Partial,
    /// Nothing was stored.
    Failed,
    /// Another producer was at work on the same entity.
    Skipped,
    /// Its process is gone without having said how it ended.
    Abandoned,
}

impl RunStatus {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Success, Self::Partial, Self::Failed, Self::Skipped, Self::Abandoned];

    /// The name in tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Abandoned => "abandoned",
        }
    }
}

impl FromStr for RunStatus {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("unknown status `{name}`; there are: {known}")
        })
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCounts {
    /// Pages stored.
    pub pages_fetched: i64,
    /// Requests made of the vendor, retries and re-reads included.
    pub requests_made: i64,
    /// Records on those pages.
    pub records_fetched: i64,
    /// Records that were new or had changed.
    pub records_enqueued: i64,
    /// Records whose newest known state was already stored.
    pub records_deduped: i64,
    /// Outbox rows that were normalised and stored.
    pub records_processed: i64,
    /// Attempts at outbox rows that failed.
    pub records_failed: i64,
    /// Outbox rows that became dead letters.
    pub records_dead_lettered: i64,
}

/// A record that could not be processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedRecord {
    /// The vendor's id.
    pub external_id: String,
    /// Where it failed: `normalise` or `store`.
    pub stage: String,
    /// Why.
    pub error: String,
}

/// A run as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id.
    pub run_id: RunId,
    /// The source, or `all` for a run that drains the outbox.
    pub source: String,
    /// The entity, or `all` for a run that drains the outbox.
    pub entity: String,
    /// What it does.
    pub mode: Mode,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The cursor it found.
    pub cursor_before: Option<Cursor>,
    /// The cursor it left.
    pub cursor_after: Option<Cursor>,
    /// Whether it found a cursor from which nothing can be continued.
    pub stale_cursor_detected: bool,
    /// Whether it began a backfill that nobody asked for.
    pub full_backfill_triggered: bool,
    /// Why it did.
    pub full_backfill_reason: Option<String>,
    /// What it did.
    pub counts: RunCounts,
    /// The first fifty records that failed.
    pub failed_records: Vec<FailedRecord>,
    /// Vendor statuses it met that Buffalo does not know.
    pub unmapped_statuses_seen: Vec<String>,
    /// The time up to which the source's data is stored.
    pub data_through: Option<DateTime<Utc>>,
    /// Why it did not end well.
    pub error: Option<String>,
    /// The role and label of the key that asked for it over HTTP.
    pub requested_by: Option<String>,
}
