//! Text that PostgreSQL refuses, wherever it comes in: what it stands in is stored, and so is what is said of a failure.

use buffalo_model::{
    Contact, Entity, Event, EventStatus, EventTime, FailedRecord, Identity, Mode, Normalised, Payment,
    PaymentStatus, RawRecord, RunStatus, Source,
};
use buffalo_store::{DeadRow, EventState, RetryRow, RunCredit, RunOutcome, Taken, Totals, UpsertRow};

use crate::fixture::{Fixture, T0, payment, record};

/// Characters that no compression shortens to what fits into a key of an index.
fn noise(bytes: usize) -> String {
    let mut state: u64 = 7;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
    };
    (0..bytes).map(|_| next()).collect()
}

fn strange() -> [String; 2] {
    ["a\0b".to_owned(), noise(20_000)]
}

#[tokio::test]
async fn a_record_with_any_id_is_stored_and_two_ids_stay_two() {
    let mut fixture = Fixture::new().await;
    let [nul, long] = strange();
    let ids = [nul.clone(), "a\u{fffd}b".to_owned(), long.clone(), format!("{long}!")];
    let records: Vec<_> = ids.iter().map(|id| record(id, 0, "1")).collect();
    assert_eq!(fixture.write(&records).await.unwrap().enqueued, 4);
    assert_eq!(fixture.write(&records).await.unwrap().enqueued, 0, "nothing is news twice");
    let mut batch = fixture.claim(10).await.unwrap();
    let upserts: Vec<_> =
        (0..4).map(|row| UpsertRow { row, value: Normalised::Payment(payment(1)) }).collect();
    assert!(batch.upsert(&upserts, T0).await.unwrap().is_empty());
    assert_eq!(batch.tries(), 1);
    batch.settle(&[], &[], T0).await.unwrap();
    assert_eq!(fixture.database.number("SELECT count(*) FROM payments").await, 4);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn an_event_with_any_id_and_version_is_taken_once() {
    let fixture = Fixture::new().await;
    let source = Source::new("stripe");
    for text in strange() {
        let record = RawRecord { api_version: Some(text.clone()), ..record(&text, 0, "1") };
        let event = EventState {
            source: &source,
            entity: Entity::Payments,
            event_id: &text,
            record: &record,
            identity: &Identity::unknown(),
        };
        assert_eq!(fixture.store.take_event(&event, T0).await.unwrap(), Taken::Enqueued);
        assert_eq!(fixture.store.take_event(&event, T0).await.unwrap(), Taken::Repeated);
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn every_text_of_what_a_record_became_is_stored() {
    let mut fixture = Fixture::new().await;
    for (second, text) in (0..).zip(strange()) {
        let some = || Some(text.clone());
        let day = EventTime::Day(T0.date_naive());
        let values = [
            Normalised::Payment(Payment {
                raw_status: text.clone(),
                status: PaymentStatus::Unknown,
                parent_external_id: some(),
                customer_external_id: some(),
                customer_email: some(),
                ..payment(1)
            }),
            Normalised::Contact(Contact {
                email: some(),
                first_name: some(),
                last_name: some(),
                phone: some(),
                company: some(),
                lifecycle_stage: some(),
                deleted: false,
            }),
            Normalised::Event(Event {
                calendar_external_id: text.clone(),
                status: EventStatus::Unknown,
                raw_status: text.clone(),
                title: some(),
                description: some(),
                location: some(),
                organizer_email: some(),
                starts: Some(day),
                ends: Some(day),
                time_zone: some(),
                recurrence: some(),
                recurring_event_external_id: some(),
                original_start: None,
                created_at: None,
            }),
        ];
        let records: Vec<_> =
            (0..3).map(|id| record(&format!("r_{id}"), second, &text.len().to_string())).collect();
        fixture.write(&records).await.unwrap();
        let mut batch = fixture.claim(10).await.unwrap();
        let upserts: Vec<_> = values
            .into_iter()
            .enumerate()
            .map(|(row, value)| UpsertRow { row, value: value.storable() })
            .collect();
        assert!(batch.upsert(&upserts, T0).await.unwrap().is_empty(), "{} bytes", text.len());
        batch.settle(&[], &[], T0).await.unwrap();
    }
    let kept = "SELECT concat_ws(' ', (SELECT count(*) FROM payments), (SELECT count(*) FROM contacts),
                                 (SELECT count(email) FROM contacts), (SELECT count(*) FROM events))";
    assert_eq!(fixture.database.text(kept).await, "1 1 0 1");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_failure_is_written_down_whatever_is_said_of_it_and_healthy_rows_stay() {
    let mut fixture = Fixture::new().await;
    let [nul, long] = strange();
    fixture.write(&[record("ch_1", 0, "1"), record("ch_2", 0, "2"), record("ch_3", 0, "3")]).await.unwrap();
    let mut batch = fixture.claim(10).await.unwrap();
    batch.upsert(&[UpsertRow { row: 0, value: Normalised::Payment(payment(1)) }], T0).await.unwrap();
    let retry = RetryRow { row: 1, available_at: T0, stage: "normalise", reason: format!("{nul}{long}") };
    let dead = DeadRow { row: 2, attempts: 5, stage: "normalise", reason: format!("{nul}{long}") };
    batch.settle(&[retry], &[dead], T0).await.unwrap();
    assert_eq!(fixture.database.number("SELECT amount_minor FROM payments").await, 1);
    let said = "SELECT concat_ws(' ', (SELECT left(last_error, 3) FROM ingest_outbox), (SELECT left(reason, 3) FROM dead_letters))";
    assert_eq!(fixture.database.text(said).await, "a\u{fffd}b a\u{fffd}b");

    let failed = FailedRecord { external_id: nul.clone(), stage: "normalise".to_owned(), error: nul.clone() };
    let credit = RunCredit {
        run_id: fixture.run_id,
        processed: 1,
        failed: 2,
        dead_lettered: 1,
        failed_records: vec![failed],
        unmapped_statuses_seen: vec![nul.clone(), long],
    };
    fixture.store.credit_runs(&[credit], &Totals::default(), T0).await.unwrap();
    fixture.store.describe_run(fixture.run_id, Mode::Full, None, true, Some(&nul)).await.unwrap();
    let outcome = RunOutcome { error: Some(nul), ..RunOutcome::default() };
    let run = fixture.store.finish_run(fixture.run_id, &outcome, T0).await.unwrap();
    assert_eq!(run.status, RunStatus::Partial, "it does not stay running");
    assert_eq!((run.error.as_deref(), run.failed_records.len()), (Some("a\u{fffd}b"), 1));
    assert_eq!(run.unmapped_statuses_seen.len(), 2);
    fixture.database.drop_it().await;
}
