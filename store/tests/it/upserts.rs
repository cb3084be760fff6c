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
    for (bad, most_tries) in
        [(vec![], 1), (vec![0], 20), (vec![417], 21), (vec![599], 21), (vec![3, 333], 40)]
    {
        let mut batch = fixture.claim(600).await.unwrap();
        let amount = |row| if bad.contains(&row) { -1 } else { 1 };
        let upserts: Vec<_> =
            (0..600).map(|row| UpsertRow { row, value: Normalised::Payment(payment(amount(row))) }).collect();
        let failures = batch.upsert(&upserts, T0).await.unwrap();
        assert_eq!(failures.iter().map(|failure| failure.row).collect::<Vec<_>>(), bad);
        assert!(batch.tries() <= most_tries, "{} tries for {bad:?}", batch.tries());
    }
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

#[tokio::test]
async fn a_cancelled_event_keeps_what_is_known_of_it() {
    let mut fixture = Fixture::new().await;
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
    let event = Event {
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
    };
    let cancelled =
        Event { status: EventStatus::Cancelled, title: None, starts: None, ends: None, ..event.clone() };
    let moved = Event { starts: Some(EventTime::At(T0)), ends: Some(EventTime::At(T0)), ..event.clone() };
    let seen = "SELECT concat_ws(' ', status, title, start_date, starts_at IS NOT NULL, deleted_at IS NOT NULL) FROM events";
    for (second, value, expected) in [
        (0, event, "CONFIRMED Review 2026-11-21 f f"),
        (1, cancelled, "CANCELLED Review 2026-11-21 f t"),
        (2, moved, "CONFIRMED Review t f"),
    ] {
        fixture.write(&[record("c/1", second, &format!("\"{second}\""))]).await.unwrap();
        let mut batch = fixture.claim(1).await.unwrap();
        batch.upsert(&[UpsertRow { row: 0, value: Normalised::Event(value) }], T0).await.unwrap();
        batch.settle(&[], &[], T0).await.unwrap();
        assert_eq!(fixture.database.text(seen).await, expected);
    }
    fixture.database.drop_it().await;
}
