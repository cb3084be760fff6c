//! Push channels: subscriptions that some vendors let expire, so that they have to be opened again and again.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

/// A channel that was opened at a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushChannel {
    /// Our id of it.
    pub id: String,
    /// What it tells of, such as a calendar.
    pub subject: String,
    /// The vendor's id of that, which is needed to close it.
    pub resource: String,
    /// Where it posts to.
    pub address: String,
    /// What was agreed on when it was opened; where that has changed, it is of no use any more.
    pub terms: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

impl PushChannel {
    /// An id that no channel has had.
    #[must_use]
    pub fn new_id() -> String {
        Uuid::new_v4().to_string()
    }
}

/// What was done about a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchStep {
    /// What it tells of.
    pub subject: String,
    /// What was done.
    #[serde(flatten)]
    pub did: WatchDeed,
}

/// What can be done about a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "did")]
pub enum WatchDeed {
    /// It was opened.
    Opened {
        /// When it ends by itself.
        expires_at: DateTime<Utc>,
    },
    /// It goes on as it is.
    Kept {
        /// When it ends by itself.
        expires_at: DateTime<Utc>,
    },
    /// It was closed.
    Closed,
    /// It could not be opened or closed; the next time it is tried again.
    Failed {
        /// Why.
        error: String,
    },
}
