//! How far a run of the Google Calendar connector has come: the document inside its cursors.
//!
//! ```text
//!                  page after page                        page after page
//!                      ┌──┐                                    ┌──┐
//!                      │  ▼      last page: a sync token       │  ▼
//! (nothing) ─────▶ listing ──────────────────────────▶ following changes
//!                      ▲    a token that is no longer valid    │
//!                      └───────────────────────────────────────┘
//! ```
//!
//! A server without sync tokens leads back to nothing after the last page, and the next run lists everything again.

use std::collections::BTreeMap;

use buffalo_model::Cursor;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::connector::CursorState;

/// The position after a page: that of each calendar, which are independent of one another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) calendars: BTreeMap<String, Place>,
}

/// The place in one calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Everything up to this token is stored; none while the calendar is listed as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sync_token: Option<String>,
    /// The next page of a sequence that is not at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) page_token: Option<String>,
    /// The vendor's time before the first page of the listing, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) listed_from: Option<i64>,
    /// The time with which the last page was stamped, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stamped: Option<i64>,
}

impl Place {
    /// Whether nothing is known, so that the calendar is listed from its beginning.
    pub(super) fn is_beginning(&self) -> bool {
        self.sync_token.is_none() && self.page_token.is_none()
    }

    /// Goes back to the beginning. What is listed from there is stamped later than all that was seen before, so that
    /// what is not listed can be told by its stamp.
    pub(super) fn restart(&mut self) {
        let stamped = self.stamped.map(|last| last.saturating_add(1));
        *self = Self { stamped, ..Self::default() };
    }

    /// The time for what an answer says. The answers of a calendar are asked for one after the other, so each is as
    /// true as the one before or truer; but a slow answer counts as asked for before a quick one that preceded it, by
    /// as much as it took. It would lose against what is stored, and what it lists would look like not seen in a
    /// listing that began later.
    pub(super) fn stamp(&mut self, asked_at: DateTime<Utc>) -> DateTime<Utc> {
        let last = self.stamped.and_then(|last| DateTime::from_timestamp(last, 0));
        let stamp = last.map_or(asked_at, |last| last.max(asked_at));
        self.stamped = Some(stamp.timestamp());
        stamp
    }
}

impl Position {
    pub(super) fn read(cursor: &Cursor) -> Result<Self, serde_json::Error> {
        Self::deserialize(cursor.as_value())
    }

    pub(super) fn to_cursor(&self) -> Cursor {
        // A struct of strings, numbers and lists has no way to fail.
        Cursor::new(serde_json::to_value(self).unwrap_or_default())
    }
}

/// What a stored cursor allows. A calendar that was added to the configuration is listed beside the others.
pub(super) fn assess(cursor: &Cursor, calendars: &[String]) -> CursorState {
    let Ok(position) = Position::read(cursor) else {
        return CursorState::Stale("the stored cursor is not one of this connector".to_owned());
    };
    let listed =
        |calendar: &String| position.calendars.get(calendar).is_some_and(|place| place.sync_token.is_some());
    if calendars.iter().all(listed) { CursorState::Current } else { CursorState::Backfilling }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_was_stored_is_assessed() {
        let calendars = ["a".to_owned(), "b".to_owned()];
        let assessed = |cursor: serde_json::Value| assess(&Cursor::new(cursor), &calendars);
        let done = json!({"sync_token": "t"});
        assert_eq!(assessed(json!({"calendars": {"a": done, "b": done, "c": {}}})), CursorState::Current);
        assert_eq!(assessed(json!({"calendars": {"a": done}})), CursorState::Backfilling);
        assert_eq!(assessed(json!({"calendars": {"a": done, "b": {}}})), CursorState::Backfilling);
        assert_eq!(
            assessed(json!({"calendars": {"a": done, "b": {"page_token": "p"}}})),
            CursorState::Backfilling
        );
        for garbage in [json!(null), json!(7), json!({"phase": "events"}), json!({"calendars": [1]})] {
            assert!(matches!(assessed(garbage), CursorState::Stale(_)));
        }
    }

    #[test]
    fn stamps_never_go_back() {
        let mut place = Place::default();
        let at = |unix| DateTime::from_timestamp(unix, 0).unwrap();
        let stamps = [100, 98, 101, 101, 90].map(|asked_at| place.stamp(at(asked_at)).timestamp());
        assert_eq!(stamps, [100, 100, 101, 101, 101]);
        place.sync_token = Some("t".to_owned());
        place.restart();
        assert!(place.is_beginning());
        assert_eq!(place.stamp(at(99)), at(102), "a new listing is later than what it replaces");
    }
}
