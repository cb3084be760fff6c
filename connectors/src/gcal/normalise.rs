//! What an event of Google Calendar means.

use buffalo_model::{Entity, Event, EventStatus, EventTime, Normalised, RawState};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use crate::connector::NormaliseError;

/// A description may hold whole mails; this much of it is kept in the table, all of it in the raw record.
const LONGEST_DESCRIPTION: usize = 8_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleEvent {
    id: Option<String>,
    status: Option<String>,
    summary: Option<String>,
    description: Option<String>,
    location: Option<String>,
    organizer: Option<Person>,
    start: Option<GoogleTime>,
    end: Option<GoogleTime>,
    #[serde(default)]
    recurrence: Vec<String>,
    recurring_event_id: Option<String>,
    original_start_time: Option<GoogleTime>,
    created: Option<String>,
}

#[derive(Deserialize)]
struct Person {
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GoogleTime {
    date: Option<String>,
    date_time: Option<String>,
    time_zone: Option<String>,
}

/// Reads an event.
pub(super) fn normalise(state: RawState<'_>) -> Result<Normalised, NormaliseError> {
    match state.entity {
        Entity::Events => event(state.external_id, state.payload),
        Entity::Payments | Entity::Contacts => Err(NormaliseError::UnknownEntity(state.entity)),
    }
}

fn event(external_id: &str, payload: &str) -> Result<Normalised, NormaliseError> {
    let event: GoogleEvent =
        serde_json::from_str(payload).map_err(|error| NormaliseError::Unreadable(error.to_string()))?;
    let raw_status = event.status.unwrap_or_else(|| "confirmed".to_owned());
    let status = match raw_status.as_str() {
        "confirmed" => EventStatus::Confirmed,
        "tentative" => EventStatus::Tentative,
        "cancelled" => EventStatus::Cancelled,
        _ => EventStatus::Unknown,
    };
    if event.id.is_none() {
        // What is stored of an event that a whole listing no longer had.
        return match status {
            EventStatus::Cancelled => Ok(Normalised::Gone),
            _ => Err(NormaliseError::Missing("id")),
        };
    }
    let (calendar, _) = external_id.rsplit_once('/').ok_or_else(|| NormaliseError::Unusable {
        field: "id",
        what: "the record's key names no calendar".to_owned(),
    })?;
    if status != EventStatus::Cancelled && event.start.is_none() {
        return Err(NormaliseError::Missing("start"));
    }
    let created = event.created.as_deref().map(|text| moment("created", text)).transpose()?;
    Ok(Normalised::Event(Event {
        calendar_external_id: calendar.to_owned(),
        status,
        raw_status,
        title: event.summary,
        description: event.description.map(|text| text.chars().take(LONGEST_DESCRIPTION).collect()),
        location: event.location,
        organizer_email: event.organizer.and_then(|person| person.email),
        starts: time("start", event.start.as_ref())?,
        ends: time("end", event.end.as_ref())?,
        time_zone: event.start.and_then(|start| start.time_zone),
        recurrence: (!event.recurrence.is_empty()).then(|| event.recurrence.join("\n")),
        recurring_event_external_id: event.recurring_event_id.map(|id| format!("{calendar}/{id}")),
        original_start: time("originalStartTime", event.original_start_time.as_ref())?,
        created_at: created,
    }))
}

/// An all-day event has a `date`, a timed one a `dateTime` (RFC 3339).
fn time(field: &'static str, time: Option<&GoogleTime>) -> Result<Option<EventTime>, NormaliseError> {
    let Some(time) = time else { return Ok(None) };
    match (&time.date_time, &time.date) {
        (Some(text), _) => moment(field, text).map(|moment| Some(EventTime::At(moment))),
        (None, Some(text)) => match text.parse::<NaiveDate>() {
            Ok(day) => Ok(Some(EventTime::Day(day))),
            Err(_) => Err(unusable(field, text, "no date")),
        },
        (None, None) => Ok(None),
    }
}

fn moment(field: &'static str, text: &str) -> Result<DateTime<Utc>, NormaliseError> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        .map_err(|_| unusable(field, text, "no time with an offset"))
}

fn unusable(field: &'static str, text: &str, what: &str) -> NormaliseError {
    let text: String = text.chars().take(40).collect();
    NormaliseError::Unusable { field, what: format!("`{text}` is {what}") }
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
