//! The part of the sandbox that behaves as HubSpot's CRM does, under `/crm/` and `/account-info/`.
//!
//! It speaks the paths of `2026-09` and of `v3`. How the parts fit:
//!
//! - `generate` makes the history, `shelf` lays changes over it and remembers what was, `record` is what comes out;
//! - `account`, `fields`, `values` and `render` write, `query`, `filters` and `search` find;
//! - `oddities` says in which ways answers are unlike the documentation;
//! - `limits` and `errors` refuse; `control` changes things, `expected` says what a correct consumer must have found.

mod account;
mod control;
mod errors;
mod expected;
mod fields;
mod filters;
mod generate;
mod limits;
mod oddities;
mod query;
mod record;
mod render;
mod search;
mod shelf;
mod values;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, RwLock};

use hyper::header::{AUTHORIZATION, HeaderMap};

pub(super) use control::answer as control;
use errors::ApiError;
use filters::Search;
use generate::Generator;
use limits::Limits;
use oddities::Oddities;
use record::Kind;
use shelf::Shelf;

use super::clock::{Clock, since_epoch};
use super::options::SandboxOptions;
use super::query::pairs;
use super::reply::Reply;
use super::shared::{locked, read};
use super::{ids, json, reply};

/// The portal.
#[derive(Debug)]
pub(super) struct HubSpot {
    seed: u64,
    token: String,
    deals: RwLock<Shelf>,
    contacts: RwLock<Shelf>,
    limits: Mutex<Limits>,
    /// How long ago it is what searches show.
    search_lag_ms: AtomicU32,
    oddities: Mutex<Oddities>,
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

/// Whether a path is HubSpot's.
pub(super) fn owns(path: &str) -> bool {
    path.starts_with("/crm/") || path.starts_with("/account-info/")
}

/// The path with an id replaced, so that objects count together.
pub(super) fn pattern(path: &str) -> Option<String> {
    match route(path)? {
        Route::Object(_, id) => Some(format!("{}{{id}}", path.strip_suffix(id)?)),
        _ => None,
    }
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'a> {
    List(Kind),
    Object(Kind, &'a str),
    Search(Kind),
    Batch(Kind),
    Pipelines,
    Details,
}

fn route(path: &str) -> Option<Route<'_>> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (kind, rest) = match &parts[..] {
        ["crm", "pipelines", "2026-09", "deals"] | ["crm", "v3", "pipelines", "deals"] => {
            return Some(Route::Pipelines);
        }
        ["account-info", "2026-09" | "v3", "details"] => return Some(Route::Details),
        ["crm", "objects", "2026-09", kind, rest @ ..] | ["crm", "v3", "objects", kind, rest @ ..] => {
            (Kind::named(kind)?, rest)
        }
        _ => return None,
    };
    match rest {
        [] => Some(Route::List(kind)),
        ["search"] => Some(Route::Search(kind)),
        ["batch", "read"] => Some(Route::Batch(kind)),
        [id] if !id.is_empty() => Some(Route::Object(kind, id)),
        _ => None,
    }
}

impl HubSpot {
    pub(super) fn new(options: &SandboxOptions) -> Self {
        let shelf = |kind, count| {
            let SandboxOptions { seed, until_unix, span_days, .. } = *options;
            RwLock::new(Shelf::new(Generator::new(kind, count, seed, until_unix, span_days)))
        };
        Self {
            seed: options.seed,
            token: options.hubspot_token.clone(),
            deals: shelf(Kind::Deals, options.deals),
            contacts: shelf(Kind::Contacts, options.contacts),
            limits: Mutex::default(),
            search_lag_ms: AtomicU32::new(0),
            oddities: Mutex::default(),
        }
    }

    fn shelf(&self, kind: Kind) -> &RwLock<Shelf> {
        match kind {
            Kind::Deals => &self.deals,
            Kind::Contacts => &self.contacts,
        }
    }

    /// Answers a request; `number` is one that no other request has.
    pub(super) fn answer(&self, asked: &Asked<'_>, clock: &Clock, number: u64) -> Reply {
        self.admitted(asked, clock).unwrap_or_else(|error| error.into_reply(self.seed, number))
    }

    /// The error that a fault asks for.
    pub(super) fn fault(&self, status: u16, number: u64) -> Reply {
        ApiError::of_status(status).into_reply(self.seed, number)
    }

    fn admitted(&self, asked: &Asked<'_>, clock: &Clock) -> Result<Reply, ApiError> {
        let bearer =
            asked.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        if bearer != Some(&self.token) {
            return Err(ApiError::unauthorized());
        }
        let route = route(asked.path).ok_or_else(ApiError::not_found)?;
        let search = matches!(route, Route::Search(_));
        let headers = locked(&self.limits).admit(search, since_epoch(), clock.unix_s())?;
        let reply = self.routed(route, asked, clock)?;
        Ok(headers.into_iter().fold(reply, |reply, (name, value)| reply.header(name, value)))
    }

    fn routed(&self, route: Route<'_>, asked: &Asked<'_>, clock: &Clock) -> Result<Reply, ApiError> {
        match (asked.method, route) {
            ("GET", Route::List(kind)) => {
                query::list(&read(self.shelf(kind)), asked.path, asked.query, &mut locked(&self.oddities))
            }
            ("GET", Route::Object(kind, id)) => query::single(&read(self.shelf(kind)), id, asked.query),
            ("GET", Route::Pipelines) => Ok(Reply::json(200, account::pipelines())),
            ("GET", Route::Details) => Ok(Reply::json(200, account::details())),
            ("POST", Route::Search(kind)) => {
                let search = locked(&self.oddities).apply_to(Search::parse(kind, asked.body)?);
                let lag_ms = self.search_lag_ms.load(Ordering::Relaxed);
                let seen_ms = (lag_ms > 0).then(|| clock.unix_ms() - i64::from(lag_ms));
                Ok(Reply::json(200, search::answer(read(self.shelf(kind)).as_of(seen_ms), &search)))
            }
            ("POST", Route::Batch(kind)) => {
                query::batch(&read(self.shelf(kind)), asked.query, asked.body, clock.unix_ms())
            }
            _ => Err(ApiError { status: 405, ..ApiError::invalid("method not allowed") }),
        }
    }
}
