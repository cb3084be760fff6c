//! An event of a calendar.

use chrono::{DateTime, NaiveDate, Utc};

/// How certain an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventStatus {
    /// It takes place.
    Confirmed,
    /// It may take place.
    Tentative,
    /// It does not take place, or no more.
    Cancelled,
    /// The vendor uses a word that Buffalo does not know.
    Unknown,
}

impl EventStatus {
    /// The name in tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "CONFIRMED",
            Self::Tentative => "TENTATIVE",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// When an event begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTime {
    /// A day, in no time zone: an event that lasts all day.
    Day(NaiveDate),
    /// A moment.
    At(DateTime<Utc>),
}

/// A normalised event, without the bookkeeping that the outbox row carries.
///
/// A vendor may say of a cancelled event nothing but that it is cancelled. What is none in a cancelled event leaves what
/// is known; in any other it clears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The calendar it is in, by the vendor's id.
    pub calendar_external_id: String,
    /// What the vendor's status means.
    pub status: EventStatus,
    /// The vendor's own word.
    pub raw_status: String,
    /// Its title.
    pub title: Option<String>,
    /// What is said about it, shortened by the connector.
    pub description: Option<String>,
    /// Where it takes place.
    pub location: Option<String>,
    /// The e-mail address of who called it.
    pub organizer_email: Option<String>,
    /// When it begins.
    pub starts: Option<EventTime>,
    /// When it ends; for days the day after the last.
    pub ends: Option<EventTime>,
    /// The IANA time zone in which it repeats and is shown.
    pub time_zone: Option<String>,
    /// Its rules of repetition (RFC 5545), one in a line. The event is then the master of a series.
    pub recurrence: Option<String>,
    /// The master of the series of which it is an exception, by the key of records.
    pub recurring_event_external_id: Option<String>,
    /// When this exception would have begun by the rules of its series.
    pub original_start: Option<EventTime>,
    /// When the vendor made it.
    pub created_at: Option<DateTime<Utc>>,
}
