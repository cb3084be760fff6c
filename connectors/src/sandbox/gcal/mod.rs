//! The part of the sandbox that behaves as Google Calendar does, under `/calendar/v3/` and `/calendars/`, and as Google's
//! token endpoint, `/token`.
//!
//! `history` says what there is and `render` writes it, `calendar` lays changes over it and keeps their order, `list`
//! answers and refuses, `tokens` issues and checks access tokens, `control` changes things, `states` says what a correct
//! consumer must have.

mod calendar;
mod control;
mod errors;
mod history;
mod list;
mod push;
mod render;
mod states;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Mutex, RwLock};

use hyper::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;

use calendar::Calendar;
pub(super) use control::answer as control;
use errors::ApiError;
use history::History;
use push::Channels;
pub use tokens::SERVICE_ACCOUNT_KEY;
use tokens::Tokens;

use super::clock::Clock;
use super::options::SandboxOptions;
use super::query::{decode, pairs};
use super::reply::Reply;
use super::shared::{locked, read};
use super::{json, reply};

/// The calendars of an account.
#[derive(Debug)]
pub(super) struct GoogleCalendar {
    calendars: RwLock<BTreeMap<String, Calendar>>,
    tokens: Mutex<Tokens>,
    refusals: Mutex<Refusals>,
    channels: Mutex<Channels>,
}

/// An order to refuse the next requests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusals {
    reason: String,
    #[serde(default = "forbidden")]
    status: u16,
    #[serde(default = "once")]
    times: u32,
}

fn forbidden() -> u16 {
    403
}

fn once() -> u32 {
    1
}

impl Refusals {
    fn take(&mut self) -> Result<(), ApiError> {
        if self.times == 0 {
            return Ok(());
        }
        self.times -= 1;
        Err(ApiError::of_reason(self.status, &self.reason))
    }
}

/// A request, as far as it matters.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// Whether a path is Google's.
pub(super) fn owns(path: &str) -> bool {
    path == "/token"
        || path == "/channels/stop"
        || path.starts_with("/calendar/v3/")
        || path.starts_with("/calendars/")
}

impl GoogleCalendar {
    pub(super) fn new(options: &SandboxOptions) -> Self {
        let calendar = |number: u32| {
            // The first is what `primary` stands for.
            let name = if number == 0 { "primary".to_owned() } else { format!("team-{number}@example.com") };
            (name.clone(), Calendar::new(name, History::new(options, u64::from(number))))
        };
        Self {
            calendars: RwLock::new((0..options.calendars.max(1)).map(calendar).collect()),
            tokens: Mutex::new(Tokens::new(&options.google_token)),
            refusals: Mutex::default(),
            channels: Mutex::default(),
        }
    }

    /// Answers a request.
    pub(super) fn answer(&self, asked: &Asked<'_>, clock: &Clock) -> Reply {
        if asked.path == "/token" {
            return locked(&self.tokens).issue(asked.body, clock.unix_s());
        }
        self.admitted(asked, clock).unwrap_or_else(|error| error.into_reply())
    }

    /// The error that a fault asks for.
    pub(super) fn fault(status: u16) -> Reply {
        ApiError::of_status(status).into_reply()
    }

    fn admitted(&self, asked: &Asked<'_>, clock: &Clock) -> Result<Reply, ApiError> {
        let bearer =
            asked.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        if !locked(&self.tokens).accepts(bearer.unwrap_or_default(), clock.unix_s()) {
            return Err(ApiError::of_status(401));
        }
        locked(&self.refusals).take()?;
        let path = asked.path.strip_prefix("/calendar/v3").unwrap_or(asked.path);
        let parts: Vec<String> = path.split('/').skip(1).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (asked.method, &parts[..]) {
            ("GET", ["calendars", id, "events"]) => {
                let query: Vec<(String, String)> = pairs(asked.query).collect();
                list::events(read(&self.calendars).get(*id).ok_or_else(ApiError::not_found)?, &query)
            }
            ("GET", ["calendars", id]) => {
                read(&self.calendars).get(*id).ok_or_else(ApiError::not_found)?;
                let mut body = br#"{"kind":"calendar#calendar","id":"#.to_vec();
                json::push_string(&mut body, id);
                body.extend_from_slice(br#","summary":"Sandbox","timeZone":"Europe/London"}"#);
                Ok(Reply::json(200, body))
            }
            ("GET", ["calendars", id, "events", event]) => {
                let calendars = read(&self.calendars);
                let calendar = calendars.get(*id).ok_or_else(ApiError::not_found)?;
                let mut body = Vec::new();
                calendar.render(calendar.find(event).ok_or_else(ApiError::not_found)?, &mut body);
                Ok(Reply::json(200, body))
            }
            ("POST", ["calendars", id, "events", "watch"]) => {
                read(&self.calendars).get(*id).ok_or_else(ApiError::not_found)?;
                locked(&self.channels).watch(id, asked.body, clock.unix_s())
            }
            ("POST", ["channels", "stop"]) => locked(&self.channels).stop(asked.body),
            _ => Err(ApiError::not_found()),
        }
    }
}
