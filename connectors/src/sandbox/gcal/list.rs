//! Lists of events: as a whole, and what changed since a sync token.
//!
//! Tokens say where a list goes on, with which parameters it began, and of which generation they are; they look like
//! nothing to their reader. A series is always shown as its master: `singleEvents` is a parameter like any other.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::errors::ApiError;
use super::json::push_string;
use super::reply::Reply;

const MOST: usize = 2_500;
const USUAL: usize = 250;
/// More than most events take.
const EVENT_BYTES: usize = 1_536;

/// Parameters that a list with a sync token refuses.
const NOT_WITH_SYNC_TOKEN: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    calendar: String,
    sync_generation: u32,
    page_generation: u32,
    /// The parameters that must stay the same.
    parameters: String,
    /// The change after which the list gives what changed; none for a list of all.
    since: Option<u64>,
    /// What the list covers: later changes are for the next one.
    until: u64,
    /// On a page of a list of all the place of its first event, on one of changes the first change.
    next: Option<u64>,
}

impl Place {
    fn to_token(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn read(token: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()
    }
}

/// What a list is asked for with.
struct Wanted<'a> {
    query: &'a [(String, String)],
    limit: usize,
    show_deleted: bool,
}

impl<'a> Wanted<'a> {
    fn read(query: &'a [(String, String)]) -> Result<Self, ApiError> {
        let mut wanted = Self { query, limit: USUAL, show_deleted: false };
        wanted.limit = match wanted.value("maxResults").map(str::parse::<usize>) {
            None => USUAL,
            Some(Ok(limit)) if limit > 0 => limit.min(MOST),
            Some(_) => return Err(ApiError::invalid("maxResults", "Invalid value for maxResults")),
        };
        wanted.show_deleted = wanted.value("showDeleted") == Some("true");
        if wanted.value("syncToken").is_some() {
            wanted.refuse_beside_sync_token()?;
        }
        Ok(wanted)
    }

    fn refuse_beside_sync_token(&self) -> Result<(), ApiError> {
        if let Some(name) = NOT_WITH_SYNC_TOKEN.into_iter().find(|name| self.value(name).is_some()) {
            return Err(ApiError::invalid(name, &format!("Sync token cannot be used with {name}")));
        }
        if self.value("showDeleted") == Some("false") {
            let message = "Sync token cannot be used without deleted events";
            return Err(ApiError::invalid("showDeleted", message));
        }
        Ok(())
    }

    fn value(&self, wanted: &str) -> Option<&'a str> {
        self.query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    fn parameters(&self) -> String {
        let single = self.value("singleEvents") == Some("true");
        format!("{} {} {single}", self.limit, self.show_deleted)
    }

    /// Where the list begins or goes on.
    fn place(&self, calendar: &Calendar) -> Result<Place, ApiError> {
        let fresh = Place {
            calendar: calendar.name.clone(),
            sync_generation: calendar.sync_generation,
            page_generation: calendar.page_generation,
            parameters: self.parameters(),
            since: None,
            until: calendar.last_change(),
            next: None,
        };
        let place = match (self.value("pageToken"), self.value("syncToken")) {
            (None, None) => return Ok(fresh),
            (Some(page), _) => {
                let known = Place::read(page).filter(|place| {
                    place.calendar == calendar.name && place.page_generation == calendar.page_generation
                });
                known.ok_or_else(|| ApiError::invalid("pageToken", "Invalid page token value."))?
            }
            (None, Some(sync)) => {
                let known = Place::read(sync).filter(|place| place.calendar == calendar.name);
                let known = known.ok_or_else(ApiError::sync_token_gone)?;
                let (sync_generation, parameters) = (known.sync_generation, known.parameters);
                Place { since: Some(known.until), parameters, sync_generation, ..fresh }
            }
        };
        if place.since.is_some() && place.sync_generation != calendar.sync_generation {
            return Err(ApiError::sync_token_gone());
        }
        if place.parameters != self.parameters() {
            let message = "The parameters differ from those of the first request.";
            return Err(ApiError::invalid("maxResults", message));
        }
        Ok(place)
    }
}

/// Answers a list.
pub(super) fn events(calendar: &Calendar, query: &[(String, String)]) -> Result<Reply, ApiError> {
    let wanted = Wanted::read(query)?;
    let place = wanted.place(calendar)?;
    let room = if calendar.take_empty_page() { 0 } else { wanted.limit };
    let mut page = Page::new(calendar, room);
    let next = match place.since {
        None => {
            let listed = calendar.listed_from(place.next.unwrap_or(0));
            let shown = listed.filter(|place| wanted.show_deleted || !calendar.is_cancelled(*place));
            page.fill(shown.map(|place| (place, place)))
        }
        Some(since) => page.fill(calendar.changed(place.next.map_or(since, |next| next - 1), place.until)),
    };
    Ok(Reply::json(200, page.finish(next, place)))
}

/// A page being written.
struct Page<'a> {
    calendar: &'a Calendar,
    room: usize,
    body: Vec<u8>,
}

impl<'a> Page<'a> {
    fn new(calendar: &'a Calendar, room: usize) -> Self {
        const HEAD: &[u8] = br#"{"kind":"calendar#events","etag":"\"p33\"","summary":"Sandbox","timeZone":"Europe/London","accessRole":"reader","items":["#;
        let mut body = Vec::with_capacity(HEAD.len() + room * EVENT_BYTES);
        body.extend_from_slice(HEAD);
        Self { calendar, room, body }
    }

    /// Writes events, given as key and place, while there is room; returns the key of the first that has none.
    fn fill(&mut self, events: impl Iterator<Item = (u64, u64)>) -> Option<u64> {
        for (written, (key, place)) in events.enumerate() {
            if written == self.room {
                return Some(key);
            }
            if written > 0 {
                self.body.push(b',');
            }
            self.calendar.render(place, &mut self.body);
        }
        None
    }

    fn finish(mut self, next: Option<u64>, place: Place) -> Vec<u8> {
        let (name, token) = match next {
            Some(next) => ("nextPageToken", Place { next: Some(next), ..place }),
            None => {
                let sync_generation = self.calendar.sync_generation;
                ("nextSyncToken", Place { since: None, next: None, sync_generation, ..place })
            }
        };
        self.body.extend_from_slice(b"],");
        push_string(&mut self.body, name);
        self.body.push(b':');
        push_string(&mut self.body, &token.to_token());
        self.body.push(b'}');
        self.body
    }
}
