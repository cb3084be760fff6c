//! Days of every time zone, against a library that has its own copy of the time zone database and its own arithmetic.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails should say so at once"
)]

use buffalo_model::Day;
use chrono::NaiveDate;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Where the copies differ: in 2026 these places gave up changing their clocks, from that day on. chrono-tz 0.10.4 is of early
/// 2025 and does not know it yet. Each must differ, so that this list shrinks with the next version.
const GAVE_UP_CHANGING_CLOCKS: [(&str, &str); 11] = [
    ("Africa/Casablanca", "2026-09-20"),
    ("Africa/El_Aaiun", "2026-09-20"),
    ("America/Edmonton", "2026-11-01"),
    ("America/Inuvik", "2026-11-01"),
    ("America/Rainy_River", "2026-11-01"),
    ("America/Vancouver", "2026-11-01"),
    ("America/Winnipeg", "2026-11-01"),
    ("America/Yellowknife", "2026-11-01"),
    ("Canada/Central", "2026-11-01"),
    ("Canada/Mountain", "2026-11-01"),
    ("Canada/Pacific", "2026-11-01"),
];

/// The seconds at which the days from `first` on begin; one more than there are days.
fn edges(zone: &TimeZone, first: Date, days: usize) -> Vec<i64> {
    let dates = std::iter::successors(Some(first), |day| day.tomorrow().ok());
    let begins = |day: Date| day.to_zoned(zone.clone()).unwrap().start_of_day().unwrap();
    dates.take(days + 1).map(|day| begins(day).timestamp().as_second()).collect()
}

/// The first day of each zone that another library has otherwise.
fn differences(first: NaiveDate, last: NaiveDate) -> Vec<(&'static str, String)> {
    let database = jiff::tz::TimeZoneDatabase::bundled();
    let mut differ = Vec::new();
    for zone in chrono_tz::TZ_VARIANTS {
        let days = Day::range(first, last, zone);
        let other = database.get(zone.name()).unwrap_or_else(|_| panic!("{zone} is not known to both"));
        let expected = edges(&other, first.to_string().parse().unwrap(), days.len());
        let wrong = days.iter().enumerate().find(|(nth, day)| {
            (day.starts_at.timestamp(), day.ends_at.timestamp()) != (expected[*nth], expected[nth + 1])
        });
        differ.extend(wrong.map(|(_, day)| (zone.name(), day.date.to_string())));
    }
    differ
}

#[test]
fn days_of_all_zones_begin_and_end_as_another_library_says() {
    let day = |text: &str| text.parse().unwrap();
    let found = differences(day("2025-01-01"), day("2026-12-31"));
    assert_eq!(found, GAVE_UP_CHANGING_CLOCKS.map(|(zone, date)| (zone, date.to_owned())));
}

#[test]
fn quarters_of_an_hour_hold_the_days_of_all_zones_since_1980() {
    let day = |text: &str| -> NaiveDate { text.parse().unwrap() };
    for zone in chrono_tz::TZ_VARIANTS {
        for day in Day::range(day("1980-01-01"), day("2030-12-31"), zone) {
            assert_eq!(day.starts_at.timestamp() % 900, 0, "{zone} {day:?}");
        }
    }
}
