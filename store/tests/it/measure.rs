//! Measuring without counting.

use chrono::TimeDelta;

use crate::fixture::{Fixture, T0};

#[tokio::test]
async fn a_small_outbox_is_counted_and_a_large_one_estimated() {
    let it = Fixture::new().await;
    assert_eq!(it.store.measure(T0).await.unwrap().outbox, []);
    let enqueue = "INSERT INTO ingest_outbox (raw_id, source, entity, external_id, revision, observed_at,
                                              payload_bytes, available_at, enqueued_at)
                   SELECT n, 'stripe', CASE WHEN n % 4 = 0 THEN 'events' ELSE 'payments' END, 'ch_' || n, 1, now, 1, now, now
                   FROM generate_series(";
    it.run(&format!("{enqueue} 1, 1000) n, to_timestamp(1800000000) AS now")).await;
    let rows = |measured: &buffalo_store::Measurements, entity| {
        measured.outbox.iter().find(|found| found.entity == entity).unwrap().rows
    };
    let measured = it.store.measure(T0).await.unwrap();
    assert_eq!((rows(&measured, "payments"), rows(&measured, "events")), (750, 250));
    it.run(&format!("{enqueue} 1001, 400000) n, to_timestamp(1800000000) AS now")).await;
    let measured = it.store.measure(T0).await.unwrap();
    assert!((240_000..360_000).contains(&rows(&measured, "payments")), "{measured:?}");
    assert!((80_000..120_000).contains(&rows(&measured, "events")), "{measured:?}");
    assert_ne!(rows(&measured, "payments"), 300_000, "it was counted");
    it.database.drop_it().await;
}

#[tokio::test]
async fn only_a_row_that_could_be_claimed_waits() {
    let it = Fixture::new().await;
    it.run(
        "INSERT INTO ingest_outbox (raw_id, source, entity, external_id, revision, observed_at, payload_bytes,
                                    available_at, enqueued_at)
         SELECT n, 'stripe', 'payments', 'ch_' || n, 1, now, 1, now + n * interval '1 minute', now
         FROM generate_series(1, 3) n, to_timestamp(1800000000) AS now",
    )
    .await;
    let minutes = |minutes| T0 + TimeDelta::minutes(minutes);
    assert_eq!(it.store.measure(T0).await.unwrap().longest_due_since, []);
    for later in [1, 2, 9] {
        let measured = it.store.measure(minutes(later)).await.unwrap();
        assert_eq!(measured.longest_due_since, [("stripe".to_owned(), minutes(1))]);
    }
    it.database.drop_it().await;
}
