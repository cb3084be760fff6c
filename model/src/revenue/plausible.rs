//! Which dates payments may well have, and which are probably mistyped.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

/// Before any payment that a source has, on 1 January.
const FIRST_YEAR: i32 = 1990;

/// The most days by which a deal is planned ahead: ten years.
const MAX_DAYS_AHEAD: u64 = 3_653;

/// The first and the last day that are believed at `now`. Payments of other days count as they are dated: a deal that closes
/// in the year 24, or in 2206, is in a bucket of its own and reported as probably mistyped.
#[must_use]
pub fn plausible_days(now: DateTime<Utc>) -> (NaiveDate, NaiveDate) {
    let today = now.date_naive();
    let first = NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1).unwrap_or(today);
    (first, today.checked_add_days(Days::new(MAX_DAYS_AHEAD)).unwrap_or(today))
}

/// When those days begin and end, in UTC.
#[must_use]
pub fn plausible_times(now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let (first, last) = plausible_days(now);
    let begins = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    (begins(first), begins(last.succ_opt().unwrap_or(last)))
}
