//! A calendar's events, and the order in which they changed.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value};

/// An event as it is listed.
#[derive(Debug)]
pub(super) struct Event {
    pub id: String,
    pub json: Vec<u8>,
    pub cancelled: bool,
    /// Removed without a trace, as Google does after a while.
    pub vanished: bool,
    change: u64,
}

/// One calendar.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    events: Vec<Event>,
    by_id: HashMap<String, usize>,
    /// The newest change of each event, oldest first.
    changes: BTreeMap<u64, usize>,
    last_change: u64,
    /// Sync tokens of earlier generations are no longer valid.
    pub generation: u32,
    /// How many pages are to come without events.
    pub empty_pages: AtomicU32,
}

impl Calendar {
    /// Adds an event or replaces what is known of it.
    pub(super) fn put(&mut self, id: &str, json: Vec<u8>, cancelled: bool) {
        self.last_change += 1;
        let change = self.last_change;
        let event = Event { id: id.to_owned(), json, cancelled, vanished: false, change };
        let at = match self.by_id.get(id) {
            Some(&at) => {
                self.changes.remove(&self.events[at].change);
                self.events[at] = event;
                at
            }
            None => {
                self.events.push(event);
                self.by_id.insert(id.to_owned(), self.events.len() - 1);
                self.events.len() - 1
            }
        };
        self.changes.insert(change, at);
    }

    pub(super) fn find(&self, id: &str) -> Option<&Event> {
        self.by_id.get(id).map(|at| &self.events[*at]).filter(|event| !event.vanished)
    }

    /// Removes an event without a trace. Returns whether it was there.
    pub(super) fn vanish(&mut self, id: &str) -> bool {
        let Some(&at) = self.by_id.get(id) else { return false };
        self.events[at].vanished = true;
        self.changes.remove(&self.events[at].change);
        true
    }

    pub(super) fn last_change(&self) -> u64 {
        self.last_change
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| !event.vanished)
    }

    /// Events from a place in the calendar's own order on, with their places.
    pub(super) fn listed_after(&self, place: usize) -> impl Iterator<Item = (usize, &Event)> {
        self.events.iter().enumerate().skip(place).filter(|(_, event)| !event.vanished)
    }

    /// Events that changed after one change, up to another, in that order.
    pub(super) fn changed(&self, after: u64, until: u64) -> impl Iterator<Item = (u64, &Event)> {
        let range = after.saturating_add(1)..=until.max(after.saturating_add(1));
        let wanted = move |change: u64| change <= until;
        self.changes
            .range(range)
            .filter(move |(change, _)| wanted(**change))
            .map(|(change, at)| (*change, &self.events[*at]))
    }

    /// Takes one of the empty pages that were ordered.
    pub(super) fn take_empty_page(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.empty_pages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// What Google says of a cancelled event: of an exception where it belonged, of any other nothing but its id.
pub(super) fn cancelled(id: &str, was: &Map<String, Value>) -> Value {
    let mut event = serde_json::json!({"kind": "calendar#event", "id": id, "status": "cancelled"});
    for name in ["recurringEventId", "originalStartTime"] {
        if let Some(value) = was.get(name) {
            event[name] = value.clone();
        }
    }
    event
}
