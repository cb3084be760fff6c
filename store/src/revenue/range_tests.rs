//! Tests of how a range is cut.

use buffalo_model::Granularity;

use super::*;

fn query(granularity: Granularity, start: &str, end: &str, zone: &str) -> RevenueQuery {
    RevenueQuery {
        start_date: Some(start.parse().unwrap()),
        end_date: Some(end.parse().unwrap()),
        timezone: zone.parse().unwrap(),
        ..RevenueQuery::of(granularity, "USD".parse().unwrap())
    }
}

fn cut(query: &RevenueQuery) -> Range {
    Range::of(query, None, DateTime::UNIX_EPOCH).unwrap()
}

#[test]
fn weeks_are_made_of_the_days_that_are_asked_for() {
    let range = cut(&query(Granularity::Weekly, "2026-11-21", "2026-11-24", "UTC"));
    assert_eq!(range.pieces, [0, 0, 1, 1]);
    assert_eq!(
        range.first_days.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["2026-11-16", "2026-11-23"]
    );
    assert_eq!(range.ends_at[..3], range.starts_at[1..]);
}

#[test]
fn days_that_begin_within_a_bucket_are_cut_into_pieces() {
    // Liberia was 44 minutes and a half behind until 1972.
    let range = cut(&query(Granularity::Monthly, "1971-11-15", "1972-01-20", "Africa/Monrovia"));
    assert_eq!(range.cut, Cut::Pieces);
    assert_eq!(range.first_days.len(), 3);
    assert_eq!(range.ends_at[..2], range.starts_at[1..]);
    assert_eq!(
        cut(&query(Granularity::Monthly, "1972-02-01", "1972-02-02", "Africa/Monrovia")).cut,
        Cut::Days
    );
}

#[test]
fn a_range_without_end_is_that_of_the_payments() {
    let open = RevenueQuery::of(Granularity::Daily, "USD".parse().unwrap());
    assert!(Range::needs_bounds(&open));
    let at = |day: &str| Some(format!("{day}T12:00:00Z").parse().unwrap());
    let bounds = Bounds { earliest: at("2026-01-01"), latest: at("2026-01-03") };
    let range = Range::of(&open, Some(bounds), DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(range.first_days.len(), 3);
    let later = Bounds { latest: at("2026-01-04"), ..bounds };
    assert!(later.cover(bounds) && !bounds.cover(later));
}

#[test]
fn the_last_quarter_of_an_hour_may_end_on_another_day() {
    let at = |text: &str| Some(text.parse().unwrap());
    let open = |zone: &str| RevenueQuery {
        timezone: zone.parse().unwrap(),
        ..RevenueQuery::of(Granularity::Daily, "USD".parse().unwrap())
    };
    let last = |zone: &str, quarter: &str| {
        let bounds = Bounds { earliest: at(quarter), latest: at(quarter) };
        Range::of(&open(zone), Some(bounds), DateTime::UNIX_EPOCH)
            .unwrap()
            .first_days
            .last()
            .unwrap()
            .to_string()
    };
    assert_eq!(last("Africa/Monrovia", "1971-12-31T00:30:00Z"), "1971-12-31");
    assert_eq!(last("America/St_Johns", "2010-11-07T02:45:00Z"), "2010-11-07");
    assert_eq!(last("Europe/Berlin", "2026-11-07T22:45:00Z"), "2026-11-07");
}

#[test]
fn what_is_asked_for_beyond_all_payments_is_a_day_of_it() {
    let asked = query(Granularity::Daily, "0001-01-01", "0100-01-01", "UTC");
    let at = |day: &str| Some(format!("{day}T12:00:00Z").parse().unwrap());
    let bounds = Bounds { earliest: at("2026-01-01"), latest: at("2026-01-03") };
    let range = Range::of(&asked, Some(bounds), DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(range.first_days, [asked.start_date.unwrap()]);
}

#[test]
fn too_many_pieces_are_refused() {
    let asked = query(Granularity::Daily, "0001-01-01", "9999-01-01", "UTC");
    let at = |day: &str| Some(format!("{day}T12:00:00Z").parse().unwrap());
    let bounds = Bounds { earliest: at("0002-01-01"), latest: at("9998-01-03") };
    assert!(Range::of(&asked, Some(bounds), DateTime::UNIX_EPOCH).is_err());
    let whole = RevenueQuery { granularity: Granularity::Summary, ..asked };
    assert_eq!(Range::of(&whole, Some(bounds), DateTime::UNIX_EPOCH).unwrap().starts_at.len(), 1);
}
