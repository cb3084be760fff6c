//! How far a run of the HubSpot connector has come: the document inside its cursors.
//!
//! ```text
//! (nothing) ─▶ listing: the live list, or windows of ids, then the bin ── all listed ─▶ changes: up to `through_ms`
//!                                                                                       │  ▲
//!                                                                  a search window, ────┘  └──── then some of the bin
//! ```

use buffalo_model::Cursor;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::connector::CursorState;

/// HubSpot forgets what was deleted after ninety days: a cursor that is older can't learn of all deletions. Ten days are
/// left for the run itself.
const STALE_AFTER: TimeDelta = TimeDelta::days(80);

/// How far clocks of ours may be apart. A cursor that is further ahead was moved by a wrong clock.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(10);

/// The position after a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub(super) enum Position {
    Listing(Listing),
    Changes(Changes),
}

/// Everything is being listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    /// A time before the first page was asked for, by HubSpot's clock; what changes later is for the incremental run to
    /// find. In milliseconds since 1970, as all times here.
    pub(super) began_ms: Option<i64>,
    /// Where the next page of the live list begins, while a small account is listed instead of being searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) live_after: Option<String>,
    /// Whether what is live was listed, which proves more than a search.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) by_list: bool,
    /// What is left of the live objects, in any order; none before the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) windows: Option<Vec<IdWindow>>,
    /// Where the next page of the bin begins; the bin's turn comes when no window is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bin_after: Option<String>,
}

/// A range of ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IdWindow {
    /// The greatest id that is stored, or that is another window's.
    pub(super) after_id: u64,
    /// The greatest id in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) up_to_id: Option<u64>,
}

/// Everything up to a moment is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changes {
    pub(super) through_ms: i64,
    /// Up to where changes were searched for a second time, long after they were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) late_ms: Option<i64>,
    /// A search that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<SearchWindow>,
    /// Where the next run goes on looking through the bin; at its start, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bin_after: Option<String>,
}

/// An unfinished search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SearchWindow {
    /// Where the window ends.
    pub(super) until_ms: i64,
    /// Where `through_ms` will be once it is read.
    pub(super) through_ms: i64,
    /// Where `late_ms` will be then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) late_ms: Option<i64>,
    /// The greatest id that is stored.
    pub(super) after_id: u64,
}

impl Position {
    pub(super) fn read(cursor: &Cursor) -> Result<Self, serde_json::Error> {
        Self::deserialize(cursor.as_value())
    }

    pub(super) fn to_cursor(&self) -> Cursor {
        // A struct of strings and numbers has no way to fail.
        Cursor::new(serde_json::to_value(self).unwrap_or_default())
    }
}

/// What a stored cursor allows.
pub(super) fn assess(cursor: &Cursor, now: DateTime<Utc>) -> CursorState {
    let (begun_ms, state) = match Position::read(cursor) {
        Err(_) => return CursorState::Stale("the stored cursor is not one of this connector".to_owned()),
        Ok(Position::Listing(listing)) => {
            (listing.began_ms.unwrap_or(now.timestamp_millis()), CursorState::Backfilling)
        }
        Ok(Position::Changes(changes)) => (changes.through_ms, CursorState::Current),
    };
    let Some(begun) = DateTime::from_timestamp_millis(begun_ms).filter(|begun| *begun <= now + CLOCKS_APART)
    else {
        let what = "the stored cursor lies in the future: what changed before it may not have been fetched";
        return CursorState::Stale(what.to_owned());
    };
    let age = now - begun;
    if age > STALE_AFTER {
        let (age, limit) = (age.num_days(), STALE_AFTER.num_days());
        return CursorState::Stale(format!(
            "the cursor is {age} days old, deletions can be followed for {limit}"
        ));
    }
    state
}

#[cfg(test)]
mod unit_tests {
    use serde_json::json;

    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;
    const DAY_MS: i64 = 86_400_000;

    fn state(cursor: serde_json::Value) -> CursorState {
        assess(&Cursor::new(cursor), DateTime::from_timestamp_millis(NOW_MS).unwrap())
    }

    #[test]
    fn positions_are_current_until_deletions_are_forgotten() {
        let changes = |through_ms: i64| json!({ "phase": "changes", "through_ms": through_ms });
        assert_eq!(state(changes(NOW_MS - 79 * DAY_MS)), CursorState::Current);
        assert!(matches!(state(changes(NOW_MS - 81 * DAY_MS)), CursorState::Stale(_)));
        let listing = |began_ms: i64| json!({ "phase": "listing", "began_ms": began_ms, "after": "x" });
        assert_eq!(state(listing(NOW_MS - DAY_MS)), CursorState::Backfilling);
        assert!(matches!(state(listing(NOW_MS - 100 * DAY_MS)), CursorState::Stale(_)));
        for strange in [
            json!(null),
            json!({}),
            json!("x"),
            json!({ "phase": "events" }),
            changes(NOW_MS + 3_600_000),
            changes(i64::MAX),
            changes(i64::MIN),
        ] {
            assert!(matches!(state(strange.clone()), CursorState::Stale(_)), "{strange}");
        }
    }

    #[test]
    fn a_position_reads_back_as_it_was_written() {
        let windows = vec![
            IdWindow { after_id: 3, up_to_id: Some(u64::MAX) },
            IdWindow { after_id: 1, up_to_id: None },
        ];
        let listing = Listing {
            began_ms: Some(5),
            live_after: Some("z".to_owned()),
            by_list: true,
            windows: Some(windows),
            bin_after: Some("x".to_owned()),
        };
        let window = SearchWindow { until_ms: 9, through_ms: 8, late_ms: Some(6), after_id: u64::MAX };
        let changes = Changes {
            through_ms: 7,
            late_ms: Some(5),
            window: Some(window),
            bin_after: Some("y".to_owned()),
        };
        for position in [Position::Listing(listing), Position::Changes(changes)] {
            assert_eq!(Position::read(&position.to_cursor()).unwrap(), position);
        }
    }
}
