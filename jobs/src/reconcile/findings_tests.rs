//! Tests of what a comparison counts.

use buffalo_model::{Payment, PaymentStatus};
use chrono::TimeDelta;

use super::*;

fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn payment(amount_minor: i64, occurred_at: DateTime<Utc>) -> Payment {
    Payment {
        kind: PaymentKind::Charge,
        status: PaymentStatus::Collected,
        raw_status: "succeeded".to_owned(),
        amount_minor,
        uncaptured_minor: 0,
        capturable_minor: 0,
        withdrawn_minor: 0,
        money_moved: None,
        without_payment: false,
        claimed_refunded_minor: None,
        claimed_disputed: false,
        customer_email: None,
        currency: "USD".parse().unwrap(),
        occurred_at,
        parent_external_id: None,
        customer_external_id: None,
        deleted: false,
    }
}

#[test]
fn totals_end_where_fetching_ended_and_leave_out_what_is_gone() {
    let before = noon() - TimeDelta::seconds(1);
    let mut findings = Findings::default();
    for listed in [
        payment(i64::MAX, before),
        payment(i64::MAX, before),
        payment(7, noon()),
        Payment { deleted: true, ..payment(9, before) },
        Payment { status: PaymentStatus::Failed, ..payment(5, before) },
    ] {
        findings.add_up(&Normalised::Payment(listed), None, Some(noon()));
    }
    findings.add_up(&Normalised::Gone, None, Some(noon()));
    // Where a source can't list by time it lists all, and what is stored is added up from then on.
    findings.add_up(&Normalised::Payment(payment(5, before)), Some(noon()), None);
    let stored = |currency: &str, status: &str, count: i64, amount: &str| StoredTotal {
        currency: currency.to_owned(),
        status: status.to_owned(),
        count,
        amount: amount.to_owned(),
    };
    let totals = findings.totals(vec![stored("USD", "COLLECTED", 1, "12"), stored("EUR", "VOIDED", 3, "30")]);
    let totals: Vec<_> = totals
        .iter()
        .map(|total| {
            let listed = (total.listed_count, total.listed_cents.as_str());
            (
                total.currency.as_str(),
                total.status.as_str(),
                listed,
                (total.stored_count, total.stored_cents.as_str()),
            )
        })
        .collect();
    assert_eq!(
        totals,
        [
            ("EUR", "VOIDED", (0, "0"), (3, "30")),
            ("USD", "COLLECTED", (2, "18446744073709551614"), (1, "12")),
            ("USD", "FAILED", (1, "5"), (0, "0")),
        ]
    );
}

#[test]
fn a_payment_after_all_that_was_fetched_is_not_missing_but_a_deal_is() {
    let at = |kind, occurred_at| Normalised::Payment(Payment { kind, ..payment(1, occurred_at) });
    let before = noon() - TimeDelta::microseconds(1);
    assert!(came_later(&at(PaymentKind::Charge, noon()), Some(noon())));
    assert!(!came_later(&at(PaymentKind::Charge, before), Some(noon())));
    assert!(!came_later(&at(PaymentKind::Charge, noon()), None));
    assert!(!came_later(&at(PaymentKind::Deal, noon()), Some(noon())), "it closes when it closes");
    assert!(!came_later(&Normalised::Gone, Some(noon())));
}

#[test]
fn only_the_first_records_in_question_are_named() {
    let mut findings = Findings::default();
    for n in 0..SAMPLES + 5 {
        findings.sample(&n.to_string(), "missing".to_owned());
    }
    assert_eq!(findings.samples.len(), SAMPLES);
    assert_eq!(findings.samples[0].external_id, "0");
}
