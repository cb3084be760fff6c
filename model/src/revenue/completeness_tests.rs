//! Tests of what is said to be missing.

use chrono::TimeDelta;

use super::*;

const NOW: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).unwrap();

fn codes(fresh: Freshness, ends_at: Option<DateTime<Utc>>) -> Vec<GapCode> {
    gaps(&[fresh], ends_at, NOW).into_iter().map(|gap| gap.code).collect()
}

#[test]
fn what_a_lookback_does_not_see_is_a_gap() {
    let seen = Freshness { changes_seen_since: Some(NOW - TimeDelta::days(30)), ..through(0) };
    let gaps = gaps(&[seen], None, NOW);
    assert_eq!(gaps[0].code, GapCode::ChangesUnseen);
    assert!(gaps[0].message.contains("2026-12-16 only"), "{}", gaps[0].message);
}

fn through(hours_ago: i64) -> Freshness {
    Freshness { through: Some(NOW - TimeDelta::hours(hours_ago)), ..Freshness::none(Source::new("stripe")) }
}

#[test]
fn a_range_that_ended_before_the_data_does_is_complete() {
    assert_eq!(codes(through(1), Some(NOW - TimeDelta::hours(1))), []);
    assert_eq!(codes(through(1), Some(NOW - TimeDelta::minutes(59))), [GapCode::BeyondData]);
}

#[test]
fn the_future_is_not_missing() {
    assert_eq!(codes(through(0), Some(NOW + TimeDelta::days(30))), []);
    assert_eq!(codes(through(0), None), []);
    assert_eq!(codes(through(1), None), [GapCode::BeyondData]);
}

#[test]
fn every_reason_is_told() {
    let fresh = Freshness {
        rows_wait: true,
        rows_are_dead: true,
        fails: true,
        missing_returns: 1,
        ..Freshness::none(Source::new("stripe"))
    };
    let all = [
        GapCode::NotFetched,
        GapCode::SourceFailing,
        GapCode::RowsPending,
        GapCode::DeadLetters,
        GapCode::ReturnsMissing,
    ];
    assert_eq!(codes(fresh, Some(NOW)), all);
}
