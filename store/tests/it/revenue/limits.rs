//! Sums, times and codes at the edge of what can be written down.

use buffalo_model::{Granularity, Revenue, RevenueQuery};
use buffalo_store::StoreError;

use super::assert_proved;
use crate::fixture::{Fixture, T0};

async fn insert(
    fixture: &Fixture,
    id: &str,
    amount: i64,
    currency: &str,
    at: &str,
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, currency,
            occurred_at, observed_at, revision, raw_id, created_at, updated_at)
        VALUES ('stripe', 'payments', $1, 'charge', 'COLLECTED', '', $2, $3, $4::text::timestamptz, now(), 1, 1, now(), now())";
    let query = sqlx::query(insert).bind(id).bind(amount).bind(currency).bind(at);
    query.execute(&fixture.database.pool).await.map(drop)
}

async fn ask(fixture: &Fixture, granularity: Granularity, zone: &str) -> Result<Revenue, StoreError> {
    let query = RevenueQuery {
        timezone: zone.parse().unwrap(),
        ..RevenueQuery::of(granularity, "USD".parse().unwrap())
    };
    fixture.store.revenue(query, &[], T0).await
}

#[tokio::test]
async fn the_largest_amounts_are_added_exactly() {
    let fixture = Fixture::new().await;
    for id in ["ch_1", "ch_2"] {
        insert(&fixture, id, i64::MAX, "USD", "2026-03-01T12:00:00Z").await.unwrap();
    }
    for settled in [false, true] {
        let revenue = ask(&fixture, Granularity::Daily, "Europe/Berlin").await.unwrap();
        let document = serde_json::to_value(&revenue).unwrap();
        assert_eq!(document["totalRevenueCents"], "18446744073709551614", "{settled}");
        assert_eq!(document["breakdown"][0]["netCents"], "18446744073709551614", "{settled}");
        fixture.store.settle_revenue().await.unwrap();
    }
    assert_proved(&fixture.store, &fixture.database).await;
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_sum_that_does_not_fit_is_an_error_that_names_its_currency() {
    let fixture = Fixture::new().await;
    insert(&fixture, "ch_1", 1, "EUR", "2026-03-01T12:00:00Z").await.unwrap();
    fixture.store.settle_revenue().await.unwrap();
    fixture.run("UPDATE revenue_buckets SET amount = 1e39").await;
    for granularity in Granularity::ALL {
        let error = ask(&fixture, granularity, "UTC").await.unwrap_err();
        assert!(matches!(error, StoreError::Overflow(_)) && error.to_string().contains("EUR"), "{error:?}");
    }
    // Each fits, but not both together.
    fixture.run("UPDATE revenue_buckets SET amount = 1.7e38").await;
    insert(&fixture, "ch_2", 1, "EUR", "2026-04-01T12:00:00Z").await.unwrap();
    fixture.store.settle_revenue().await.unwrap();
    fixture.run("UPDATE revenue_buckets SET amount = 1.7e38").await;
    assert!(matches!(ask(&fixture, Granularity::Daily, "Europe/Berlin").await, Err(StoreError::Overflow(_))));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn figures_of_nothing_are_nothing() {
    let fixture = Fixture::new().await;
    for zone in ["UTC", "Africa/Monrovia", "Pacific/Apia"] {
        for granularity in Granularity::ALL {
            let revenue = ask(&fixture, granularity, zone).await.unwrap();
            assert_eq!((revenue.total, revenue.breakdown, revenue.other_currencies), Default::default());
        }
    }
    assert_proved(&fixture.store, &fixture.database).await;
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn years_that_nobody_lives_in_are_counted() {
    let fixture = Fixture::new().await;
    let times =
        ["0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "200000-06-01T12:00:00Z"];
    for (nth, at) in times.iter().enumerate() {
        insert(&fixture, &format!("ch_{nth}"), 1, "USD", at).await.unwrap();
    }
    for zone in ["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns"] {
        let summary = ask(&fixture, Granularity::Summary, zone).await.unwrap();
        assert_eq!(summary.total.collected, 4, "{zone}");
        for granularity in [Granularity::Daily, Granularity::Weekly, Granularity::Monthly] {
            let answer = ask(&fixture, granularity, zone).await.unwrap();
            assert_eq!((answer.breakdown.len(), answer.total.collected), (4, 4), "{zone}");
            let as_of = Some(T0);
            let query = RevenueQuery { as_of, timezone: answer.query.timezone, ..answer.query };
            let then = fixture.store.revenue(query, &[], T0).await.unwrap();
            assert_eq!((then.breakdown, then.total), (answer.breakdown, answer.total), "{zone}");
        }
    }
    fixture.run("DELETE FROM payments WHERE occurred_at > '100000-01-01'").await;
    for zone in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
        let yearly = ask(&fixture, Granularity::Yearly, zone).await.unwrap();
        assert_eq!(
            (yearly.breakdown.len(), yearly.total.collected),
            (3, 3),
            "{zone}: {:?}",
            yearly.breakdown
        );
    }
    assert_proved(&fixture.store, &fixture.database).await;
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_date_far_from_all_others_is_in_a_bucket_of_its_own() {
    let fixture = Fixture::new().await;
    for (nth, at) in
        ["2026-03-01T23:30:00Z", "2026-03-02T12:00:00Z", "2025-01-31T12:00:00Z"].iter().enumerate()
    {
        insert(&fixture, &format!("ch_{nth}"), 1, "USD", at).await.unwrap();
    }
    let outliers =
        ["0024-05-05T00:00:00Z", "2206-04-03T00:00:00Z", "9999-12-31T23:00:00Z", "20260-04-03T00:00:00Z"];
    for zone in ["UTC", "Europe/Berlin", "America/St_Johns"] {
        fixture.run("DELETE FROM payments WHERE external_id LIKE 'far%'").await;
        let plain = ask(&fixture, Granularity::Daily, zone).await.unwrap();
        for (nth, at) in outliers.iter().enumerate() {
            insert(&fixture, &format!("far_{nth}"), 7, "USD", at).await.unwrap();
            for settled in [false, true] {
                let daily = ask(&fixture, Granularity::Daily, zone).await.unwrap();
                let (far, near): (Vec<_>, Vec<_>) =
                    daily.breakdown.into_iter().partition(|(_, figures)| figures.collected == 7);
                assert_eq!((near, far.len()), (plain.breakdown.clone(), nth + 1), "{zone} {at}");
                assert_eq!(daily.total.collected, plain.total.collected + 7 * (nth as i128 + 1));
                if !settled {
                    fixture.store.settle_revenue().await.unwrap();
                }
            }
        }
    }
    // A payment that comes to lie in what was a gap is found at once.
    insert(&fixture, "late", 5, "USD", "0500-01-01T00:00:00Z").await.unwrap();
    assert_eq!(ask(&fixture, Granularity::Daily, "UTC").await.unwrap().breakdown.len(), 8);
    assert_proved(&fixture.store, &fixture.database).await;
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn days_are_told_one_by_one_however_many_lie_between() {
    let fixture = Fixture::new().await;
    insert(&fixture, "ch_first", 1, "USD", "1975-01-01T12:00:00Z").await.unwrap();
    for (id, at, days) in
        [("ch_last", "2084-07-06T12:00:00Z", Some(2)), ("ch_after", "2084-07-07T12:00:00Z", Some(3))]
    {
        insert(&fixture, id, 1, "USD", at).await.unwrap();
        let daily = ask(&fixture, Granularity::Daily, "Asia/Kathmandu").await;
        assert_eq!(daily.ok().map(|daily| daily.breakdown.len()), days, "{at}");
    }
    let monthly = ask(&fixture, Granularity::Monthly, "Asia/Kathmandu").await.unwrap();
    assert_eq!((monthly.breakdown.len(), monthly.total.collected), (2, 3));
    assert_proved(&fixture.store, &fixture.database).await;
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_currency_that_is_none_can_t_be_stored() {
    let fixture = Fixture::new().await;
    for code in ["usd", "BTCX", "", "U D"] {
        let refused = insert(&fixture, "ch_1", 1, code, "2026-03-01T12:00:00Z").await.unwrap_err();
        assert!(refused.to_string().contains("payments_currency_check"), "{code}: {refused}");
    }
    insert(&fixture, "ch_1", 1, "ZZZ", "2026-03-01T12:00:00Z").await.unwrap();
    let revenue = ask(&fixture, Granularity::Daily, "UTC").await.unwrap();
    assert_eq!(revenue.other_currencies[0].1.collected, 1);
    fixture.database.drop_it().await;
}
