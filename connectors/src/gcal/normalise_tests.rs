//! Tests of what events mean.

use serde_json::{Value, json};

use super::*;

fn read(payload: &Value) -> Result<Normalised, NormaliseError> {
    event("team@example.com/e1", &payload.to_string())
}

fn read_event(payload: &Value) -> Event {
    match read(payload).unwrap() {
        Normalised::Event(event) => event,
        other => panic!("{other:?} is no event"),
    }
}

fn at(text: &str) -> Option<EventTime> {
    Some(EventTime::At(text.parse().unwrap()))
}

#[test]
fn timed_and_all_day_events_are_told_apart() {
    let timed = read_event(&json!({"id": "e1", "status": "confirmed", "summary": "Review",
        "start": {"dateTime": "2026-11-21T09:00:00+01:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-11-21T10:00:00+01:00"}, "recurrence": ["RRULE:FREQ=WEEKLY", "EXDATE:20261128T090000"]}));
    assert_eq!((timed.starts, timed.ends), (at("2026-11-21T08:00:00Z"), at("2026-11-21T09:00:00Z")));
    assert_eq!(timed.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(timed.recurrence.as_deref(), Some("RRULE:FREQ=WEEKLY\nEXDATE:20261128T090000"));
    assert_eq!(timed.calendar_external_id, "team@example.com");
    let day =
        read_event(&json!({"id": "e1", "start": {"date": "2026-11-21"}, "end": {"date": "2026-11-22"}}));
    assert_eq!(day.starts, Some(EventTime::Day("2026-11-21".parse().unwrap())));
    assert_eq!(day.status, EventStatus::Confirmed, "Google's default");
}

#[test]
fn a_cancelled_exception_names_its_series_and_may_say_nothing_else() {
    let exception = read_event(&json!({"id": "e1_20261128", "status": "cancelled", "recurringEventId": "e1",
        "originalStartTime": {"dateTime": "2026-11-28T09:00:00Z"}}));
    assert_eq!(exception.status, EventStatus::Cancelled);
    assert_eq!(exception.recurring_event_external_id.as_deref(), Some("team@example.com/e1"));
    assert_eq!(exception.original_start, at("2026-11-28T09:00:00Z"));
    let bare = read_event(&json!({"id": "e1", "status": "cancelled"}));
    assert_eq!((bare.starts, bare.title), (None, None));
    assert_eq!(read(&json!({"status": "cancelled"})), Ok(Normalised::Gone));
}

#[test]
fn what_is_unknown_or_unusable_is_told() {
    let odd = read_event(&json!({"id": "e1", "status": "postponed", "start": {"date": "2026-11-21"}}));
    assert_eq!((odd.status, odd.raw_status.as_str()), (EventStatus::Unknown, "postponed"));
    for (payload, words) in [
        (json!({"id": "e1"}), "missing field `start`"),
        (json!({"start": {"date": "2026-11-21"}}), "missing field `id`"),
        (json!({"id": "e1", "start": {"date": "2026-02-30"}}), "`2026-02-30` is no date"),
        (json!({"id": "e1", "start": {"dateTime": "2026-11-21T09:00:00"}}), "no time with an offset"),
        (json!({"id": 7, "start": {"date": "2026-11-21"}}), "missing field `id`"),
        (json!({"id": "e1", "start": {"date": "-9999-01-01"}}), "no date"),
        (json!("e1"), "unreadable payload"),
    ] {
        let error = read(&payload).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_description_is_bounded() {
    let long = "ü".repeat(20_000);
    let event = read_event(&json!({"id": "e1", "description": long, "start": {"date": "2026-11-21"}}));
    assert_eq!(event.description.unwrap().chars().count(), LONGEST_DESCRIPTION);
}

#[test]
fn what_can_not_be_read_of_an_event_but_its_beginning_is_left_empty() {
    let strange = json!({"id": "e1", "start": {"date": "2026-11-21", "timeZone": 5}, "summary": {"a": 1},
        "description": 7, "location": [], "organizer": "a text", "end": {"date": "2026-02-30"},
        "recurrence": "daily", "recurringEventId": 5, "originalStartTime": {"dateTime": "soon"}, "created": 0});
    let bare = json!({"id": "e1", "start": {"date": "2026-11-21"}});
    assert_eq!(read_event(&strange), read_event(&bare));
    let half = r#"{"id":"e1","start":{"date":"2026-11-21"},"summary":"half \ud83d","location":"a\u0000b"}"#;
    let Ok(Normalised::Event(event)) = event("team@example.com/e1", half) else { panic!("no event") };
    assert_eq!(event.title.as_deref(), Some("half \u{fffd}"));
}
