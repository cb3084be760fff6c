//! Sales that say that money went back, of which no refund or dispute is stored.

use buffalo_model::{
    Basis, Entity, GapCode, Granularity, Payment, PaymentKind, PaymentStatus, RefetchPart, RevenueQuery,
};
use chrono::TimeDelta;

use crate::fixture::{Fixture, T0, payment};
use crate::known_then::{given_back, minute, say};

/// Whether the figures of days after T0's are said to lack returns.
async fn lacks(fixture: &Fixture, basis: Basis, from: i64, to: i64) -> bool {
    let day = |number| Some((T0 + TimeDelta::days(number)).date_naive());
    let query = RevenueQuery {
        basis,
        start_date: day(from),
        end_date: day(to),
        ..RevenueQuery::of(Granularity::Daily, "USD".parse().unwrap())
    };
    let revenue = fixture.store.revenue(query, &[], T0 + TimeDelta::days(30)).await.unwrap();
    revenue.gaps.iter().any(|gap| gap.code == GapCode::ReturnsMissing)
}

async fn asked(fixture: &Fixture, minutes: i64) -> Vec<(String, RefetchPart)> {
    let (source, now) = (&fixture.source, minute(minutes));
    fixture.store.ask_for_missing_returns(source, Entity::Payments, now).await.unwrap();
    let due = fixture.store.due_refetches(source, Entity::Payments, 100, now).await.unwrap();
    fixture.store.finish_refetches(source, Entity::Payments, &due).await.unwrap();
    due.into_iter().map(|due| (due.refetch.external_id, due.refetch.part)).collect()
}

fn claiming(refunded: Option<i64>, disputed: bool) -> Payment {
    Payment { claimed_refunded_minor: refunded, claimed_disputed: disputed, ..payment(1_000) }
}

fn refund(status: PaymentStatus, amount: i64) -> Payment {
    given_back(PaymentKind::Refund, status, amount, 0)
}

#[tokio::test]
async fn a_sale_that_says_more_than_is_stored_makes_its_days_incomplete_until_it_is_explained() {
    use PaymentStatus::{Failed, Pending, Refunded, Voided};
    let dispute = given_back(PaymentKind::Dispute, Pending, 1_000, 0);
    type Case = (Payment, Vec<(&'static str, Payment, bool)>);
    let cases: [Case; 6] = [
        (claiming(Some(400), false), vec![("re_1", refund(Refunded, 400), false)]),
        (
            claiming(Some(400), false),
            vec![
                ("re_1", refund(Refunded, 300), true),
                ("du_1", dispute.clone(), true),
                ("re_2", refund(Pending, 100), false),
            ],
        ),
        // It fell through after the sale spoke of it.
        (claiming(Some(400), false), vec![("re_1", refund(Failed, 400), false)]),
        (claiming(Some(400), false), vec![("re_1", refund(Voided, 400), false)]),
        (claiming(None, true), vec![("re_1", refund(Refunded, 400), true), ("du_1", dispute.clone(), false)]),
        (claiming(Some(400), true), vec![("du_1", dispute, true), ("re_1", refund(Refunded, 400), false)]),
    ];
    for (sale, returns) in cases {
        let mut fixture = Fixture::new().await;
        say(&mut fixture, 1, "ch_1", sale.clone()).await;
        for basis in [Basis::Event, Basis::Payment] {
            assert!(lacks(&fixture, basis, 0, 0).await, "{sale:?}");
            assert!(!lacks(&fixture, basis, -3, -1).await && !lacks(&fixture, basis, 1, 3).await, "{sale:?}");
        }
        for (at, (id, state, still)) in (2..).zip(returns) {
            say(&mut fixture, at, id, state).await;
            assert_eq!(lacks(&fixture, Basis::Event, -1, 1).await, still, "{sale:?} after {id}");
        }
        assert_eq!(fixture.database.number("SELECT count(*) FROM missing_returns").await, 0, "{sale:?}");
        fixture.database.drop_it().await;
    }
}

#[tokio::test]
async fn what_claims_nothing_or_was_explained_before_is_not_noted() {
    let mut fixture = Fixture::new().await;
    say(&mut fixture, 1, "re_1", refund(PaymentStatus::Refunded, 400)).await;
    say(&mut fixture, 2, "ch_1", claiming(Some(400), false)).await;
    say(&mut fixture, 3, "ch_2", claiming(None, false)).await;
    // What was never collected can't have been given back.
    let voided = Payment { status: PaymentStatus::Voided, ..claiming(Some(1_000), false) };
    say(&mut fixture, 4, "ch_3", voided).await;
    assert_eq!(fixture.database.number("SELECT count(*) FROM missing_returns").await, 0);
    // A refund is deleted by hand: the sale is found by looking at its other returns, and by `verify`.
    fixture.run("DELETE FROM payments WHERE external_id = 're_1'").await;
    say(&mut fixture, 5, "re_2", refund(PaymentStatus::Refunded, 1)).await;
    assert!(lacks(&fixture, Basis::Event, 0, 0).await);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_source_is_asked_less_and_less_often_until_the_sale_changes() {
    let mut fixture = Fixture::new().await;
    let wanted = vec![("ch_1".to_owned(), RefetchPart::Returns)];
    say(&mut fixture, 1, "ch_1", claiming(Some(400), false)).await;
    let mut times = Vec::new();
    for at in [1, 2, 10, 11, 12, 50, 51, 210, 211, 850, 851, 900, 2_000, 5_000] {
        if asked(&fixture, at).await == wanted {
            times.push(at);
        }
    }
    assert_eq!(times, [1, 11, 51, 211, 851]);
    assert!(lacks(&fixture, Basis::Event, 0, 0).await);
    say(&mut fixture, 6_000, "ch_1", claiming(Some(500), false)).await;
    assert_eq!(asked(&fixture, 6_000).await, wanted);
    // What is explained by a transaction that did not see the sale is forgotten when it would be asked for.
    fixture
        .run(
            "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, currency,
                 occurred_at, parent_external_id, observed_at, revision, raw_id, created_at, updated_at)
             VALUES ('stripe', 'payments', 're', 'refund', 'REFUNDED', '', 500, 'USD', now(), 'ch_1', now(), 1, 1,
                 now(), now())",
        )
        .await;
    assert_eq!(asked(&fixture, 9_000).await, []);
    assert_eq!(fixture.database.number("SELECT count(*) FROM missing_returns").await, 0);
    assert!(!lacks(&fixture, Basis::Event, 0, 0).await);
    fixture.database.drop_it().await;
}
