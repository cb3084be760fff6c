//! The control interface under `/_sandbox/gcal/`.
//!
//! | request | body | does |
//! |---|---|---|
//! | `POST events/{calendar}` | members of the event | creates one; `id` may be given |
//! | `POST events/{calendar}/{id}` | members of the event | sets them, `null` removes one |
//! | `POST events/{calendar}/{id}/cancel` | | cancels it: little but its id remains |
//! | `POST events/{calendar}/{id}/vanish` | | removes it without a trace |
//! | `POST events/{calendar}/{id}/occurrences` | `originalStartTime`, other members | changes one occurrence of a series; with `status` `cancelled` drops it |
//! | `POST expire` | `sync`, `pages`, `access` | makes sync tokens, page tokens, access tokens worthless |
//! | `POST empty-pages` | `calendar`, `count` | the next pages have no events |
//! | `POST refusals` | `reason`, `status` (403), `times` (1) | the next requests are refused: rateLimitExceeded, forbidden, … |
//! | `GET tokens` | | how many access tokens were issued |
//! | `GET service-account` | | the credentials of the service account, as Google gives them out |
//! | `GET channels` | | the push channels that are open |
//! | `GET objects` | | the state of every event |

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::calendar::cancelled;
use super::history::occurrence_id;
use super::states::states;
use super::tokens::{SERVICE_ACCOUNT_EMAIL, SERVICE_ACCOUNT_KEY};
use super::{GoogleCalendar, Refusals};
use crate::sandbox::control::{Refusal, parse};
use crate::sandbox::query::decode;
use crate::sandbox::reply::Reply;
use crate::sandbox::shared::{locked, read, write};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExpireBody {
    sync: bool,
    pages: bool,
    access: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmptyPagesBody {
    calendar: String,
    count: u32,
}

/// Answers a control request.
pub(in crate::sandbox) fn answer(
    google: &GoogleCalendar,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<Reply, Refusal> {
    let parts: Vec<String> = path.split('/').map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (method, &parts[..]) {
        ("POST", ["events", calendar]) => create(google, calendar, parse(body)?),
        ("POST", ["events", calendar, id]) => {
            let event = with_members(known(google, calendar, id)?, parse(body)?);
            put(google, calendar, id, event.into())
        }
        ("POST", ["events", calendar, id, "cancel"]) => {
            let was = known(google, calendar, id)?;
            put(google, calendar, id, cancelled(id, &was))
        }
        ("POST", ["events", calendar, id, "vanish"]) => {
            let vanished = write(&google.calendars).get_mut(*calendar).is_some_and(|known| known.vanish(id));
            if vanished { Ok(done(&json!({"id": id}))) } else { Err(missing()) }
        }
        ("POST", ["events", calendar, id, "occurrences"]) => change_occurrence(google, calendar, id, body),
        ("POST", ["expire"]) => {
            expire(google, &parse(body)?);
            Ok(done(&json!({})))
        }
        ("POST", ["empty-pages"]) => {
            let EmptyPagesBody { calendar, count } = parse(body)?;
            let mut calendars = write(&google.calendars);
            *calendars.get_mut(&calendar).ok_or_else(missing)?.empty_pages.get_mut() = count;
            Ok(done(&json!({})))
        }
        ("POST", ["refusals"]) => {
            *locked(&google.refusals) = parse::<Refusals>(body)?;
            Ok(done(&json!({})))
        }
        ("GET", ["tokens"]) => Ok(done(&json!({"issued": locked(&google.tokens).count()}))),
        ("GET", ["service-account"]) => Ok(done(&json!({
            "type": "service_account", "client_email": SERVICE_ACCOUNT_EMAIL, "private_key": SERVICE_ACCOUNT_KEY,
        }))),
        ("GET", ["channels"]) => Ok(done(&json!(locked(&google.channels).open()))),
        ("GET", ["objects"]) => {
            let calendars = read(&google.calendars);
            Ok(done(&Value::Array(calendars.values().flat_map(states).collect())))
        }
        _ => Err(Refusal(404, "there is no such control request".to_owned())),
    }
}

fn create(google: &GoogleCalendar, calendar: &str, members: Map<String, Value>) -> Result<Reply, Refusal> {
    let event = with_members(confirmed(), members);
    let id = match event.get("id").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => {
            format!("made{:012}", read(&google.calendars).get(calendar).ok_or_else(missing)?.last_change())
        }
    };
    put(google, calendar, &id, event.into())
}

/// Lays an exception over a series. What is not told is as in the series; without a time of its own it begins and ends
/// when it would have begun.
fn change_occurrence(
    google: &GoogleCalendar,
    calendar: &str,
    series: &str,
    body: &[u8],
) -> Result<Reply, Refusal> {
    let members: Map<String, Value> = parse(body)?;
    let refuse = || Refusal(400, "originalStartTime must have a dateTime".to_owned());
    let original = members.get("originalStartTime").cloned().ok_or_else(refuse)?;
    let begins =
        original["dateTime"].as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    let id = occurrence_id(series, begins.ok_or_else(refuse)?.timestamp());
    let mut event = known(google, calendar, series)?;
    event.remove("recurrence");
    for name in ["start", "end"] {
        event.insert(name.to_owned(), original.clone());
    }
    event.insert("recurringEventId".to_owned(), json!(series));
    let event = with_members(event, members);
    let event =
        if event.get("status") == Some(&json!("cancelled")) { cancelled(&id, &event) } else { event.into() };
    put(google, calendar, &id, event)
}

fn expire(google: &GoogleCalendar, expire: &ExpireBody) {
    for calendar in write(&google.calendars).values_mut() {
        calendar.sync_generation += u32::from(expire.sync);
        calendar.page_generation += u32::from(expire.pages);
    }
    if expire.access {
        locked(&google.tokens).revoke();
    }
}

fn confirmed() -> Map<String, Value> {
    Map::from_iter([("kind".to_owned(), json!("calendar#event")), ("status".to_owned(), json!("confirmed"))])
}

fn with_members(mut event: Map<String, Value>, members: Map<String, Value>) -> Map<String, Value> {
    for (name, value) in members {
        if value.is_null() {
            event.remove(&name);
        } else {
            event.insert(name, value);
        }
    }
    event
}

fn known(google: &GoogleCalendar, calendar: &str, id: &str) -> Result<Map<String, Value>, Refusal> {
    let calendars = read(&google.calendars);
    let calendar = calendars.get(calendar).ok_or_else(missing)?;
    let mut json = Vec::new();
    calendar.render(calendar.find(id).ok_or_else(missing)?, &mut json);
    serde_json::from_slice(&json).map_err(|error| Refusal(400, error.to_string()))
}

fn put(google: &GoogleCalendar, calendar: &str, id: &str, mut event: Value) -> Result<Reply, Refusal> {
    event["id"] = json!(id);
    let mut calendars = write(&google.calendars);
    let calendar = calendars.get_mut(calendar).ok_or_else(missing)?;
    calendar.put(id, event.to_string().into_bytes(), event["status"] == "cancelled");
    Ok(done(&event))
}

fn missing() -> Refusal {
    Refusal(404, "there is no such calendar or event".to_owned())
}

fn done(body: &Value) -> Reply {
    Reply::json(200, body.to_string())
}
