//! How far a run of the Stripe connector has come: the document inside its cursors.
//!
//! ```text
//!            ┌────────────── a backfill or lookback is under way ──────────────┐
//! (nothing) ─▶ listing: windows, each with its own place ── all done ─▶ events: everything up to `through` is stored
//!                                                                        │  ▲
//!                                                     lookback mode, ────┘  └──── each window of events
//!                                                     or stale: list again
//! ```

use buffalo_model::Cursor;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::config::{Incremental, StripeConfig};
use super::events::OVERLAP_S;
use super::resource::Resource;
use crate::connector::CursorState;

/// Stripe keeps events for thirty days; a day is left for the run itself.
const STALE_AFTER_S: i64 = 29 * DAY_S;
const DAY_S: i64 = 86_400;

/// The position after a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub(super) enum Position {
    Listing(Listing),
    Events(Events),
}

/// Lists are being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    #[serde(flatten)]
    pub(super) kind: ListingKind,
    /// The vendor's time before the first page; everything that changes later is for the incremental run to find.
    pub(super) started_at: Option<i64>,
    /// In any order, and independent of one another.
    pub(super) windows: Vec<Window>,
}

/// Why lists are being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum ListingKind {
    Backfill,
    Lookback {
        /// Where the incremental runs had come to before it.
        through: i64,
    },
}

/// A part of a list: one resource, created within a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) resource: Resource,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_gte: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_lt: Option<i64>,
    /// The last object that is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    #[serde(default)]
    pub(super) done: bool,
}

/// Everything up to a moment is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Events {
    /// In seconds since 1970, by Stripe's clock.
    pub(super) through: i64,
    /// The resources for which that is so.
    pub(super) resources: Vec<Resource>,
    /// A window of events that is being read, newest first. `through` moves when its oldest page is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<EventWindow>,
    /// What was read again because its events did not suffice, so that the overlap of the next window does not do it
    /// once more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reread: Vec<Reread>,
}

/// An unfinished window of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EventWindow {
    /// Where `through` will be once it is read.
    pub(super) until: i64,
    /// The last event whose page is stored.
    pub(super) after: String,
    /// The second in which that event was created; older events of this second come on the next page.
    pub(super) boundary: i64,
}

/// An object that was read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reread {
    /// The second of its newest event.
    pub(super) created: i64,
    /// A digest of that second's events.
    pub(super) events: String,
}

impl Position {
    /// Begins a listing of everything (a backfill) or of the last days (a lookback).
    pub(super) fn start_listing(kind: ListingKind, config: &StripeConfig, now: DateTime<Utc>) -> Self {
        Self::Listing(start_windows(kind, config, now))
    }

    pub(super) fn read(cursor: &Cursor) -> Result<Self, serde_json::Error> {
        Self::deserialize(cursor.as_value())
    }

    pub(super) fn to_cursor(&self) -> Cursor {
        // A struct of strings, numbers and lists has no way to fail.
        Cursor::new(serde_json::to_value(self).unwrap_or_default())
    }
}

/// The windows of a listing that begins.
pub(super) fn start_windows(kind: ListingKind, config: &StripeConfig, now: DateTime<Utc>) -> Listing {
    let created_gte = match (kind, config.incremental) {
        (ListingKind::Lookback { through }, Incremental::Lookback { days }) => {
            Some(through.min(now.timestamp()) - i64::from(days) * DAY_S)
        }
        _ => None,
    };
    let window = |resource: &Resource| Window {
        resource: *resource,
        created_gte,
        created_lt: None,
        after: None,
        done: false,
    };
    Listing { kind, started_at: None, windows: config.resources.iter().map(window).collect() }
}

/// What a stored cursor allows.
pub(super) fn assess(cursor: &Cursor, config: &StripeConfig, now: DateTime<Utc>) -> CursorState {
    let (begun, resources, state) = match Position::read(cursor) {
        Err(_) => return CursorState::Stale("the stored cursor is not one of this connector".to_owned()),
        Ok(Position::Listing(listing)) => {
            let resources: Vec<_> = listing.windows.iter().map(|window| window.resource).collect();
            let state = match listing.kind {
                ListingKind::Backfill => CursorState::Backfilling,
                ListingKind::Lookback { .. } => CursorState::Current,
            };
            (listing.started_at.unwrap_or(now.timestamp()), resources, state)
        }
        Ok(Position::Events(events)) => (events.through, events.resources, CursorState::Current),
    };
    let age_s = now.timestamp().saturating_sub(begun);
    // What happened before a position that a wrong clock made was never fetched. What a window reaches back is no harm.
    if age_s < -OVERLAP_S {
        return CursorState::Stale(
            "the stored cursor lies in the future: what happened before it may not have been fetched"
                .to_owned(),
        );
    }
    let limit_s = match config.incremental {
        Incremental::Events => STALE_AFTER_S,
        Incremental::Lookback { days } => i64::from(days) * DAY_S,
    };
    if age_s > limit_s {
        let (age, limit) = (age_s / DAY_S, limit_s / DAY_S);
        return CursorState::Stale(format!(
            "the cursor is {age} days old, changes can be followed for {limit}"
        ));
    }
    match config.resources.iter().find(|resource| !resources.contains(resource)) {
        Some(missing) => CursorState::Stale(format!("{missing} have not been fetched so far")),
        None => state,
    }
}

#[cfg(test)]
#[path = "position_tests.rs"]
mod tests;
