//! A calendar as it stands: the generated history with the control interface's changes laid over it, and the order in
//! which these were made.
//!
//! An event has a place in the calendar's own order, which it keeps for ever. Generated events come first.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value};

use super::history::{Facts, History};

/// An event that was made or changed through the control interface.
#[derive(Debug)]
struct Made {
    id: String,
    json: Vec<u8>,
    cancelled: bool,
    change: u64,
}

/// What is true of an event.
#[derive(Debug)]
pub(super) enum Truth<'a> {
    Generated(Facts),
    /// What the control interface was told.
    Made(&'a [u8]),
}

/// One calendar.
#[derive(Debug)]
pub(super) struct Calendar {
    pub name: String,
    history: History,
    made: HashMap<u64, Made>,
    /// Places of the events that the history does not have.
    places: HashMap<String, u64>,
    /// Removed without a trace, as Google does after a while.
    vanished: HashSet<u64>,
    /// The newest change of each event that was changed, oldest first.
    changes: BTreeMap<u64, u64>,
    last_change: u64,
    /// Sync tokens of earlier generations are no longer valid.
    pub sync_generation: u32,
    /// Nor are page tokens of earlier ones.
    pub page_generation: u32,
    /// How many pages are to come without events.
    pub empty_pages: AtomicU32,
}

impl Calendar {
    pub(super) fn new(name: String, history: History) -> Self {
        Self {
            name,
            history,
            made: HashMap::new(),
            places: HashMap::new(),
            vanished: HashSet::new(),
            changes: BTreeMap::new(),
            last_change: 0,
            sync_generation: 0,
            page_generation: 0,
            empty_pages: AtomicU32::new(0),
        }
    }

    /// Adds an event or replaces what is known of it.
    pub(super) fn put(&mut self, id: &str, json: Vec<u8>, cancelled: bool) {
        self.last_change += 1;
        let change = self.last_change;
        let place = self.place_of(id).unwrap_or_else(|| {
            let place = self.end();
            self.places.insert(id.to_owned(), place);
            place
        });
        self.vanished.remove(&place);
        if let Some(before) = self.made.insert(place, Made { id: id.to_owned(), json, cancelled, change }) {
            self.changes.remove(&before.change);
        }
        self.changes.insert(change, place);
    }

    /// Removes an event without a trace. Returns whether it was there.
    pub(super) fn vanish(&mut self, id: &str) -> bool {
        let Some(place) = self.find(id) else { return false };
        if let Some(made) = self.made.get(&place) {
            self.changes.remove(&made.change);
        }
        self.vanished.insert(place)
    }

    /// The place of the event with this id.
    pub(super) fn find(&self, id: &str) -> Option<u64> {
        self.place_of(id).filter(|place| !self.vanished.contains(place))
    }

    pub(super) fn id(&self, place: u64) -> String {
        match self.made.get(&place) {
            Some(made) => made.id.clone(),
            None => self.history.id(&self.history.facts(place)),
        }
    }

    pub(super) fn truth(&self, place: u64) -> Truth<'_> {
        match self.made.get(&place) {
            Some(made) => Truth::Made(&made.json),
            None => Truth::Generated(self.history.facts(place)),
        }
    }

    pub(super) fn is_cancelled(&self, place: u64) -> bool {
        match self.made.get(&place) {
            Some(made) => made.cancelled,
            None => self.history.facts(place).is_cancelled(),
        }
    }

    /// The series of a generated occurrence.
    pub(super) fn id_of_number(&self, number: u64) -> String {
        self.history.plain_id(number)
    }

    /// Appends the event at a place.
    pub(super) fn render(&self, place: u64, out: &mut Vec<u8>) {
        match self.made.get(&place) {
            Some(made) => out.extend_from_slice(&made.json),
            None => self.history.render(place, out),
        }
    }

    pub(super) fn last_change(&self) -> u64 {
        self.last_change
    }

    /// Places of events, from one on.
    pub(super) fn listed_from(&self, place: u64) -> impl Iterator<Item = u64> {
        (place..self.end()).filter(|place| !self.vanished.contains(place))
    }

    /// Events that changed after one change, up to another, in that order: change and place.
    pub(super) fn changed(&self, after: u64, until: u64) -> impl Iterator<Item = (u64, u64)> {
        let changes = self.changes.range(after.saturating_add(1)..);
        changes.map(|(change, place)| (*change, *place)).take_while(move |(change, _)| *change <= until)
    }

    /// Takes one of the empty pages that were ordered.
    pub(super) fn take_empty_page(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.empty_pages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn place_of(&self, id: &str) -> Option<u64> {
        self.places.get(id).copied().or_else(|| self.history.place_of(id))
    }

    /// The place of the next event to be made.
    fn end(&self) -> u64 {
        self.history.len() + self.places.len() as u64
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
