//! What counts is the money that moved: captures before the final one, refunds, disputes, and money that was no payment.

use buffalo_model::{Basis, Figures, Granularity, Payment, PaymentKind, PaymentStatus, RevenueQuery};
use chrono::TimeDelta;

use crate::fixture::{Fixture, T0, payment};
use crate::known_then::{given_back, say};

async fn total(fixture: &Fixture, basis: Basis) -> Figures {
    let query = RevenueQuery { basis, ..RevenueQuery::of(Granularity::Summary, "USD".parse().unwrap()) };
    fixture.store.revenue(query, &[], T0 + TimeDelta::days(30)).await.unwrap().total
}

fn refund(amount: i64, moved: Option<bool>, day: i64) -> Payment {
    Payment { money_moved: moved, ..given_back(PaymentKind::Refund, PaymentStatus::Refunded, amount, day) }
}

/// A charge over 1,000 of which this much was captured, and refunded as it says.
fn captured(amount: i64, capturable: i64, refunded: Option<i64>) -> Payment {
    Payment {
        uncaptured_minor: 1_000 - amount,
        capturable_minor: capturable,
        claimed_refunded_minor: refunded,
        ..payment(amount)
    }
}

#[tokio::test]
async fn a_charge_that_is_captured_in_parts_counts_as_far_as_it_is() {
    let mut fixture = Fixture::new().await;
    let steps = [
        ("ch_1", captured(700, 300, None), (700, 300, 0)),
        ("re_1", refund(200, Some(true), 1), (700, 300, 200)),
        ("ch_1", captured(900, 0, Some(200)), (900, 0, 200)),
        ("re_2", refund(700, Some(true), 2), (900, 0, 900)),
        ("ch_1", captured(900, 0, Some(900)), (900, 0, 900)),
        // What was not captured is given up at the end, which moves nothing.
        ("re_3", refund(100, Some(false), 3), (900, 0, 900)),
    ];
    for (minute, (id, state, expected)) in (1..).zip(steps) {
        say(&mut fixture, minute, id, state).await;
        for basis in [Basis::Event, Basis::Payment] {
            let total = total(&fixture, basis).await;
            assert_eq!((total.collected, total.pending, total.refunded), expected, "{id} at {minute}");
        }
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_refund_is_a_release_only_where_it_moved_no_money() {
    // What the charge says was refunded, its refunds with whether they say that money moved, and what was given back.
    type Case<'a> = (Option<i64>, &'a [(i64, Option<bool>)], i128);
    let cases: [Case<'_>; 11] = [
        (None, &[(300, Some(false))], 0),
        (Some(300), &[(300, Some(false))], 0),
        (None, &[(300, Some(true))], 300),
        (Some(200), &[(200, Some(true)), (300, Some(false))], 200),
        (Some(500), &[(300, Some(false)), (200, Some(true))], 200),
        // Without a word of money, the charge tells which it contains.
        (Some(200), &[(200, None)], 200),
        (Some(200), &[(300, None), (200, None)], 200),
        (None, &[(300, None)], 0),
        // No more is given back than came.
        (Some(1_000), &[(300, None), (700, None)], 700),
        (Some(1_000), &[(1_000, Some(true))], 700),
        // A release can't be more than was not captured.
        (Some(400), &[(400, Some(false))], 100),
    ];
    for (claimed, refunds, expected) in cases {
        let mut fixture = Fixture::new().await;
        for (nth, (amount, moved)) in (1..).zip(refunds) {
            say(&mut fixture, nth, &format!("re_{nth}"), refund(*amount, *moved, nth)).await;
        }
        say(&mut fixture, 9, "ch_1", captured(700, 0, claimed)).await;
        let refunded = total(&fixture, Basis::Event).await.refunded;
        assert_eq!(refunded, expected, "{claimed:?} {refunds:?}");
        fixture.database.drop_it().await;
    }
}

#[tokio::test]
async fn a_dispute_counts_for_what_was_withdrawn_in_every_status() {
    use PaymentStatus::{Disputed, Pending, Voided};
    let mut fixture = Fixture::new().await;
    say(&mut fixture, 1, "ch_1", payment(10_000)).await;
    say(&mut fixture, 2, "re_1", refund(3_000, Some(true), 1)).await;
    let dispute = |status, amount, withdrawn_minor| Payment {
        withdrawn_minor,
        ..given_back(PaymentKind::Dispute, status, amount, 2)
    };
    let steps = [
        (dispute(Pending, 10_000, 10_000), (10_000, 10_000, -3_000)),
        (dispute(Pending, 10_000, 7_000), (7_000, 7_000, 0)),
        (dispute(Disputed, 7_000, 0), (7_000, 0, 0)),
        (dispute(Voided, 10_000, 7_000), (7_000, 0, 0)),
        (dispute(Voided, 10_000, 0), (0, 0, 7_000)),
    ];
    for (minute, (state, expected)) in (3..).zip(steps) {
        let shown = format!("{state:?}");
        say(&mut fixture, minute, "du_1", state).await;
        let total = total(&fixture, Basis::Payment).await;
        assert_eq!((total.disputed, total.withdrawn, total.net()), expected, "{shown}");
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn money_that_never_was_a_payment_is_told_apart_by_both_bases() {
    let mut fixture = Fixture::new().await;
    say(&mut fixture, 1, "ch_1", payment(1_000)).await;
    let without = |status, amount| Payment {
        without_payment: true,
        parent_external_id: None,
        ..given_back(PaymentKind::Refund, status, amount, 1)
    };
    say(&mut fixture, 2, "re_1", without(PaymentStatus::Refunded, 400)).await;
    say(&mut fixture, 3, "re_2", without(PaymentStatus::Pending, 50)).await;
    for basis in [Basis::Event, Basis::Payment] {
        let query = RevenueQuery { basis, ..RevenueQuery::of(Granularity::Summary, "USD".parse().unwrap()) };
        let revenue = fixture.store.revenue(query, &[], T0 + TimeDelta::days(30)).await.unwrap();
        let total = revenue.total;
        assert_eq!((total.refunds_without_payment, total.refunds_without_payment_count), (400, 1));
        assert_eq!((total.refunded, total.pending_returns, total.net()), (0, 0, 1_000));
        assert_eq!(revenue.unattributed, []);
    }
    fixture.database.drop_it().await;
}
