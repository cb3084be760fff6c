//! Figures as they were known at an instant, and how far they reach.

use buffalo_model::{Basis, GapCode, Granularity, Normalised, Payment, RevenueQuery};
use buffalo_store::UpsertRow;
use chrono::{DateTime, TimeDelta, Utc};

use crate::fixture::{Fixture, T0, payment, record};

fn query() -> RevenueQuery {
    RevenueQuery::of(Granularity::Daily, "USD".parse().unwrap())
}

async fn collected(fixture: &Fixture, as_of: DateTime<Utc>) -> (i128, i64) {
    let revenue =
        fixture.store.revenue(RevenueQuery { as_of: Some(as_of), ..query() }, &[], T0).await.unwrap();
    (revenue.total.collected, revenue.total.count)
}

/// Writes states of a charge, each at a second of the worker's clock.
async fn write(fixture: &mut Fixture, states: impl IntoIterator<Item = (i64, Payment)>) {
    for (nth, (second, payment)) in (0_i64..).zip(states) {
        fixture.write(&[record("ch", nth, &format!("\"{nth}\""))]).await.unwrap();
        let mut batch = fixture.claim(1).await.unwrap();
        let now = T0 + TimeDelta::seconds(second);
        batch.upsert(&[UpsertRow { row: 0, value: Normalised::Payment(payment) }], now).await.unwrap();
        batch.settle(&[], &[], now).await.unwrap();
    }
}

#[tokio::test]
async fn a_payment_is_known_once_though_the_clocks_of_workers_differ() {
    let mut fixture = Fixture::new().await;
    write(&mut fixture, [(0, payment(100)), (10, payment(200)), (9, payment(300))]).await;
    let at = |millis| T0 + TimeDelta::milliseconds(millis);
    assert_eq!(collected(&fixture, at(9_500)).await, (100, 1));
    assert_eq!(collected(&fixture, at(10_500)).await, (300, 1));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_payment_that_has_moved_is_found_where_it_was() {
    let mut fixture = Fixture::new().await;
    let moved = Payment { occurred_at: T0 + TimeDelta::days(90), ..payment(100) };
    write(&mut fixture, [(0, payment(100)), (10, moved)]).await;
    fixture.store.settle_revenue().await.unwrap();
    assert_eq!(collected(&fixture, T0 + TimeDelta::seconds(5)).await, (100, 1));
    assert_eq!(collected(&fixture, T0 + TimeDelta::seconds(15)).await, (100, 1));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_sale_that_two_decisions_exclude_is_excluded_once() {
    let mut fixture = Fixture::new().await;
    write(&mut fixture, [(0, payment(100))]).await;
    for (decided, revoked) in [("10 s", "interval '20 s'"), ("19 s", "NULL")] {
        let decide = format!(
            "INSERT INTO revenue_exclusions (id, source, entity, external_id, counted_source, counted_entity,
                 counted_external_id, reason, decided_by, decided_at, revoked_at)
             VALUES (gen_random_uuid(), 'stripe', 'payments', 'ch', 'hubspot', 'payments', 'd', 'one sale', 'a person',
                 to_timestamp(1800000000) + interval '{decided}', to_timestamp(1800000000) + {revoked})"
        );
        fixture.run(&decide).await;
    }
    let as_of = Some(T0 + TimeDelta::milliseconds(19_500));
    let total = fixture.store.revenue(RevenueQuery { as_of, ..query() }, &[], T0).await.unwrap().total;
    assert_eq!((total.collected, total.excluded, total.excluded_count), (0, 100, 1));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_refund_is_told_apart_as_of_when_its_charge_was_not_known() {
    let mut fixture = Fixture::new().await;
    let insert = "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, currency,
            occurred_at, parent_external_id, observed_at, revision, raw_id, created_at, updated_at)
        VALUES ('stripe', 'payments', 're', 'refund', 'REFUNDED', '', 40, 'USD', to_timestamp(1800000000), 'ch', now(), 1,
            1, to_timestamp(1800000000), to_timestamp(1800000000))";
    fixture.run(insert).await;
    write(&mut fixture, [(10, payment(100))]).await;
    for (second, unattributed) in [(5, 40), (15, 0)] {
        let as_of = Some(T0 + TimeDelta::seconds(second));
        let asked = RevenueQuery { as_of, basis: Basis::Payment, ..query() };
        let revenue = fixture.store.revenue(asked, &[], T0).await.unwrap();
        let apart: i128 = revenue.unattributed.iter().map(|(_, figures)| figures.refunded).sum();
        assert_eq!((apart, revenue.total.refunded), (unattributed, 40 - unattributed), "{second}");
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn days_after_the_last_payment_are_incomplete_where_nothing_was_fetched() {
    let mut fixture = Fixture::new().await;
    write(&mut fixture, [(0, payment(100))]).await;
    fixture.run("UPDATE sync_cursors SET data_through = to_timestamp(1800000000) + interval '5 days'").await;
    for (days, missing) in [(2, &[][..]), (9, &[GapCode::BeyondData])] {
        let end = (T0 + TimeDelta::days(days)).date_naive();
        let asked = RevenueQuery { end_date: Some(end), ..query() };
        let revenue = fixture.store.revenue(asked, &[], T0 + TimeDelta::days(30)).await.unwrap();
        let codes: Vec<_> = revenue.gaps.iter().map(|gap| gap.code).collect();
        assert_eq!(codes, missing, "{days}");
    }
    fixture.database.drop_it().await;
}
