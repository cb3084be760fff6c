//! Tests of when days begin, where clocks do odd things.

use super::*;

fn begins(date: &str, zone: &str) -> String {
    let date: NaiveDate = date.parse().unwrap();
    midnight(date, zone.parse().unwrap()).format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn minutes(date: &str, zone: &str) -> i64 {
    let date: NaiveDate = date.parse().unwrap();
    let day = Day::range(date, date, zone.parse().unwrap())[0];
    (day.ends_at - day.starts_at).num_minutes()
}

#[test]
fn days_on_which_clocks_change_are_shorter_or_longer() {
    assert_eq!(minutes("2026-03-29", "Europe/Berlin"), 23 * 60);
    assert_eq!(minutes("2026-10-25", "Europe/Berlin"), 25 * 60);
    assert_eq!(minutes("2026-04-05", "Australia/Lord_Howe"), 24 * 60 + 30);
}

#[test]
fn a_day_whose_midnight_is_jumped_over_begins_with_the_jump() {
    assert_eq!(begins("2018-11-04", "America/Sao_Paulo"), "2018-11-04T03:00:00");
    assert_eq!(minutes("2018-11-04", "America/Sao_Paulo"), 23 * 60);
}

#[test]
fn what_is_shown_again_after_midnight_is_of_the_day_that_has_begun() {
    // At a minute past midnight clocks in St. John's were put back by an hour.
    let date = |at: &str| Day::date_of(at.parse().unwrap(), "America/St_Johns".parse().unwrap()).to_string();
    assert_eq!(begins("2010-11-07", "America/St_Johns"), "2010-11-07T02:30:00");
    assert_eq!(date("2010-11-07T02:29:59Z"), "2010-11-06");
    assert_eq!(date("2010-11-07T02:45:00Z"), "2010-11-07");
}

#[test]
fn a_day_that_was_left_out_is_empty() {
    // Samoa went from the 29th to the 31st of December 2011.
    assert_eq!(minutes("2011-12-30", "Pacific/Apia"), 0);
    assert_eq!(begins("2011-12-31", "Pacific/Apia"), "2011-12-30T10:00:00");
}

#[test]
fn zones_may_be_off_by_quarters_of_an_hour() {
    assert_eq!(begins("2026-01-01", "Asia/Kathmandu"), "2025-12-31T18:15:00");
}
