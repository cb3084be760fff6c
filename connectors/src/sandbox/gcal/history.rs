//! The generated history: which events there are and what is true of them, computed from their numbers, so that it costs
//! no memory.

use chrono::{DateTime, Days, NaiveDate};

use crate::sandbox::ids::mix;
use crate::sandbox::options::SandboxOptions;

/// Events that share a calendar, so that an occurrence is where its series is.
const NEIGHBOURS: u64 = 5;
const HOUR_S: i64 = 3_600;
const WEEK_S: i64 = 7 * 86_400;

/// The events of one calendar.
#[derive(Debug, Clone, Copy)]
pub(super) struct History {
    seed: u64,
    until_unix: i64,
    span_s: u64,
    /// Of all calendars.
    events: u64,
    calendars: u64,
    /// The number of this one.
    calendar: u64,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    Series,
    /// An occurrence of the series with this number that was moved.
    Moved(u64),
    /// One that does not take place.
    Dropped(u64),
    /// An event of which nothing but its end is known.
    Cancelled,
}

/// When an event takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// From one day up to, but without, another.
    Days(NaiveDate, NaiveDate),
    /// From one time to another, in Unix seconds.
    Times(i64, i64),
}

/// What is true of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub number: u64,
    pub shape: Shape,
    pub when: When,
    pub tentative: bool,
    /// The IANA zone that it names, and its distance to UTC in minutes.
    pub zone: Option<(&'static str, i64)>,
    /// When an occurrence would have begun, in Unix seconds.
    pub original: Option<i64>,
    /// Whatever else varies.
    pub draw: u64,
}

impl Facts {
    pub(super) fn is_cancelled(&self) -> bool {
        matches!(self.shape, Shape::Cancelled | Shape::Dropped(_))
    }

    pub(super) fn status(&self) -> &'static str {
        match (self.is_cancelled(), self.tentative) {
            (true, _) => "cancelled",
            (false, true) => "tentative",
            (false, false) => "confirmed",
        }
    }

    pub(super) fn title(&self) -> String {
        format!("Review {}", self.number)
    }
}

impl History {
    pub(super) fn new(options: &SandboxOptions, calendar: u64) -> Self {
        Self {
            seed: options.seed,
            until_unix: options.until_unix,
            span_s: u64::from(options.span_days.max(1)) * 86_400,
            events: options.events,
            calendars: u64::from(options.calendars.max(1)),
            calendar,
        }
    }

    /// How many events this calendar has.
    pub(super) fn len(&self) -> u64 {
        let (groups, rest) = (self.events / NEIGHBOURS, self.events % NEIGHBOURS);
        let whole = groups / self.calendars + u64::from(groups % self.calendars > self.calendar);
        let rest = if groups % self.calendars == self.calendar { rest } else { 0 };
        whole * NEIGHBOURS + rest
    }

    /// What is true of the event at a place of this calendar.
    pub(super) fn facts(&self, place: u64) -> Facts {
        self.facts_of((place / NEIGHBOURS * self.calendars + self.calendar) * NEIGHBOURS + place % NEIGHBOURS)
    }

    /// The place of the event with this id, if this calendar has it.
    pub(super) fn place_of(&self, id: &str) -> Option<u64> {
        let (master, occurrence) = match id.split_once('_') {
            Some((master, _)) => (master, 1),
            None => (id, 0),
        };
        let number = u64::from_str_radix(master.get(16..)?, 16).ok()?.checked_add(occurrence)?;
        let group = number / NEIGHBOURS;
        let ours = number < self.events && group % self.calendars == self.calendar;
        let place = group / self.calendars * NEIGHBOURS + number % NEIGHBOURS;
        (ours && self.id(&self.facts(place)) == id).then_some(place)
    }

    /// The id of an event. That of an occurrence is its series' and the time at which it would have begun.
    pub(super) fn id(&self, facts: &Facts) -> String {
        match (facts.shape, facts.original) {
            (Shape::Moved(series) | Shape::Dropped(series), Some(original)) => {
                occurrence_id(&self.plain_id(series), original)
            }
            _ => self.plain_id(facts.number),
        }
    }

    /// The id of an event that is no occurrence.
    pub(super) fn plain_id(&self, number: u64) -> String {
        format!("{:016x}{number:08x}", mix(self.seed, 500, number))
    }

    fn facts_of(&self, number: u64) -> Facts {
        let shape = match number % 20 {
            3 | 13 => Shape::Series,
            4 => Shape::Moved(number - 1),
            14 => Shape::Dropped(number - 1),
            9 | 19 => Shape::Cancelled,
            _ => Shape::Single,
        };
        let original = match shape {
            Shape::Moved(series) | Shape::Dropped(series) => Some(self.begins(series) + WEEK_S),
            _ => None,
        };
        let draw = mix(self.seed, 502, number);
        let begins = original.map_or_else(|| self.begins(number), |original| original + 4 * HOUR_S);
        let when = if number % 10 == 2 {
            let first = DateTime::from_timestamp(begins, 0).unwrap_or_default().date_naive();
            When::Days(first, first + Days::new(1 + draw % 3))
        } else {
            When::Times(begins, begins + HOUR_S / 2 * (1 + (draw % 4) as i64))
        };
        let zone = match (shape, number % 10) {
            (Shape::Series, _) => Some(("Europe/London", 0)),
            (_, 6) => Some(("Asia/Kolkata", 330)),
            _ => None,
        };
        Facts { number, shape, when, tentative: number % 7 == 5, zone, original, draw }
    }

    /// Quarters of an hour, spread over the span.
    fn begins(&self, number: u64) -> i64 {
        let before = i64::try_from(mix(self.seed, 501, number) % self.span_s).unwrap_or(0);
        (self.until_unix - before).div_euclid(900) * 900
    }
}

/// The id of an occurrence of a series that would have begun at `original`, in Unix seconds.
pub(super) fn occurrence_id(series: &str, original: i64) -> String {
    let original = DateTime::from_timestamp(original, 0).unwrap_or_default();
    format!("{series}_{}", original.format("%Y%m%dT%H%M%SZ"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_event_is_in_one_calendar_and_found_by_its_id() {
        for (events, calendars) in [(0, 1), (1, 3), (17, 3), (203, 4), (1_000, 1)] {
            let options = SandboxOptions { events, calendars, ..SandboxOptions::default() };
            let mut ids = HashSet::new();
            for calendar in 0..u64::from(calendars) {
                let history = History::new(&options, calendar);
                for place in 0..history.len() {
                    let facts = history.facts(place);
                    let id = history.id(&facts);
                    assert_eq!(history.place_of(&id), Some(place), "{id}");
                    if let Shape::Moved(series) | Shape::Dropped(series) = facts.shape {
                        assert!(history.place_of(&history.plain_id(series)).is_some(), "a series beside it");
                    }
                    ids.insert(id);
                }
            }
            assert_eq!(ids.len() as u64, events);
        }
        let history = History::new(&SandboxOptions { events: 10, ..SandboxOptions::default() }, 0);
        for unknown in ["", "made000000000001", "é", "0000000000000000ffffffff", "series_20261130T080000Z"] {
            assert_eq!(history.place_of(unknown), None);
        }
    }
}
