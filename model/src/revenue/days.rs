//! When days begin and end in a time zone.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A day as the time from its beginning up to, and without, that of the next one: 23 or 25 hours where clocks change,
/// nothing where a zone left a day out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Its date.
    pub date: NaiveDate,
    /// When it begins.
    pub starts_at: DateTime<Utc>,
    /// When the next one begins.
    pub ends_at: DateTime<Utc>,
}

impl Day {
    /// The days from `first` to `last`, both included, in order; nothing where `last` is before `first`.
    #[must_use]
    pub fn range(first: NaiveDate, last: NaiveDate, timezone: Tz) -> Vec<Self> {
        let mut days = Vec::new();
        let mut date = first;
        let mut starts_at = midnight(first, timezone);
        while date <= last {
            let Some(next) = date.checked_add_days(Days::new(1)) else { break };
            let ends_at = midnight(next, timezone);
            days.push(Self { date, starts_at, ends_at });
            (date, starts_at) = (next, ends_at);
        }
        days
    }

    /// The date of the day in which `instant` lies. Where clocks are put back over midnight they show the day before again,
    /// and yet it is the new one, which has begun.
    #[must_use]
    pub fn date_of(instant: DateTime<Utc>, timezone: Tz) -> NaiveDate {
        let shown = instant.with_timezone(&timezone).date_naive();
        shown.succ_opt().filter(|next| midnight(*next, timezone) <= instant).unwrap_or(shown)
    }
}

/// The first moment of a day: midnight, the earlier one where clocks are put back over it. Where they are put forward over
/// it, or a whole day is left out, it is the moment at which that happens.
#[must_use]
pub fn midnight(date: NaiveDate, timezone: Tz) -> DateTime<Utc> {
    let wanted = date.and_time(NaiveTime::MIN);
    match timezone.from_local_datetime(&wanted) {
        LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => moment.to_utc(),
        LocalResult::None => end_of_gap(wanted, timezone),
    }
}

/// The first second at which clocks show `wanted` or later, where they jump over it.
fn end_of_gap(wanted: NaiveDateTime, timezone: Tz) -> DateTime<Utc> {
    let shows_it = |at: DateTime<Utc>| at.with_timezone(&timezone).naive_local() >= wanted;
    // Offsets from UTC have always been within 16 hours, and no gap was longer than a day.
    let mut before = wanted.and_utc() - TimeDelta::hours(41);
    let mut after = wanted.and_utc() + TimeDelta::hours(41);
    while (after - before).num_seconds() > 1 {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if shows_it(middle) { after = middle } else { before = middle }
    }
    after
}

#[cfg(test)]
#[path = "days_tests.rs"]
mod tests;
