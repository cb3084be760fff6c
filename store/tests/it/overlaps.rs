//! Overlaps: pairs, decisions, and what decisions do to figures.

use buffalo_model::{
    Certainty, Doubt, Granularity, Money, Overlap, OverlapQuery, PaymentKey, RevenueQuery, Source,
};
use buffalo_store::{Commitment, Decided, DecisionError, Decisions, Judgement};
use chrono::TimeDelta;

use crate::fixture::{Fixture, T0};

/// A payment of 99.00, so many minutes after T0.
async fn pay(fixture: &Fixture, key: &str, minute: i64, email: Option<&str>) {
    let key = self::key(key);
    let kind = if key.source.as_str() == "hubspot" { "deal" } else { "charge" };
    sqlx::query(
        "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
                               observed_at, revision, raw_id, created_at, updated_at, customer_email)
         VALUES ($1, 'payments', $2, $3, 'COLLECTED', 'paid', 9900, 'USD', $4, $5, 1, 1, $5, $5, $6)",
    )
    .bind(key.source.as_str())
    .bind(&key.external_id)
    .bind(kind)
    .bind(T0 + TimeDelta::minutes(minute))
    .bind(T0)
    .bind(email)
    .execute(&fixture.database.pool)
    .await
    .unwrap();
}

fn key(text: &str) -> PaymentKey {
    text.parse().unwrap()
}

fn judgement() -> Judgement {
    Judgement { by: "a tester".to_owned(), reason: None, at: T0 }
}

const EVERYTHING: OverlapQuery =
    OverlapQuery { starts_at: None, ends_at: None, most_apart_days: 7, counted: None };

async fn pairs(fixture: &Fixture, query: &OverlapQuery) -> Vec<String> {
    let found = fixture.store.find_overlaps(query).await.unwrap();
    found.iter().map(pair).collect()
}

fn pair(overlap: &Overlap) -> String {
    let [one, other] = &overlap.payments;
    format!("{} {} {}", overlap.certainty().as_str(), one.key, other.key)
}

/// What was collected and what was left out, in dollars.
async fn figures(fixture: &Fixture) -> (String, String) {
    let currency = "USD".parse().unwrap();
    let query = RevenueQuery::of(Granularity::Summary, currency);
    let total = fixture.store.revenue(query, &[], T0).await.unwrap().total;
    let dollars = |minor| Money { minor, currency }.to_string();
    (dollars(total.collected), dollars(total.excluded))
}

fn of(collected: &str, excluded: &str) -> (String, String) {
    (collected.to_owned(), excluded.to_owned())
}

#[tokio::test]
async fn pairs_are_found_whether_buckets_are_settled_or_not() {
    let fixture = Fixture::new().await;
    for n in 0..5 {
        pay(&fixture, &format!("stripe:ch_{n}"), 10 * n, Some("a@example.com")).await;
        pay(&fixture, &format!("hubspot:{n}"), 10 * n + 1, None).await;
    }
    pay(&fixture, "shop:1", 20_000, Some("a@example.com")).await;
    pay(&fixture, "stripe:alone", 20_000 + 7 * 1_440, Some("b@example.com")).await;
    let expected: Vec<_> = ["possible shop:1 stripe:alone".to_owned()]
        .into_iter()
        .chain((0..5).rev().map(|n| format!("possible hubspot:{n} stripe:ch_{n}")))
        .collect();
    assert_eq!(pairs(&fixture, &EVERYTHING).await, expected);
    fixture.store.settle_revenue().await.unwrap();
    assert_eq!(pairs(&fixture, &EVERYTHING).await, expected);
    // With the same e-mail address it is surer, and that counts for more than a shorter time.
    let fortnight = OverlapQuery { most_apart_days: 14, ..EVERYTHING };
    let found = pairs(&fixture, &fortnight).await;
    assert_eq!(found[0], "likely shop:1 stripe:ch_4");
    assert_eq!(found.len(), 5);
    // Half of a pair in the range is enough.
    let late = OverlapQuery { starts_at: Some(T0 + TimeDelta::minutes(41)), ..EVERYTHING };
    let found = pairs(&fixture, &late).await;
    assert_eq!(found, ["possible shop:1 stripe:alone", "possible hubspot:4 stripe:ch_4"]);
    let only = OverlapQuery { counted: Some([Source::new("stripe")].into()), ..EVERYTHING };
    assert_eq!(pairs(&fixture, &only).await, [""; 0]);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_is_no_collected_sale_is_in_no_pair() {
    let fixture = Fixture::new().await;
    pay(&fixture, "stripe:1", 0, None).await;
    pay(&fixture, "hubspot:1", 0, None).await;
    assert_eq!(pairs(&fixture, &EVERYTHING).await.len(), 1);
    for change in [
        "status = 'PENDING'",
        "status = 'FAILED'",
        "deleted_at = now()",
        "kind = 'refund', status = 'REFUNDED'",
        "currency = 'EUR'",
        "amount_minor = 9901",
    ] {
        let original =
            "kind = 'charge', status = 'COLLECTED', deleted_at = NULL, currency = 'USD', amount_minor = 9900";
        fixture.run(&format!("UPDATE payments SET {change} WHERE source = 'stripe'")).await;
        assert_eq!(pairs(&fixture, &EVERYTHING).await, [""; 0], "{change}");
        fixture.run(&format!("UPDATE payments SET {original} WHERE source = 'stripe'")).await;
    }
    fixture.run("UPDATE payments SET amount_minor = 0").await;
    assert_eq!(pairs(&fixture, &EVERYTHING).await, [""; 0], "nothing is not counted twice");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_decision_changes_figures_until_it_is_revoked() {
    let fixture = Fixture::new().await;
    pay(&fixture, "stripe:1", 0, None).await;
    pay(&fixture, "hubspot:1", 0, None).await;
    fixture.store.settle_revenue().await.unwrap();
    assert_eq!(figures(&fixture).await, of("198.00", "0.00"));
    let exclude = async |commitment| {
        let (deal, charge) = (key("hubspot:1"), key("stripe:1"));
        fixture.store.exclude_payment(&deal, &charge, &judgement(), commitment).await.unwrap()
    };
    assert!(matches!(exclude(Commitment::DryRun).await, Decided::New(_)));
    assert_eq!(figures(&fixture).await, of("198.00", "0.00"));
    let Decided::New(id) = exclude(Commitment::Keep).await else { panic!("decided before") };
    assert_eq!(exclude(Commitment::Keep).await, Decided::Before(id));
    assert_eq!(figures(&fixture).await, of("99.00", "99.00"));
    fixture.store.settle_revenue().await.unwrap();
    assert_eq!(figures(&fixture).await, of("99.00", "99.00"));
    assert_eq!(pairs(&fixture, &EVERYTHING).await, [""; 0]);

    fixture.store.revoke_decision(id, &judgement()).await.unwrap();
    assert_eq!(figures(&fixture).await, of("198.00", "0.00"));
    let again = fixture.store.revoke_decision(id, &judgement()).await;
    assert!(matches!(again, Err(DecisionError::Unknown(_))), "{again:?}");
    assert_eq!(pairs(&fixture, &EVERYTHING).await.len(), 1);
    let all = fixture.store.list_decisions(Decisions::All, None).await.unwrap();
    assert_eq!((all[0].id, all[0].revoked_by.as_deref(), all[0].doubt), (id, Some("a tester"), None));
    assert_eq!(fixture.store.list_decisions(Decisions::InForce, None).await.unwrap(), []);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn no_sale_is_decided_away() {
    let fixture = Fixture::new().await;
    for payment in ["stripe:1", "hubspot:1", "shop:1"] {
        pay(&fixture, payment, 0, None).await;
    }
    let exclude = async |excluded: &str, counted: &str| {
        let (excluded, counted) = (key(excluded), key(counted));
        let decided =
            fixture.store.exclude_payment(&excluded, &counted, &judgement(), Commitment::Keep).await;
        decided.map_err(|error| error.to_string())
    };
    let refused = async |excluded: &str, counted: &str, words: &str| {
        let error = exclude(excluded, counted).await.unwrap_err();
        assert!(error.contains(words), "{error}");
    };
    refused("stripe:1", "stripe:1", "can't be compared with itself").await;
    refused("stripe:2", "hubspot:1", "there is no payment stripe:2").await;
    refused("stripe:1", "hubspot:2", "there is no payment hubspot:2").await;
    exclude("hubspot:1", "stripe:1").await.unwrap();
    refused("stripe:1", "hubspot:1", "hubspot:1 is left out already").await;
    refused("stripe:1", "shop:1", "stripe:1 is counted in the place of another").await;
    refused("hubspot:1", "shop:1", "hubspot:1 is left out already, as stripe:1 is counted").await;
    exclude("shop:1", "stripe:1").await.unwrap();
    fixture.run("UPDATE revenue_exclusions SET revoked_at = now(), revoked_by = 'x'").await;
    fixture.run("UPDATE payments SET status = 'PENDING' WHERE source = 'shop'").await;
    refused("shop:1", "stripe:1", "shop:1 is not a collected sale").await;
    refused("stripe:1", "shop:1", "shop:1 is not a collected sale").await;
    let distinct =
        fixture.store.call_distinct(&key("stripe:1"), &key("hubspot:1"), &judgement()).await.unwrap();
    refused("hubspot:1", "stripe:1", "were called two sales").await;
    let again = fixture.store.call_distinct(&key("hubspot:1"), &key("stripe:1"), &judgement()).await.unwrap();
    let (Decided::New(id), Decided::Before(before)) = (distinct, again) else {
        panic!("{distinct:?} {again:?}")
    };
    assert_eq!(id, before);
    assert_eq!(pairs(&fixture, &EVERYTHING).await, [""; 0]);
    fixture.store.revoke_decision(id, &judgement()).await.unwrap();
    assert_eq!(pairs(&fixture, &EVERYTHING).await, ["possible hubspot:1 stripe:1"]);
    exclude("hubspot:1", "stripe:1").await.unwrap();
    let called = fixture.store.call_distinct(&key("stripe:1"), &key("hubspot:1"), &judgement()).await;
    assert!(matches!(called, Err(DecisionError::AlreadyExcluded { .. })), "{called:?}");
    fixture.database.drop_it().await;
}

/// Each of two people leaves out what the other one counts: one of them must be refused.
#[tokio::test]
async fn two_who_decide_at_once_do_not_leave_out_both() {
    let fixture = Fixture::new().await;
    pay(&fixture, "stripe:1", 0, None).await;
    pay(&fixture, "hubspot:1", 0, None).await;
    let (deal, charge, judgement) = (key("hubspot:1"), key("stripe:1"), judgement());
    let (one, other) = tokio::join!(
        fixture.store.exclude_payment(&deal, &charge, &judgement, Commitment::Keep),
        fixture.store.exclude_payment(&charge, &deal, &judgement, Commitment::Keep),
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert_eq!(figures(&fixture).await, of("99.00", "99.00"));
    fixture.database.drop_it().await;
}

/// The payment moves to another day while it is decided about: neither the old nor the new bucket may keep an old figure.
#[tokio::test]
async fn a_payment_that_moves_meanwhile_is_left_out_where_it_goes() {
    let fixture = Fixture::new().await;
    pay(&fixture, "stripe:1", 0, None).await;
    pay(&fixture, "hubspot:1", 0, None).await;
    fixture.store.settle_revenue().await.unwrap();
    let mut mover = fixture.database.pool.begin().await.unwrap();
    let moving = "UPDATE payments SET occurred_at = occurred_at + interval '3 days', updated_at = now() WHERE source = 'hubspot'";
    sqlx::query(moving).execute(&mut *mover).await.unwrap();
    let (deal, charge) = (key("hubspot:1"), key("stripe:1"));
    fixture.store.exclude_payment(&deal, &charge, &judgement(), Commitment::Keep).await.unwrap();
    assert_eq!(figures(&fixture).await, of("99.00", "99.00"));
    fixture.store.settle_revenue().await.unwrap();
    mover.commit().await.unwrap();
    let daily = async || {
        let query = RevenueQuery::of(Granularity::Daily, "USD".parse().unwrap());
        let revenue = fixture.store.revenue(query, &[], T0).await.unwrap();
        revenue.breakdown.iter().map(|(_, day)| (day.collected, day.excluded)).collect::<Vec<_>>()
    };
    // The deal's day has nothing left that counts, so it is no bucket.
    let expected = [(9_900, 0)];
    assert_eq!(daily().await, expected);
    assert_eq!(figures(&fixture).await, of("99.00", "99.00"));
    fixture.store.settle_revenue().await.unwrap();
    assert_eq!(daily().await, expected);
    assert_eq!(figures(&fixture).await, of("99.00", "99.00"));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn all_pairs_are_decided_at_once() {
    let fixture = Fixture::new().await;
    for n in 0..3 {
        let email = (n == 0).then_some("a@example.com");
        pay(&fixture, &format!("stripe:{n}"), 5_000 * n, email).await;
        pay(&fixture, &format!("hubspot:{n}"), 5_000 * n, email).await;
    }
    let exclude_all = async |source: &str, at_least, commitment| {
        let source = Source::new(source);
        let found =
            fixture.store.exclude_overlaps(&EVERYTHING, &source, at_least, &judgement(), commitment).await;
        found.unwrap().len()
    };
    assert_eq!(exclude_all("hubspot", Certainty::Possible, Commitment::DryRun).await, 3);
    assert_eq!(figures(&fixture).await, of("594.00", "0.00"));
    assert_eq!(exclude_all("hubspot", Certainty::Likely, Commitment::Keep).await, 1);
    assert_eq!(figures(&fixture).await, of("495.00", "99.00"));
    assert_eq!(exclude_all("shop", Certainty::Possible, Commitment::Keep).await, 0);
    assert_eq!(exclude_all("hubspot", Certainty::Possible, Commitment::Keep).await, 2);
    assert_eq!(exclude_all("hubspot", Certainty::Possible, Commitment::Keep).await, 0);
    assert_eq!(figures(&fixture).await, of("297.00", "297.00"));
    let decisions = fixture.store.list_decisions(Decisions::InForce, None).await.unwrap();
    assert!(decisions.iter().all(|decision| decision.payment.source.as_str() == "hubspot"));
    assert!(decisions.iter().any(|decision| decision.reason.starts_with("same amount and e-mail address")));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_decision_whose_counted_payment_counts_no_more_is_doubtful() {
    let fixture = Fixture::new().await;
    pay(&fixture, "stripe:1", 0, None).await;
    pay(&fixture, "hubspot:1", 0, None).await;
    let (deal, charge) = (key("hubspot:1"), key("stripe:1"));
    fixture.store.exclude_payment(&deal, &charge, &judgement(), Commitment::Keep).await.unwrap();
    let doubts = async |counted: Option<&str>| {
        let counted = counted.map(|source| [Source::new(source)].into());
        let found = fixture.store.list_decisions(Decisions::Doubtful, counted.as_ref()).await.unwrap();
        found.into_iter().map(|decision| decision.doubt).collect::<Vec<_>>()
    };
    assert_eq!(doubts(None).await, []);
    assert_eq!(doubts(Some("stripe")).await, []);
    assert_eq!(doubts(Some("hubspot")).await, [Some(Doubt::CountedSourceNotCounted)]);
    for change in ["deleted_at = now()", "status = 'FAILED'"] {
        fixture.run(&format!("UPDATE payments SET {change} WHERE source = 'stripe'")).await;
        assert_eq!(doubts(None).await, [Some(Doubt::CountedPaymentNotCollected)], "{change}");
        fixture.run("UPDATE payments SET deleted_at = NULL WHERE source = 'stripe'").await;
    }
    assert_eq!(figures(&fixture).await, of("0.00", "99.00"));
    fixture.database.drop_it().await;
}
