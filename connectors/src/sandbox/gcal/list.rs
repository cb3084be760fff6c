//! Lists of events: as a whole, and what changed since a sync token.
//!
//! Tokens say where a list goes on, with which parameters it began, and of which generation they are; they look like
//! nothing to their reader.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::calendar::{Calendar, Event};
use super::errors::ApiError;
use super::json::push_string;
use super::reply::Reply;

const MOST: usize = 2_500;
const USUAL: usize = 250;

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
    generation: u32,
    /// The parameters that must stay the same.
    parameters: String,
    /// The change after which the list gives what changed; none for a list of all.
    since: Option<u64>,
    /// What the list covers: later changes are for the next one.
    until: u64,
    /// On a page of a list of all the place of the next event, on one of changes the last change.
    after: Option<u64>,
}

impl Place {
    fn to_token(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn read(token: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()
    }
}

/// Answers a list.
pub(super) fn events(calendar: &Calendar, query: &[(String, String)]) -> Result<Reply, ApiError> {
    let value = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let limit = match value("maxResults").map(str::parse::<usize>) {
        None => USUAL,
        Some(Ok(limit)) if limit > 0 => limit.min(MOST),
        Some(_) => return Err(ApiError::invalid("Invalid value for maxResults")),
    };
    let sync_token = value("syncToken");
    if sync_token.is_some()
        && let Some((name, _)) = query.iter().find(|(name, _)| NOT_WITH_SYNC_TOKEN.contains(&name.as_str()))
    {
        return Err(ApiError::invalid(format!("Sync token cannot be used with {name}")));
    }
    let show_deleted = value("showDeleted") == Some("true");
    let single = value("singleEvents") == Some("true");
    let parameters = format!("{limit} {show_deleted} {single}");
    let fresh = Place {
        generation: calendar.generation,
        parameters: parameters.clone(),
        since: None,
        until: calendar.last_change(),
        after: None,
    };
    let place = match (value("pageToken"), sync_token) {
        (Some(page), _) => Place::read(page).ok_or_else(|| ApiError::invalid("Invalid page token value."))?,
        (None, Some(sync)) => {
            let known = Place::read(sync).ok_or_else(ApiError::sync_token_gone)?;
            Place {
                since: Some(known.until),
                parameters: known.parameters,
                generation: known.generation,
                ..fresh
            }
        }
        (None, None) => fresh,
    };
    if place.generation != calendar.generation {
        return Err(ApiError::sync_token_gone());
    }
    if place.parameters != parameters {
        return Err(ApiError::invalid("The parameters differ from those of the first request."));
    }
    let mut page = Page::new(if calendar.take_empty_page() { 0 } else { limit });
    let next = match place.since {
        None => {
            let from = usize::try_from(place.after.unwrap_or(0)).unwrap_or(usize::MAX);
            let shown = calendar.listed_after(from).filter(|(_, event)| show_deleted || !event.cancelled);
            page.fill(shown.map(|(at, event)| (at as u64, event)))
        }
        Some(since) => {
            let changed = calendar.changed(place.after.map_or(since, |next| next - 1), place.until);
            page.fill(changed)
        }
    };
    Ok(Reply::json(200, page.finish(next, place)))
}

/// A page being written.
struct Page {
    room: usize,
    body: Vec<u8>,
}

impl Page {
    fn new(room: usize) -> Self {
        let body = br#"{"kind":"calendar#events","etag":"\"p33\"","summary":"Sandbox","timeZone":"Europe/Berlin","accessRole":"reader","items":["#;
        Self { room, body: body.to_vec() }
    }

    /// Writes events while there is room; returns the key of the first that has none.
    fn fill<'a>(&mut self, events: impl Iterator<Item = (u64, &'a Event)>) -> Option<u64> {
        for (written, (key, event)) in events.enumerate() {
            if written == self.room {
                return Some(key);
            }
            if written > 0 {
                self.body.push(b',');
            }
            self.body.extend_from_slice(&event.json);
        }
        None
    }

    fn finish(mut self, next: Option<u64>, place: Place) -> Vec<u8> {
        let (name, token) = match next {
            Some(next) => ("nextPageToken", Place { after: Some(next), ..place }),
            None => ("nextSyncToken", Place { since: None, after: None, ..place }),
        };
        self.body.extend_from_slice(b"],");
        push_string(&mut self.body, name);
        self.body.push(b':');
        push_string(&mut self.body, &token.to_token());
        self.body.push(b'}');
        self.body
    }
}
