//! The JSON bodies of control requests.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::control::Refusal;
use super::patch::Patch;

/// Body of `POST /_sandbox/charges`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBody {
    pub amount: i64,
    pub currency: String,
    #[serde(default = "yes")]
    pub capture: bool,
    /// `succeeded`, if not given, `pending` or `failed`.
    pub status: Option<String>,
    pub customer: Option<String>,
    pub metadata: Option<Box<RawValue>>,
    pub raw_patch: Option<Patch>,
    /// Unix seconds; the sandbox's now, if not given.
    pub at: Option<i64>,
    /// Writes no event.
    #[serde(default)]
    pub silent: bool,
}

/// Body of a change to an existing object; what a change does not use, it refuses to take.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    pub amount: Option<i64>,
    pub status: Option<String>,
    pub metadata: Option<Box<RawValue>>,
    pub raw_patch: Option<Patch>,
    /// Unix seconds; the sandbox's now, if not given.
    pub at: Option<i64>,
    /// Writes no event.
    #[serde(default)]
    pub silent: bool,
}

/// Body of `POST /_sandbox/clock`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockBody {
    pub offset_s: i64,
}

/// Body of `POST /_sandbox/settings`; what is left out stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsBody {
    pub api_key: Option<String>,
    pub api_version: Option<String>,
    /// 0 lifts the limit.
    pub rate_limit_per_sec: Option<u32>,
    pub latency_ms: Option<u64>,
    /// Path prefixes a key may not read, by key.
    pub restricted_keys: Option<HashMap<String, Vec<String>>>,
}

fn yes() -> bool {
    true
}

impl ChangeBody {
    /// Refuses members that would have no effect, so that a misspelt test does not pass by accident.
    pub(super) fn only(&self, allowed: &[&str]) -> Result<(), Refusal> {
        let given = [
            ("amount", self.amount.is_some()),
            ("status", self.status.is_some()),
            ("metadata", self.metadata.is_some()),
            ("raw_patch", self.raw_patch.is_some()),
        ];
        match given.iter().find(|(name, given)| *given && !allowed.contains(name)) {
            Some((name, _)) => Err(Refusal(400, format!("{name} has no meaning here"))),
            None => Ok(()),
        }
    }
}
