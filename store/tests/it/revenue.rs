//! Revenue: what counts on which day.

mod barriers;
mod crowds;
mod ledger;
mod limits;
mod moved;
mod past;
mod plans;
mod play;
mod properties;
mod restated;
mod steps;

use std::collections::BTreeMap;

use buffalo_model::{Granularity, Normalised, Payment, PaymentKind, PaymentStatus, RevenueQuery};
use buffalo_store::{Mending, Store, UpsertRow};
use chrono::TimeDelta;

use crate::database::TestDatabase;
use crate::fixture::{Fixture, T0, payment, record};

#[tokio::test]
async fn refunds_count_beyond_what_was_never_captured() {
    let mut fixture = Fixture::new().await;
    let ids = ["ch_part", "re_1_released", "re_2", "re_3", "ch_held", "re_4_released"];
    fixture.write(&ids.map(|id| record(id, 0, &format!("\"{id}\"")))).await.unwrap();
    let charge =
        |status, amount, uncaptured| Payment { status, uncaptured_minor: uncaptured, ..payment(amount) };
    let refund = |parent: &str, amount, day| Payment {
        kind: PaymentKind::Refund,
        status: PaymentStatus::Refunded,
        parent_external_id: Some(parent.to_owned()),
        occurred_at: T0 + TimeDelta::days(day),
        ..payment(amount)
    };
    let payments = BTreeMap::from([
        ("ch_part", charge(PaymentStatus::Collected, 1500, 500)),
        ("re_1_released", refund("ch_part", 400, 0)),
        // 100 of it were never captured either.
        ("re_2", refund("ch_part", 300, 1)),
        ("re_3", refund("ch_part", 250, 2)),
        ("ch_held", charge(PaymentStatus::Pending, 4000, 4000)),
        ("re_4_released", refund("ch_held", 4000, 2)),
    ]);
    let mut batch = fixture.claim(10).await.unwrap();
    let upserts: Vec<_> = batch
        .rows()
        .iter()
        .enumerate()
        .map(|(row, claimed)| UpsertRow {
            row,
            value: Normalised::Payment(payments[claimed.key.external_id.as_str()].clone()),
        })
        .collect();
    assert!(batch.upsert(&upserts, T0).await.unwrap().is_empty());
    batch.settle(&[], &[], T0).await.unwrap();
    let query = RevenueQuery::of(Granularity::Daily, "USD".parse().unwrap());
    let revenue = fixture.store.revenue(query, &[], T0).await.unwrap();
    let days: Vec<_> = revenue.breakdown.iter().map(|(_, figures)| figures.refunded).collect();
    assert_eq!((revenue.total.collected, revenue.total.refunded), (1500, 450));
    assert_eq!(days, [0, 200, 250]);
    fixture.database.drop_it().await;
}

/// Settles, and finds in every bucket what its payments add up to.
async fn assert_proved(store: &Store, database: &TestDatabase) {
    // Who settles in the background may have begun before the last change; this one leaves it to him then.
    while database.number("SELECT count(*) FROM revenue_changed").await > 0 {
        store.settle_revenue().await.unwrap();
    }
    let found = store.verify_buckets(Mending::OnlyTold, 10).await.unwrap();
    assert!(found.is_empty(), "{found:#?}");
}
