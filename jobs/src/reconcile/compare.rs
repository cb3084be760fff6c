//! How what is stored of a record differs from what its source lists.
//!
//! What is said here is printed and kept in `reconciliations`, so nothing about a person may be in it: of a contact, and of
//! what people write into events, the field is named and its values are not.

use buffalo_model::{Contact, Event, EventTime, Normalised, Payment};
use buffalo_store::{StoredContact, StoredEvent, StoredPayment, StoredState};
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};

/// Characters of a value that are shown: a rule of repetition may be of any length.
const LONGEST_VALUE: usize = 40;

/// How what is stored differs from what was listed, in one line; none when it does not.
pub(super) fn differs(listed: &Normalised, stored: Option<&StoredState>) -> Option<String> {
    let gone = listed.is_gone();
    let Some(stored) = stored else {
        return (!gone).then(|| "listed by the source, and not stored".to_owned());
    };
    if stored.is_deleted() != gone {
        let what = if gone { "gone at the source" } else { "alive at the source and stored as gone" };
        return Some(what.to_owned());
    }
    // What is stored of it is what was last seen while it was alive; now its id may be all that the source says.
    if gone {
        return None;
    }
    match (listed, stored) {
        (Normalised::Payment(listed), StoredState::Payment(stored)) => payment(listed, stored),
        (Normalised::Contact(listed), StoredState::Contact(stored)) => contact(listed, stored),
        (Normalised::Event(listed), StoredState::Event(stored)) => event(listed, stored),
        // No normaliser makes one thing of another's record; if one did, that would not be equal.
        _ => Some("listed as one thing, stored as another".to_owned()),
    }
}

fn payment(listed: &Payment, stored: &StoredPayment) -> Option<String> {
    let worth =
        |status: &str, amount_minor: i64, currency: &str| format!("{status} {amount_minor} {currency}");
    let listed_worth = worth(listed.status.as_str(), listed.amount_minor, listed.currency.as_str());
    let stored_worth = worth(&stored.status, stored.amount_minor, &stored.currency);
    let number =
        |name, listed: i64, stored: i64| shown(name, Some(&listed.to_string()), Some(&stored.to_string()));
    let word = |known: Option<bool>| known.map(|known| if known { "yes" } else { "no" });
    let without = |payment: bool| word(Some(payment));
    let occurred = Some(EventTime::At(listed.occurred_at));
    sentence([
        shown("status and amount", Some(&listed_worth), Some(&stored_worth)),
        number("uncaptured amount", listed.uncaptured_minor, stored.uncaptured_minor),
        number("amount that may still be captured", listed.capturable_minor, stored.capturable_minor),
        number("withdrawn amount", listed.withdrawn_minor, stored.withdrawn_minor),
        // What was stored before this was known is made whole by a verification.
        stored
            .money_moved
            .and_then(|_| shown("money moved", word(listed.money_moved), word(stored.money_moved))),
        shown("without a payment", without(listed.without_payment), without(stored.without_payment)),
        time("time", occurred, Some(stored.occurred_at), None),
        shown("charge", listed.parent_external_id.as_deref(), stored.parent_external_id.as_deref()),
    ])
}

fn contact(listed: &Contact, stored: &StoredContact) -> Option<String> {
    sentence([
        named("e-mail", listed.email.as_deref(), stored.email.as_deref()),
        named("first name", listed.first_name.as_deref(), stored.first_name.as_deref()),
        named("last name", listed.last_name.as_deref(), stored.last_name.as_deref()),
        named("phone", listed.phone.as_deref(), stored.phone.as_deref()),
        named("company", listed.company.as_deref(), stored.company.as_deref()),
        named("lifecycle stage", listed.lifecycle_stage.as_deref(), stored.lifecycle_stage.as_deref()),
    ])
}

fn event(listed: &Event, stored: &StoredEvent) -> Option<String> {
    let series = listed.recurring_event_external_id.as_deref();
    let created = listed.created_at.map(EventTime::At);
    sentence([
        // The id of a calendar is mostly somebody's address, and that of a series begins with it.
        named("calendar", Some(&listed.calendar_external_id), stored.calendar_external_id.as_deref()),
        shown("status", Some(listed.status.as_str()), Some(&stored.status)),
        shown("vendor's status", Some(&listed.raw_status), Some(&stored.raw_status)),
        named("title", listed.title.as_deref(), stored.title.as_deref()),
        named("description", listed.description.as_deref(), stored.description.as_deref()),
        named("location", listed.location.as_deref(), stored.location.as_deref()),
        named("organizer", listed.organizer_email.as_deref(), stored.organizer_email.as_deref()),
        time("start", listed.starts, stored.starts_at, stored.start_date),
        time("end", listed.ends, stored.ends_at, stored.end_date),
        shown("time zone", listed.time_zone.as_deref(), stored.time_zone.as_deref()),
        shown("recurrence", listed.recurrence.as_deref(), stored.recurrence.as_deref()),
        named("series", series, stored.recurring_event_external_id.as_deref()),
        time("original start", listed.original_start, stored.original_starts_at, stored.original_start_date),
        time("creation", created, stored.vendor_created_at, None),
    ])
}

fn sentence<const N: usize>(differences: [Option<String>; N]) -> Option<String> {
    let differences: Vec<String> = differences.into_iter().flatten().collect();
    (!differences.is_empty()).then(|| format!("differs in {}", differences.join(", ")))
}

/// A field whose values are nobody's business.
fn named(field: &str, listed: Option<&str>, stored: Option<&str>) -> Option<String> {
    (listed != stored).then(|| field.to_owned())
}

/// A field whose values are about no person.
fn shown(field: &str, listed: Option<&str>, stored: Option<&str>) -> Option<String> {
    (listed != stored).then(|| both(field, listed, stored))
}

/// A field that is a moment in one column, or a day in another.
fn time(
    field: &str,
    listed: Option<EventTime>,
    stored_at: Option<DateTime<Utc>>,
    stored_day: Option<NaiveDate>,
) -> Option<String> {
    let (listed_at, listed_day) = match listed {
        None => (None, None),
        Some(EventTime::At(moment)) => (Some(moment), None),
        Some(EventTime::Day(day)) => (None, Some(day)),
    };
    let same_moment = match (listed_at, stored_at) {
        // PostgreSQL keeps microseconds of a moment, and no more.
        (Some(listed), Some(stored)) => (listed - stored).abs() < TimeDelta::microseconds(1),
        (listed, stored) => listed == stored,
    };
    let differs = !same_moment || listed_day != stored_day;
    differs.then(|| {
        let listed = written(listed_at, listed_day);
        both(field, listed.as_deref(), written(stored_at, stored_day).as_deref())
    })
}

fn written(at: Option<DateTime<Utc>>, day: Option<NaiveDate>) -> Option<String> {
    let at = at.map(|moment| moment.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    match (at, day) {
        // Only a row that Buffalo did not write.
        (Some(at), Some(day)) => Some(format!("{day} and {at}")),
        (at, day) => at.or_else(|| day.map(|day| day.to_string())),
    }
}

fn both(field: &str, listed: Option<&str>, stored: Option<&str>) -> String {
    format!("{field} (listed as {}, stored as {})", shortened(listed), shortened(stored))
}

fn shortened(value: Option<&str>) -> String {
    let Some(value) = value else { return "none".to_owned() };
    // A line stays a line, and a terminal is told nothing.
    let mut characters = value.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = characters.by_ref().take(LONGEST_VALUE).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
