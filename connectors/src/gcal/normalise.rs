//! What an event of Google Calendar means.

use std::borrow::Cow;

use buffalo_model::{Entity, Event, EventStatus, EventTime, Normalised, RawState};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Deserialize;

use crate::connector::{FIRST_YEAR, LAST_YEAR, NormaliseError};
use crate::text::{Lenient, Text};

/// A description may hold whole mails; this much of it is kept in the table, all of it in the raw record.
const LONGEST_DESCRIPTION: usize = 8_000;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GoogleEvent<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    summary: Text<'a>,
    #[serde(borrow)]
    description: Text<'a>,
    #[serde(borrow)]
    location: Text<'a>,
    #[serde(borrow)]
    organizer: Lenient<Person<'a>>,
    #[serde(borrow)]
    start: Lenient<Option<GoogleTime<'a>>>,
    #[serde(borrow)]
    end: Lenient<Option<GoogleTime<'a>>>,
    #[serde(borrow)]
    recurrence: Lenient<Vec<Text<'a>>>,
    #[serde(borrow)]
    recurring_event_id: Text<'a>,
    #[serde(borrow)]
    original_start_time: Lenient<Option<GoogleTime<'a>>>,
    #[serde(borrow)]
    created: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Person<'a> {
    #[serde(borrow)]
    email: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GoogleTime<'a> {
    #[serde(borrow)]
    date: Text<'a>,
    #[serde(borrow)]
    date_time: Text<'a>,
    #[serde(borrow)]
    time_zone: Text<'a>,
}

/// Reads an event.
pub(super) fn normalise(state: RawState<'_>) -> Result<Normalised, NormaliseError> {
    match state.entity {
        Entity::Events => event(state.external_id, state.payload),
        Entity::Payments | Entity::Contacts => Err(NormaliseError::UnknownEntity(state.entity)),
    }
}

fn event(external_id: &str, payload: &str) -> Result<Normalised, NormaliseError> {
    let event: GoogleEvent<'_> =
        serde_json::from_str(payload).map_err(|error| NormaliseError::Unreadable(error.to_string()))?;
    let raw_status = event.status.0.as_deref().unwrap_or("confirmed").to_owned();
    let status = match raw_status.as_str() {
        "confirmed" => EventStatus::Confirmed,
        "tentative" => EventStatus::Tentative,
        "cancelled" => EventStatus::Cancelled,
        _ => EventStatus::Unknown,
    };
    if event.id.0.is_none() {
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
    let starts = match (time("start", event.start.0.as_ref()), status) {
        (Ok(None), EventStatus::Cancelled) | (Err(_), EventStatus::Cancelled) => None,
        (Ok(None), _) => return Err(NormaliseError::Missing("start")),
        (starts, _) => starts?,
    };
    let kept = |text: Text<'_>| text.0.map(Cow::into_owned);
    // An event without a beginning is none; whatever else of it can't be read is left empty.
    Ok(Normalised::Event(Event {
        calendar_external_id: calendar.to_owned(),
        status,
        raw_status,
        title: kept(event.summary),
        description: event.description.0.map(|text| text.chars().take(LONGEST_DESCRIPTION).collect()),
        location: kept(event.location),
        organizer_email: kept(event.organizer.0.email),
        starts,
        ends: time("end", event.end.0.as_ref()).ok().flatten(),
        time_zone: event.start.0.and_then(|start| kept(start.time_zone)),
        recurrence: rules(event.recurrence.0),
        recurring_event_external_id: event.recurring_event_id.0.map(|id| format!("{calendar}/{id}")),
        original_start: time("originalStartTime", event.original_start_time.0.as_ref()).ok().flatten(),
        created_at: event.created.0.and_then(|text| moment("created", &text).ok()),
    }))
}

/// Rules of repetition, one in a line.
fn rules(lines: Vec<Text<'_>>) -> Option<String> {
    let lines: Vec<_> = lines.into_iter().filter_map(|line| line.0).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// An all-day event has a `date`, a timed one a `dateTime` (RFC 3339).
fn time(field: &'static str, time: Option<&GoogleTime<'_>>) -> Result<Option<EventTime>, NormaliseError> {
    let Some(time) = time else { return Ok(None) };
    match (&time.date_time.0, &time.date.0) {
        (Some(text), _) => moment(field, text).map(|moment| Some(EventTime::At(moment))),
        (None, Some(text)) => match text.parse::<NaiveDate>() {
            Ok(day) if (FIRST_YEAR..=LAST_YEAR).contains(&day.year()) => Ok(Some(EventTime::Day(day))),
            _ => Err(unusable(field, text, "no date")),
        },
        (None, None) => Ok(None),
    }
}

fn moment(field: &'static str, text: &str) -> Result<DateTime<Utc>, NormaliseError> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) if (FIRST_YEAR..=LAST_YEAR).contains(&time.year()) => Ok(time.with_timezone(&Utc)),
        _ => Err(unusable(field, text, "no time with an offset")),
    }
}

fn unusable(field: &'static str, text: &str, what: &str) -> NormaliseError {
    let text: String = text.chars().take(40).collect();
    NormaliseError::Unusable { field, what: format!("`{text}` is {what}") }
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
