//! The payments behind a figure: all pages of them add up to it.

use std::collections::BTreeMap;

use buffalo_model::{
    Basis, Contribution, ExplanationQuery, Figures, Granularity, Measure, Payment, PaymentKind,
    PaymentStatus, RevenueQuery,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::fixture::{Fixture, T0, payment};
use crate::known_then::{given_back, minute, say};

/// Days of the story: the charges' own, and that of what was given back.
const DAYS: i64 = 1;

async fn with_every_measure() -> Fixture {
    let mut fixture = Fixture::new().await;
    let charge = |status, amount| Payment { status, ..payment(amount) };
    let refund = |status, amount| given_back(PaymentKind::Refund, status, amount, DAYS);
    let dispute = |status, amount| given_back(PaymentKind::Dispute, status, amount, DAYS);
    let open = Payment { withdrawn_minor: 60, ..dispute(PaymentStatus::Pending, 100) };
    let story = [
        ("ch_1", charge(PaymentStatus::Collected, 10_000)),
        ("ch_2", charge(PaymentStatus::Collected, 2_000)),
        ("ch_excluded", charge(PaymentStatus::Collected, 7)),
        ("ch_failed", charge(PaymentStatus::Failed, 11)),
        ("ch_pending", charge(PaymentStatus::Pending, 13)),
        ("ch_unknown", charge(PaymentStatus::Unknown, 17)),
        ("dp_lost", dispute(PaymentStatus::Disputed, 19)),
        ("dp_open", open),
        ("re_1", refund(PaymentStatus::Refunded, 23)),
        ("re_pending", refund(PaymentStatus::Pending, 29)),
        ("re_unknown", refund(PaymentStatus::Unknown, 31)),
        (
            "re_without",
            Payment {
                without_payment: true,
                parent_external_id: None,
                ..refund(PaymentStatus::Refunded, 43)
            },
        ),
        ("yy_part", Payment { uncaptured_minor: 53, capturable_minor: 47, ..payment(59) }),
        ("zz_euro", Payment { currency: "EUR".parse().unwrap(), ..payment(37) }),
        ("zz_late", Payment { occurred_at: T0 + TimeDelta::days(300), ..payment(41) }),
    ];
    for (at, (id, payment)) in (1..).zip(story) {
        say(&mut fixture, at, id, payment).await;
    }
    fixture
        .run(
            "INSERT INTO revenue_exclusions (id, source, entity, external_id, counted_source, counted_entity,
                 counted_external_id, reason, decided_by, decided_at)
             VALUES (gen_random_uuid(), 'stripe', 'payments', 'ch_excluded', 'hubspot', 'payments', 'deal:1', '', '',
                     '2027-01-15T00:00:00Z')",
        )
        .await;
    fixture
}

fn question(basis: Basis, as_of: Option<DateTime<Utc>>, limit: u8) -> ExplanationQuery {
    let first: NaiveDate = T0.date_naive();
    let figure = RevenueQuery {
        start_date: Some(first),
        end_date: Some(first + TimeDelta::days(310)),
        basis,
        as_of,
        ..RevenueQuery::of(Granularity::Summary, "USD".parse().unwrap())
    };
    ExplanationQuery { figure, measure: None, after: None, limit }
}

/// All rows of all pages, and the figures that each page told.
async fn all(fixture: &Fixture, mut question: ExplanationQuery) -> (Vec<Contribution>, Figures) {
    let mut rows: Vec<Contribution> = Vec::new();
    loop {
        let page = fixture.store.explain_revenue(question.clone(), &[], minute(60)).await.unwrap();
        assert!(page.rows.len() <= usize::from(question.limit));
        assert!(rows.len() < 100, "pages repeat themselves: {rows:?}");
        rows.extend(page.rows);
        let Some(place) = page.next_cursor else { return (rows, page.totals.total) };
        // As it comes back from outside.
        question.after = Some(place.to_string().parse().unwrap());
    }
}

#[tokio::test]
async fn all_pages_add_up_to_the_figures() {
    let fixture = with_every_measure().await;
    for basis in [Basis::Event, Basis::Payment] {
        for as_of in [None, Some(minute(9)), Some(minute(1_000_000))] {
            for limit in [1, 2, 5, 100] {
                let question = question(basis, as_of, limit);
                let told =
                    fixture.store.revenue(question.figure.clone(), &[], minute(60)).await.unwrap().total;
                let (rows, totals) = all(&fixture, question).await;
                let sum = rows.iter().fold(Figures::default(), |sum, row| {
                    sum.plus(row.measure, row.amount_cents.into(), 1).unwrap()
                });
                assert_eq!((sum, totals), (told, told), "{basis:?} {as_of:?} by {limit}");
                let places: Vec<_> = rows.iter().map(|row| row.counted_at).collect();
                assert!(places.is_sorted());
            }
        }
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn every_measure_has_its_rows() {
    let fixture = with_every_measure().await;
    let ids = async |measure: Measure| {
        let question = ExplanationQuery { measure: Some(measure), ..question(Basis::Event, None, 1) };
        let (rows, _) = all(&fixture, question).await;
        rows.into_iter().map(|row| format!("{} {}", row.external_id, row.amount_cents)).collect::<Vec<_>>()
    };
    let mut found = BTreeMap::new();
    for measure in Measure::ALL {
        found.insert(measure.as_str(), ids(measure).await);
    }
    let expected = BTreeMap::from([
        ("collected", vec!["ch_1 10000", "ch_2 2000", "yy_part 59", "zz_late 41"]),
        ("refunded", vec!["re_1 23"]),
        ("disputed", vec!["dp_lost 19"]),
        ("withdrawn", vec!["dp_open 60"]),
        ("pending", vec!["ch_pending 13", "yy_part 47"]),
        ("pending_return", vec!["dp_open 40", "re_pending 29"]),
        ("unknown", vec!["ch_unknown 17", "re_unknown 31"]),
        ("excluded", vec!["ch_excluded 7"]),
        ("refund_without_payment", vec!["re_without 43"]),
    ]);
    let expected: BTreeMap<_, Vec<_>> = expected
        .into_iter()
        .map(|(name, ids)| (name, ids.into_iter().map(ToOwned::to_owned).collect()))
        .collect();
    assert_eq!(found, expected);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_row_leads_to_what_the_source_said_as_long_as_it_is_kept() {
    let mut fixture = Fixture::new().await;
    say(&mut fixture, 1, "ch_1", payment(500)).await;
    say(&mut fixture, 5, "ch_1", payment(700)).await;
    let payload = |row: &Contribution| row.payload.as_ref().unwrap().get().to_owned();
    let (then, _) = all(&fixture, question(Basis::Event, Some(minute(4)), 20)).await;
    let (now, _) = all(&fixture, question(Basis::Event, None, 20)).await;
    assert_eq!((then[0].amount_cents, payload(&then[0]).as_str()), (500, r#"{"id": "ch_1", "minute": 1}"#));
    assert_eq!((now[0].amount_cents, payload(&now[0]).as_str()), (700, r#"{"id": "ch_1", "minute": 5}"#));
    assert_eq!((now[0].run_id, now[0].fetched_at), (Some(fixture.run_id), Some(T0)));
    assert_eq!((now[0].updated_at, now[0].raw_dropped), (minute(5), false));
    fixture.run("DELETE FROM raw_records").await;
    let (now, _) = all(&fixture, question(Basis::Event, None, 20)).await;
    assert_eq!((now[0].amount_cents, now[0].raw_dropped, now[0].run_id), (700, true, None));
    assert!(now[0].payload.is_none());
    fixture.database.drop_it().await;
}
