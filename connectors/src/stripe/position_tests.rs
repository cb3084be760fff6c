//! Tests of what a stored cursor allows.

use serde_json::json;

use super::*;

const NOW: i64 = 1_800_000_000;

fn config(incremental: Incremental) -> StripeConfig {
    StripeConfig {
        account: None,
        context: None,
        livemode: None,
        api_version: "2026-10-28.endive".to_owned(),
        incremental,
        resources: Resource::ALL.to_vec(),
        pages_at_once: 8,
    }
}

fn state(cursor: serde_json::Value, incremental: Incremental) -> CursorState {
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    assess(&Cursor::new(cursor), &config(incremental), now)
}

fn events(through: i64) -> serde_json::Value {
    json!({"phase": "events", "through": through, "resources": ["charges", "refunds", "disputes"]})
}

#[test]
fn a_recent_position_is_current_and_an_old_one_is_stale() {
    assert_eq!(state(events(NOW - 28 * DAY_S), Incremental::Events), CursorState::Current);
    let CursorState::Stale(reason) = state(events(NOW - 30 * DAY_S), Incremental::Events) else {
        panic!("thirty days are too long");
    };
    assert!(reason.contains("30 days"), "{reason}");
}

#[test]
fn a_position_that_a_clock_ahead_left_is_stale() {
    assert_eq!(state(events(NOW + 500), Incremental::Events), CursorState::Current);
    for ahead_s in [700, 7_200] {
        let CursorState::Stale(reason) = state(events(NOW + ahead_s), Incremental::Events) else {
            panic!("{ahead_s} s are not in the overlap");
        };
        assert!(reason.contains("future"), "{reason}");
    }
}

#[test]
fn a_lookback_follows_as_many_days_as_it_lists() {
    let lookback = Incremental::Lookback { days: 3 };
    assert_eq!(state(events(NOW - 2 * DAY_S), lookback), CursorState::Current);
    assert!(matches!(state(events(NOW - 4 * DAY_S), lookback), CursorState::Stale(_)));
}

#[test]
fn whatever_was_stored_is_assessed() {
    let strange = [
        json!(null),
        json!("ch_123"),
        json!({}),
        json!({"phase": "events"}),
        json!({"phase": "events", "through": "yesterday", "resources": []}),
        json!({"phase": "listing", "kind": "backfill", "windows": [{"resource": "invoices"}]}),
        events(NOW + 10 * DAY_S),
        events(i64::MIN),
        events(i64::MAX),
    ];
    for cursor in strange {
        let state = state(cursor.clone(), Incremental::Events);
        assert!(matches!(state, CursorState::Stale(_)), "{cursor} is {state:?}");
    }
}

#[test]
fn a_resource_that_was_never_fetched_needs_a_backfill() {
    let cursor = json!({"phase": "events", "through": NOW, "resources": ["charges"]});
    assert_eq!(
        state(cursor, Incremental::Events),
        CursorState::Stale("refunds have not been fetched so far".to_owned())
    );
}

#[test]
fn an_unfinished_backfill_is_continued_until_it_is_too_old() {
    let listing = |started_at: i64| {
        json!({"phase": "listing", "kind": "backfill", "started_at": started_at, "windows": [
            {"resource": "charges", "after": "ch_1"}, {"resource": "refunds"}, {"resource": "disputes"}]})
    };
    assert_eq!(state(listing(NOW - DAY_S), Incremental::Events), CursorState::Backfilling);
    assert!(matches!(state(listing(NOW - 40 * DAY_S), Incremental::Events), CursorState::Stale(_)));
}

#[test]
fn a_position_reads_back_as_it_was_written() {
    let window = Window {
        resource: Resource::Charges,
        created_gte: Some(1),
        created_lt: Some(2),
        after: Some("ch_1".to_owned()),
        done: false,
    };
    let listing = Position::Listing(Listing {
        kind: ListingKind::Lookback { through: 7 },
        started_at: Some(5),
        windows: vec![
            window.clone(),
            Window { created_gte: None, created_lt: None, after: None, done: true, ..window },
        ],
    });
    let events = Position::Events(Events {
        through: 9,
        resources: Resource::ALL.to_vec(),
        window: Some(EventWindow { until: 10, after: "evt_1".to_owned(), boundary: 8 }),
        reread: vec![Reread { created: 8, events: "ab".to_owned() }],
    });
    for position in [listing, events] {
        assert_eq!(Position::read(&position.to_cursor()).unwrap(), position);
    }
}
