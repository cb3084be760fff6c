//! Weeks and retention at the edges of weeks, years and clock changes.

use super::*;

fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

fn week(monday: &str) -> Week {
    let week = Week { monday: monday.parse().unwrap() };
    assert_eq!(week.monday.weekday(), chrono::Weekday::Mon, "{monday}");
    week
}

fn weeks(mondays: &[&str]) -> Vec<Week> {
    mondays.iter().map(|monday| week(monday)).collect()
}

fn spans(mondays: &[&str]) -> Vec<Span> {
    weeks(mondays).into_iter().map(Week::span).collect()
}

#[test]
fn a_week_begins_on_monday_at_midnight_utc_and_not_before() {
    for (moment, monday) in [
        ("2026-11-22T23:59:59.999999Z", "2026-11-16"),
        ("2026-11-23T00:00:00Z", "2026-11-23"),
        // Still Sunday by the clocks of New York.
        ("2026-11-22T20:00:00-05:00", "2026-11-23"),
        // The last days of 2026 and the first of 2027 are one week, the 53rd.
        ("2026-12-31T23:59:59Z", "2026-12-28"),
        ("2027-01-03T12:00:00Z", "2026-12-28"),
        ("2027-01-04T00:00:00Z", "2027-01-04"),
        // 2024 began on a Monday, and had a 29 February.
        ("2024-01-01T00:00:00Z", "2024-01-01"),
        ("2024-02-29T12:00:00Z", "2024-02-26"),
    ] {
        assert_eq!(Week::of(at(moment)), week(monday), "{moment}");
    }
}

#[test]
fn weeks_follow_one_another_also_where_clocks_change() {
    // Clocks go back in Europe on 25 October 2026, forward on 28 March 2027, and in America a week or two apart from that.
    let mut current = week("2026-10-12");
    for _ in 0..30 {
        let (span, next) = (current.span(), current.next().span());
        assert_eq!(span.to - span.from.unwrap(), TimeDelta::hours(168));
        assert_eq!(Some(span.to), next.from);
        assert_eq!(span.week(), Some(current));
        current = current.next();
    }
    let longer = Span { to: week("2026-11-23").span().to, ..week("2026-11-16").span() };
    assert_eq!(longer.week(), None);
    assert_eq!(Span { from: None, ..longer }.week(), None);
}

#[test]
fn an_empty_database_needs_this_week_and_the_next_four() {
    let expected = weeks(&["2026-12-21", "2026-12-28", "2027-01-04", "2027-01-11", "2027-01-18"]);
    assert_eq!(missing_weeks(at("2026-12-27T23:59:59Z"), &[], &[]), expected);
}

#[test]
fn what_exists_is_not_made_again() {
    let all = ["2026-11-16", "2026-11-23", "2026-11-30", "2026-12-07", "2026-12-14"];
    let now = at("2026-11-21T12:00:00Z");
    assert!(missing_weeks(now, &[], &spans(&all)).is_empty());
    // A gap is filled, and what lies in the default partition gets its place, once.
    let stray = weeks(&["2026-03-02", "2026-11-23"]);
    let gap = [&all[..1], &all[2..]].concat();
    assert_eq!(missing_weeks(now, &stray, &spans(&gap)), weeks(&["2026-03-02", "2026-11-23"]));
    // The partition of everything before it was partitioned ends with the week in which that was.
    let before = Span { from: None, to: week("2026-11-16").span().to };
    assert_eq!(
        missing_weeks(now, &[], &[before]),
        weeks(&["2026-11-23", "2026-11-30", "2026-12-07", "2026-12-14"])
    );
    // One that somebody made by hand and that only touches a week is respected.
    let by_hand = Span { from: Some(at("2026-11-29T23:00:00Z")), to: at("2026-12-01T00:00:00Z") };
    assert_eq!(missing_weeks(now, &[], &[before, by_hand]), weeks(&["2026-12-07", "2026-12-14"]));
}

#[test]
fn a_partition_is_past_when_its_last_moment_is() {
    let span = week("2026-08-17").span();
    assert_eq!(span.to, at("2026-08-24T00:00:00Z"));
    let ninety = Retention::of_days(90);
    assert!(!ninety.is_past(span, at("2026-11-21T23:59:59Z")));
    assert!(ninety.is_past(span, at("2026-11-22T00:00:00Z")));
    assert!(ninety.is_past(Span { from: None, ..span }, at("2026-11-22T00:00:00Z")));
    // Neither the current week nor a later one, whatever is configured.
    assert!(!Retention::of_days(1).is_past(span, at("2026-08-23T23:59:59Z")));
    assert!(Retention::of_days(1).is_past(span, at("2026-08-25T00:00:00Z")));
    assert!(!Retention::of_days(36_500).is_past(span, at("2026-11-22T00:00:00Z")));
}

#[test]
fn nothing_is_ever_past_where_history_is_kept_for_ever() {
    assert_eq!(Retention::of_days(0), Retention::ForEver);
    assert!(!Retention::ForEver.is_past(week("1970-01-05").span(), at("2026-11-21T00:00:00Z")));
}

#[test]
fn coverage_ends_at_the_first_gap() {
    let now = at("2026-11-21T12:00:00Z");
    let until = |mondays: &[&str]| covered_until(now, &spans(mondays));
    assert_eq!(until(&[]), None);
    assert_eq!(until(&["2026-11-23"]), None);
    assert_eq!(until(&["2026-11-30", "2026-11-16"]), Some(at("2026-11-23T00:00:00Z")));
    assert_eq!(until(&["2026-11-23", "2026-11-16"]), Some(at("2026-11-30T00:00:00Z")));
    assert!(lacks_next_week(now, &spans(&["2026-11-16"])));
    assert!(!lacks_next_week(now, &spans(&["2026-11-16", "2026-11-23"])));
}
