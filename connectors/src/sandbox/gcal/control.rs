//! The control interface under `/_sandbox/gcal/`.
//!
//! | request | body | does |
//! |---|---|---|
//! | `POST events/{calendar}` | members of the event | creates one; `id` may be given |
//! | `POST events/{calendar}/{id}` | members of the event | sets them, `null` removes one |
//! | `POST events/{calendar}/{id}/cancel` | | cancels it: little but its id remains |
//! | `POST events/{calendar}/{id}/vanish` | | removes it without a trace |
//! | `POST expire` | `sync`, `access` | makes sync tokens, access tokens worthless |
//! | `POST empty-pages` | `calendar`, `count` | the next pages have no events |
//! | `GET tokens` | | how many access tokens were issued |
//! | `GET objects` | | the state of every event: calendar, id, status, title |

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::calendar::cancelled;
use super::{GoogleCalendar, pairs};
use crate::sandbox::control::{Refusal, parse};
use crate::sandbox::reply::Reply;
use crate::sandbox::shared::{locked, read, write};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExpireBody {
    sync: bool,
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
    // The same decoding as of a query.
    let path = pairs(path).next().map(|(path, _)| path).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    match (method, &parts[..]) {
        ("POST", ["events", calendar]) => change(google, calendar, None, parse(body)?),
        ("POST", ["events", calendar, id]) => change(google, calendar, Some(id), parse(body)?),
        ("POST", ["events", calendar, id, "cancel"]) => {
            let was = state(google, calendar, id)?;
            put(google, calendar, id, &cancelled(id, &was))
        }
        ("POST", ["events", calendar, id, "vanish"]) => {
            let mut calendars = write(&google.calendars);
            let vanished = calendars.get_mut(*calendar).is_some_and(|calendar| calendar.vanish(id));
            if vanished { Ok(done(&json!({"id": id}))) } else { Err(missing()) }
        }
        ("POST", ["expire"]) => {
            let expire: ExpireBody = parse(body)?;
            if expire.sync {
                write(&google.calendars).values_mut().for_each(|calendar| calendar.generation += 1);
            }
            if expire.access {
                locked(&google.tokens).revoke();
            }
            Ok(done(&json!({})))
        }
        ("POST", ["empty-pages"]) => {
            let EmptyPagesBody { calendar, count } = parse(body)?;
            let mut calendars = write(&google.calendars);
            *calendars.get_mut(&calendar).ok_or_else(missing)?.empty_pages.get_mut() = count;
            Ok(done(&json!({})))
        }
        ("GET", ["tokens"]) => Ok(done(&json!({"issued": locked(&google.tokens).count()}))),
        ("GET", ["objects"]) => Ok(done(&objects(google))),
        _ => Err(Refusal(404, "there is no such control request".to_owned())),
    }
}

fn change(
    google: &GoogleCalendar,
    calendar: &str,
    id: Option<&str>,
    members: Map<String, Value>,
) -> Result<Reply, Refusal> {
    let mut event = match id {
        Some(id) => state(google, calendar, id)?,
        None => Map::from_iter([
            ("kind".to_owned(), json!("calendar#event")),
            ("status".to_owned(), json!("confirmed")),
        ]),
    };
    for (name, value) in members {
        if value.is_null() {
            event.remove(&name);
        } else {
            event.insert(name, value);
        }
    }
    let id = match (id, event.get("id").and_then(Value::as_str)) {
        (Some(id), _) => id.to_owned(),
        (None, Some(id)) => id.to_owned(),
        (None, None) => {
            format!("made{:012}", read(&google.calendars).get(calendar).ok_or_else(missing)?.last_change())
        }
    };
    event.insert("id".to_owned(), json!(id));
    put(google, calendar, &id, &Value::Object(event))
}

fn state(google: &GoogleCalendar, calendar: &str, id: &str) -> Result<Map<String, Value>, Refusal> {
    let calendars = read(&google.calendars);
    let event = calendars.get(calendar).and_then(|calendar| calendar.find(id)).ok_or_else(missing)?;
    serde_json::from_slice(&event.json).map_err(|error| Refusal(400, error.to_string()))
}

fn put(google: &GoogleCalendar, calendar: &str, id: &str, event: &Value) -> Result<Reply, Refusal> {
    let mut calendars = write(&google.calendars);
    let calendar = calendars.get_mut(calendar).ok_or_else(missing)?;
    calendar.put(id, event.to_string().into_bytes(), event["status"] == "cancelled");
    Ok(done(event))
}

fn objects(google: &GoogleCalendar) -> Value {
    let mut objects = Vec::new();
    for (name, calendar) in &*read(&google.calendars) {
        for event in calendar.all() {
            let state: Value = serde_json::from_slice(&event.json).unwrap_or_default();
            objects.push(json!({"calendar": name, "id": event.id, "status": state["status"], "title": state["summary"]}));
        }
    }
    Value::Array(objects)
}

fn missing() -> Refusal {
    Refusal(404, "there is no such calendar or event".to_owned())
}

fn done(body: &Value) -> Reply {
    Reply::json(200, body.to_string())
}
