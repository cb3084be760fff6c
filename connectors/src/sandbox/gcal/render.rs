//! Writes generated events as Google shows them, byte by byte.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

use super::history::{Facts, History, Shape, When};
use super::json::{push_string, push_uint};

/// A sentence as JSON writes it.
const SENTENCE: &str = "Agenda: what was done, what is next – and what is \\\"in the way\\\".\\n";
/// As many as 8 KB hold.
static SENTENCES: LazyLock<String> = LazyLock::new(|| SENTENCE.repeat(8_192 / SENTENCE.len()));

impl History {
    /// Appends the event at a place.
    pub(super) fn render(&self, place: u64, out: &mut Vec<u8>) {
        let facts = self.facts(place);
        let id = self.id(&facts);
        text(out, &[r#"{"kind":"calendar#event","id":""#, &id, r#"","status":""#, facts.status(), "\""]);
        if let (Shape::Moved(series) | Shape::Dropped(series), Some(original)) = (facts.shape, facts.original)
        {
            let series = self.plain_id(series);
            text(out, &[r#","recurringEventId":""#, &series, r#"","originalStartTime":{"dateTime":""#]);
            push_time(out, original, 0);
            text(out, &[r#"","timeZone":"Europe/London"}"#]);
        }
        if !facts.is_cancelled() {
            describe(out, &facts, &id);
            invite(out, &facts);
            push_when(out, &facts);
        }
        out.push(b'}');
    }
}

fn describe(out: &mut Vec<u8>, facts: &Facts, id: &str) {
    text(out, &[r#","etag":"\""#]);
    push_uint(out, facts.draw);
    text(out, &[r#"\"","htmlLink":"https://www.google.com/calendar/event?eid="#, id, r#"","created":""#]);
    let made = match facts.when {
        When::Times(from, _) => from,
        When::Days(first, _) => first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp(),
    } - 14 * 86_400;
    push_time(out, made, 0);
    text(out, &[r#"","updated":""#]);
    push_time(out, made, 0);
    text(out, &[r#"","summary":"#]);
    push_string(out, &facts.title());
    text(out, &[r#","description":""#]);
    // Few are long, as few are with people.
    let sentences = if facts.draw.is_multiple_of(64) { usize::MAX } else { (facts.draw >> 8) as usize % 9 };
    let length = SENTENCES.len().min(sentences.saturating_mul(SENTENCE.len()));
    text(out, &[&SENTENCES[..length], r#"","location":"Room "#]);
    push_uint(out, facts.draw >> 16 & 0x1f);
    text(out, &[r#"","iCalUID":""#, id, r#"@google.com","sequence":0,"eventType":"default""#]);
}

fn invite(out: &mut Vec<u8>, facts: &Facts) {
    const ORGANIZER: &str = r#"{"email":"organizer@example.com","self":true}"#;
    text(out, &[r#","creator":"#, ORGANIZER, r#","organizer":"#, ORGANIZER, r#","attendees":["#]);
    for guest in 0..1 + (facts.draw >> 24) % 5 {
        text(out, &[if guest > 0 { "," } else { "" }, r#"{"email":"guest-"#]);
        push_uint(out, facts.draw >> (24 + guest) & 0xfff);
        let response = if guest % 2 == 0 { "accepted" } else { "needsAction" };
        text(out, &[r#"@example.com","responseStatus":""#, response, r#""}"#]);
    }
    text(out, &[r#"],"guestsCanInviteOthers":false,"reminders":{"useDefault":true}"#]);
}

fn push_when(out: &mut Vec<u8>, facts: &Facts) {
    match facts.when {
        When::Days(first, end) => {
            text(out, &[r#","start":{"date":""#]);
            push_date(out, first);
            text(out, &[r#""},"end":{"date":""#]);
            push_date(out, end);
            text(out, &[r#""}"#]);
        }
        When::Times(from, to) => {
            for (name, time) in [(r#","start":{"dateTime":""#, from), (r#","end":{"dateTime":""#, to)] {
                text(out, &[name]);
                push_time(out, time, facts.zone.map_or(0, |(_, offset)| offset));
                match facts.zone {
                    Some((zone, _)) => text(out, &[r#"","timeZone":""#, zone, r#""}"#]),
                    None => text(out, &[r#""}"#]),
                }
            }
        }
    }
    if facts.shape == Shape::Series {
        text(out, &[r#","recurrence":["RRULE:FREQ=WEEKLY","EXDATE;TZID=Europe/London:20260105T090000"]"#]);
    }
}

/// Appends a time by the clock of a zone, which is whole minutes ahead of UTC.
fn push_time(out: &mut Vec<u8>, unix_s: i64, offset_min: i64) {
    let time = DateTime::from_timestamp(unix_s + offset_min * 60, 0).unwrap_or_default();
    push_date(out, time.date_naive());
    for (mark, part) in [(b'T', time.hour()), (b':', time.minute()), (b':', time.second())] {
        out.push(mark);
        push_two(out, part);
    }
    if offset_min == 0 {
        out.push(b'Z');
        return;
    }
    let ahead = u32::try_from(offset_min).unwrap_or(0);
    out.push(b'+');
    push_two(out, ahead / 60);
    out.push(b':');
    push_two(out, ahead % 60);
}

fn push_date(out: &mut Vec<u8>, date: NaiveDate) {
    push_uint(out, u64::try_from(date.year()).unwrap_or(0));
    for part in [date.month(), date.day()] {
        out.push(b'-');
        push_two(out, part);
    }
}

fn push_two(out: &mut Vec<u8>, number: u32) {
    out.extend([b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
}

fn text(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}
