//! The history: events of all kinds, spread over some calendars.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Duration, SecondsFormat, Utc};

use super::calendar::Calendar;
use crate::sandbox::ids::mix;
use crate::sandbox::options::SandboxOptions;

/// What an event is, by its number.
enum Shape {
    Timed,
    AllDay,
    Series,
    /// Of the series before it.
    Exception,
    Cancelled,
}

/// The names of the calendars: the first is what `primary` stands for.
fn names(count: u32) -> Vec<String> {
    (0..count.max(1))
        .map(|n| if n == 0 { "primary".to_owned() } else { format!("team-{n}@example.com") })
        .collect()
}

pub(super) fn calendars(options: &SandboxOptions) -> BTreeMap<String, Calendar> {
    let names = names(options.calendars);
    let mut calendars: BTreeMap<String, Calendar> =
        names.iter().map(|name| (name.clone(), Calendar::default())).collect();
    let mut json = String::with_capacity(2_048);
    for number in 0..options.events {
        // Five neighbours share a calendar, so that an exception is where its series is.
        let name = &names[usize::try_from(number / 5).unwrap_or(0) % names.len()];
        let Some(calendar) = calendars.get_mut(name) else { continue };
        json.clear();
        let cancelled = render(options, number, &mut json);
        calendar.put(&id_of(options.seed, number), json.clone().into_bytes(), cancelled);
    }
    calendars
}

fn id_of(seed: u64, number: u64) -> String {
    match shape(number) {
        Shape::Exception => format!("{}_20260105T090000Z", id_of(seed, number - 1)),
        _ => format!("{:016x}{number:08x}", mix(seed, 500, number)),
    }
}

fn shape(number: u64) -> Shape {
    match number % 10 {
        2 => Shape::AllDay,
        3 => Shape::Series,
        4 => Shape::Exception,
        9 => Shape::Cancelled,
        _ => Shape::Timed,
    }
}

/// Writes an event; returns whether it is cancelled.
fn render(options: &SandboxOptions, number: u64, out: &mut String) -> bool {
    let id = id_of(options.seed, number);
    let span_s = u64::from(options.span_days.max(1)) * 86_400;
    let offset = i64::try_from(mix(options.seed, 501, number) % span_s).unwrap_or(0);
    let start: DateTime<Utc> =
        DateTime::from_timestamp((options.until_unix - offset) / 900 * 900, 0).unwrap_or_default();
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let shape = shape(number);
    if matches!(shape, Shape::Cancelled) {
        push(out, format_args!(r#"{{"kind":"calendar#event","id":"{id}","status":"cancelled"}}"#));
        return true;
    }
    let status = if number % 7 == 5 { "tentative" } else { "confirmed" };
    push(
        out,
        format_args!(
            concat!(
                r#"{{"kind":"calendar#event","etag":"\"{etag:016x}\"","id":"{id}","status":"{status}","#,
                r#""htmlLink":"https://www.google.com/calendar/event?eid={id}","created":"{created}","#,
                r#""updated":"{created}","summary":"Review {number}","location":"Room {room}","#,
                r#""description":"{description}","creator":{{"email":"organizer@example.com","self":true}},"#,
                r#""organizer":{{"email":"organizer@example.com","self":true}},"iCalUID":"{id}@google.com","sequence":0,"#,
                r#""attendees":[{{"email":"guest-{room}@example.com","responseStatus":"accepted"}},"#,
                r#"{{"email":"guest-{number}@example.com","responseStatus":"needsAction"}}],"#,
                r#""guestsCanInviteOthers":false,"reminders":{{"useDefault":true}},"eventType":"default","#
            ),
            etag = mix(options.seed, 502, number),
            id = id,
            status = status,
            created = at(start - Duration::days(14)),
            number = number,
            room = number % 40,
            description = "Agenda: what was done, what is next, what is in the way. ".repeat(8),
        ),
    );
    match shape {
        Shape::AllDay => {
            let day = start.date_naive();
            push(
                out,
                format_args!(
                    r#""start":{{"date":"{day}"}},"end":{{"date":"{}"}}}}"#,
                    day + chrono::Days::new(1)
                ),
            );
        }
        Shape::Series => push(
            out,
            format_args!(
                concat!(
                    r#""start":{{"dateTime":"{}","timeZone":"Europe/Berlin"}},"#,
                    r#""end":{{"dateTime":"{}","timeZone":"Europe/Berlin"}},"recurrence":["RRULE:FREQ=WEEKLY"]}}"#
                ),
                at(start),
                at(start + Duration::hours(1))
            ),
        ),
        Shape::Exception => push(
            out,
            format_args!(
                concat!(
                    r#""start":{{"dateTime":"{}"}},"end":{{"dateTime":"{}"}},"recurringEventId":"{}","#,
                    r#""originalStartTime":{{"dateTime":"2026-01-05T09:00:00Z"}}}}"#
                ),
                at(start),
                at(start + Duration::hours(1)),
                id_of(options.seed, number - 1)
            ),
        ),
        Shape::Timed | Shape::Cancelled => push(
            out,
            format_args!(
                r#""start":{{"dateTime":"{}"}},"end":{{"dateTime":"{}"}}}}"#,
                at(start),
                at(start + Duration::minutes(30))
            ),
        ),
    }
    false
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}
