//! What health looks like in answers.

use std::collections::BTreeMap;

use buffalo_model::RunStatus;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// The process runs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alive {
    /// Always `ok`.
    pub(super) status: Well,
    /// For how long it has run, in seconds.
    #[schema(example = 3600)]
    pub(super) uptime_s: u64,
}

/// All is well.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Well {
    Ok,
}

/// Whether requests can be answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Readiness {
    /// Whether PostgreSQL answers.
    pub(super) status: Readied,
    /// Whether all sources do well.
    pub(super) sync_status: SyncStatus,
    /// Each of them.
    pub(super) checks: ReadinessChecks,
    /// For how long the process has run, in seconds.
    #[schema(example = 3600)]
    pub(super) uptime_s: u64,
}

/// Whether requests can be answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Readied {
    Ok,
    Down,
}

/// Whether all sources do well.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SyncStatus {
    Healthy,
    Degraded,
}

/// What was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadinessChecks {
    /// PostgreSQL.
    pub(super) db: DatabaseCheck,
    /// Every enabled source, by its name; none while nothing can be said of them, as when PostgreSQL is out.
    #[serde(flatten)]
    pub(super) sources: BTreeMap<String, SourceCheck>,
}

/// How PostgreSQL does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatabaseCheck {
    /// Whether it answered.
    pub(super) ok: bool,
    /// After how many milliseconds it did, or was given up.
    #[schema(example = 2)]
    pub(super) latency_ms: u64,
}

/// How a source does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceCheck {
    /// Whether its newest fetches ended well, and its circuit is closed.
    pub(super) ok: bool,
    /// How fresh all of it is: of the newest successful fetch of each entity, the end of the oldest; null where an entity
    /// was never fetched.
    pub(super) last_sync: Option<DateTime<Utc>>,
    /// When any fetch of it ended last, however it did; null where none has.
    pub(super) last_fetch: Option<DateTime<Utc>>,
    /// How the newest fetch of each entity ended.
    pub(super) last_status: BTreeMap<String, RunStatus>,
    /// Its circuit: closed, open or half_open; null where it was never needed.
    #[schema(example = "closed")]
    pub(super) circuit: Option<&'static str>,
}

/// How each part does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Components {
    /// How all do together.
    pub(super) status: Health,
    /// The version of the program.
    #[schema(example = "0.1.0")]
    pub(super) version: &'static str,
    /// When they were looked at.
    pub(super) timestamp: DateTime<Utc>,
    /// The parts: `api`, `database`, and every source; one that is not enabled here is `disabled`.
    pub(super) checks: BTreeMap<String, Part>,
}

/// How a part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    /// Well.
    Ok,
    /// Slowly, or not as well as it should.
    Degraded,
    /// Not at all.
    Down,
    /// It is a source that is not enabled here, so it is nobody's trouble.
    Disabled,
}

impl From<Health> for Part {
    fn from(health: Health) -> Self {
        match health {
            Health::Ok => Self::Ok,
            Health::Degraded => Self::Degraded,
            Health::Down => Self::Down,
        }
    }
}

/// How all parts do together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Health {
    /// Well.
    Ok,
    /// Slowly, or not as well as it should.
    Degraded,
    /// Not at all.
    Down,
}
