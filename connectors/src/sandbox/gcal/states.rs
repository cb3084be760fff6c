//! What a correct consumer must have of every event, from what is true of it and not from what was shown.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::calendar::{Calendar, Truth};
use super::history::{Shape, When};

/// The states of a calendar's events. Times are in UTC, days are days, and there is none of what is cancelled.
pub(super) fn states(calendar: &Calendar) -> impl Iterator<Item = Value> {
    calendar.listed_from(0).map(|place| {
        let mut state = match calendar.truth(place) {
            Truth::Made(json) => made(&serde_json::from_slice(json).unwrap_or_default()),
            Truth::Generated(facts) => {
                let (start, end) = match facts.when {
                    _ if facts.is_cancelled() => (Value::Null, Value::Null),
                    When::Days(first, end) => (json!(first), json!(end)),
                    When::Times(from, to) => (at(from), at(to)),
                };
                let series = match facts.shape {
                    Shape::Moved(series) | Shape::Dropped(series) => Some(calendar.id_of_number(series)),
                    _ => None,
                };
                json!({
                    "status": facts.status(),
                    "title": (!facts.is_cancelled()).then(|| facts.title()),
                    "start": start, "end": end, "series": series, "originalStart": facts.original.map(at),
                    "timeZone": facts.zone.map(|(zone, _)| zone).filter(|_| !facts.is_cancelled()),
                })
            }
        };
        state["calendar"] = json!(calendar.name);
        state["id"] = json!(calendar.id(place));
        state
    })
}

fn made(event: &Value) -> Value {
    json!({
        "status": event["status"], "title": event["summary"], "start": time(&event["start"]),
        "end": time(&event["end"]), "series": event["recurringEventId"],
        "originalStart": time(&event["originalStartTime"]), "timeZone": event["start"]["timeZone"],
    })
}

/// A time as it was told, in UTC if it can be read.
fn time(told: &Value) -> Value {
    let Some(text) = told["dateTime"].as_str() else { return told["date"].clone() };
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => at(time.timestamp()),
        Err(_) => told["dateTime"].clone(),
    }
}

fn at(unix_s: i64) -> Value {
    let time: DateTime<Utc> = DateTime::from_timestamp(unix_s, 0).unwrap_or_default();
    json!(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
