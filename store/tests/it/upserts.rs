//! Normalised rows: which state holds, what a refused one costs, and what is kept of what is gone.

use buffalo_model::{Event, EventStatus, EventTime, Normalised, Payment};
use buffalo_store::UpsertRow;

use crate::fixture::{Fixture, T0, payment, record};

#[tokio::test]
async fn a_value_that_is_refused_fails_alone() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1"), record("ch_2", 0, "2"), record("ch_3", 0, "3")]).await.unwrap();
    let mut batch = fixture.claim(10).await.unwrap();
    let upserts: Vec<_> = [1, -1, 3]
        .into_iter()
        .enumerate()
        .map(|(row, amount)| UpsertRow { row, value: Normalised::Payment(payment(amount)) })
        .collect();
    let failures = batch.upsert(&upserts, T0).await.unwrap();
    assert_eq!(failures.iter().map(|failure| failure.row).collect::<Vec<_>>(), [1]);
    assert!(failures[0].reason.contains("23514"), "{failures:?}");
    batch.settle(&[], &[], T0).await.unwrap();
    assert_eq!(fixture.database.number("SELECT sum(amount_minor)::bigint FROM payments").await, 4);
    fixture.database.drop_it().await;
}

/// What is refused is halved: one row among hundreds costs two tries for each halving, not one for each row.
#[tokio::test]
async fn a_refused_row_among_hundreds_costs_few_tries() {
    let mut fixture = Fixture::new().await;
    let ids: Vec<String> = (0..600).map(|number| format!("ch_{number:03}")).collect();
    fixture.write(&ids.iter().map(|id| record(id, 0, "1")).collect::<Vec<_>>()).await.unwrap();
    let mut batch = fixture.claim(600).await.unwrap();
    for (bad, most_tries) in
        [(vec![], 1), (vec![0], 20), (vec![417], 21), (vec![599], 21), (vec![3, 333], 40)]
    {
        let tries_before = batch.tries();
        let amount = |row| if bad.contains(&row) { -1 } else { 1 };
        let upserts: Vec<_> =
            (0..600).map(|row| UpsertRow { row, value: Normalised::Payment(payment(amount(row))) }).collect();
        let failures = batch.upsert(&upserts, T0).await.unwrap();
        assert_eq!(failures.iter().map(|failure| failure.row).collect::<Vec<_>>(), bad);
        let tries = batch.tries() - tries_before;
        assert!(tries <= most_tries, "{tries} tries for {bad:?}");
    }
    drop(batch);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn an_older_revision_never_replaces_a_newer_one() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    let mut old = fixture.claim(1).await.unwrap();
    fixture.write(&[record("ch_1", 1, "2")]).await.unwrap();
    let mut new = fixture.claim(1).await.unwrap();
    assert_eq!((old.rows()[0].revision, new.rows()[0].revision), (1, 2));
    new.upsert(&[UpsertRow { row: 0, value: Normalised::Payment(payment(200)) }], T0).await.unwrap();
    new.settle(&[], &[], T0).await.unwrap();
    old.upsert(&[UpsertRow { row: 0, value: Normalised::Payment(payment(100)) }], T0).await.unwrap();
    old.settle(&[], &[], T0).await.unwrap();
    assert_eq!(fixture.database.number("SELECT amount_minor FROM payments").await, 200);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_record_that_is_gone_stays_gone_for_older_states_and_comes_back_with_newer_ones() {
    let mut fixture = Fixture::new().await;
    let live = "SELECT count(*) FROM payments WHERE deleted_at IS NULL";
    let amount = "SELECT amount_minor FROM payments";
    fixture.write(&[record("d_1", 0, "1")]).await.unwrap();
    let mut first = fixture.claim(1).await.unwrap();
    fixture.write(&[record("d_1", 1, "2")]).await.unwrap();
    let mut gone = fixture.claim(1).await.unwrap();
    gone.upsert(&[UpsertRow { row: 0, value: Normalised::Gone }], T0).await.unwrap();
    gone.settle(&[], &[], T0).await.unwrap();
    first.upsert(&[UpsertRow { row: 0, value: Normalised::Payment(payment(100)) }], T0).await.unwrap();
    first.settle(&[], &[], T0).await.unwrap();
    assert_eq!(fixture.database.number(live).await, 0);

    for (second, value, alive, known) in [
        (2, Normalised::Payment(payment(300)), 1, 300),
        (3, Normalised::Gone, 0, 300),
        (4, Normalised::Payment(Payment { deleted: true, ..payment(400) }), 0, 400),
    ] {
        fixture.write(&[record("d_1", second, &format!("\"{second}\""))]).await.unwrap();
        let mut batch = fixture.claim(1).await.unwrap();
        batch.upsert(&[UpsertRow { row: 0, value }], T0).await.unwrap();
        batch.settle(&[], &[], T0).await.unwrap();
        assert_eq!(
            (fixture.database.number(live).await, fixture.database.number(amount).await),
            (alive, known)
        );
    }
    fixture.database.drop_it().await;
}

/// An all-day event of 21 November 2026.
fn all_day() -> Event {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
    Event {
        calendar_external_id: "c".to_owned(),
        status: EventStatus::Confirmed,
        raw_status: "confirmed".to_owned(),
        title: Some("Review".to_owned()),
        description: None,
        location: None,
        organizer_email: None,
        starts: Some(EventTime::Day(day)),
        ends: Some(EventTime::Day(day + chrono::Days::new(1))),
        time_zone: None,
        recurrence: None,
        recurring_event_external_id: None,
        original_start: None,
        created_at: None,
    }
}

/// Processes states of one event, one after the other; after each, what a query says of it.
async fn follow(states: Vec<Event>, seen: &'static str) -> Vec<String> {
    let mut fixture = Fixture::new().await;
    let mut said = Vec::new();
    for (second, value) in states.into_iter().enumerate() {
        let second = i64::try_from(second).unwrap();
        fixture.write(&[record("c/1", second, &format!("\"{second}\""))]).await.unwrap();
        let mut batch = fixture.claim(1).await.unwrap();
        batch.upsert(&[UpsertRow { row: 0, value: Normalised::Event(value) }], T0).await.unwrap();
        batch.settle(&[], &[], T0).await.unwrap();
        said.push(fixture.database.text(seen).await);
    }
    fixture.database.drop_it().await;
    said
}

#[tokio::test]
async fn a_cancelled_event_keeps_what_is_known_of_it() {
    let cancelled =
        Event { status: EventStatus::Cancelled, title: None, starts: None, ends: None, ..all_day() };
    let moved = Event { starts: Some(EventTime::At(T0)), ends: Some(EventTime::At(T0)), ..all_day() };
    let seen = "SELECT concat_ws(' ', status, title, start_date, starts_at IS NOT NULL, deleted_at IS NOT NULL) FROM events";
    assert_eq!(
        follow(vec![all_day(), cancelled, moved], seen).await,
        ["CONFIRMED Review 2026-11-21 f f", "CANCELLED Review 2026-11-21 f t", "CONFIRMED Review t f"]
    );
}

/// It became timed and was cancelled between two looks at it.
#[tokio::test]
async fn a_cancelled_event_has_times_of_one_kind() {
    let of_the_series = Event {
        recurrence: Some("RRULE:FREQ=WEEKLY".to_owned()),
        original_start: all_day().starts,
        recurring_event_external_id: Some("c/series".to_owned()),
        ..all_day()
    };
    let gone = Event { status: EventStatus::Cancelled, title: None, starts: None, ends: None, ..all_day() };
    let at = |start, end| Event {
        starts: start,
        ends: end,
        time_zone: Some("Europe/Berlin".to_owned()),
        original_start: Some(EventTime::At(T0)),
        ..gone.clone()
    };
    let moment = Some(EventTime::At(T0));
    let seen =
        "SELECT concat_ws(' ', title, num_nonnulls(starts_at, ends_at), num_nonnulls(start_date, end_date),
                       coalesce(time_zone, '-'), coalesce(recurrence, '-'), original_starts_at IS NOT NULL,
                       original_start_date IS NOT NULL, recurring_event_external_id) FROM events";
    for (cancelled, expected) in [
        (at(moment, moment), "Review 2 0 Europe/Berlin - t f c/series"),
        (at(moment, None), "Review 1 0 Europe/Berlin - t f c/series"),
        (at(None, moment), "Review 1 0 Europe/Berlin - t f c/series"),
        (gone.clone(), "Review 0 2 - RRULE:FREQ=WEEKLY f t c/series"),
    ] {
        assert_eq!(follow(vec![of_the_series.clone(), cancelled], seen).await[1], expected);
    }
}
