//! Tests that pairs are the nearest ones, and each payment is in one.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::Certainty;

fn sale(key: &str, minute: i64) -> Sale {
    let (source, external_id) = key.split_once(':').unwrap();
    Sale {
        key: PaymentKey { source: Source::new(source), external_id: external_id.to_owned() },
        kind: "charge".to_owned(),
        currency: "USD".parse().unwrap(),
        amount_minor: 9_900,
        occurred_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minute),
        customer_external_id: None,
        customer_email: None,
    }
}

fn with_email(email: &str, sale: Sale) -> Sale {
    Sale { customer_email: Some(email.to_owned()), ..sale }
}

fn pairs(days: i64, distinct: &[[&str; 2]], sales: Vec<Sale>) -> Vec<String> {
    let distinct = distinct.iter().map(|keys| keys.map(|key| key.parse().unwrap())).collect();
    let mut found: Vec<_> = Pairing::new(TimeDelta::days(days), distinct)
        .pairs(sales)
        .iter()
        .map(|overlap| format!("{} {}", overlap.payments[0].key, overlap.payments[1].key))
        .collect();
    found.sort_unstable();
    found
}

#[test]
fn five_equal_sales_of_a_day_are_five_pairs() {
    let charges = (0..5).map(|n| sale(&format!("stripe:{n}"), 10 * n));
    let deals = (0..5).map(|n| sale(&format!("hubspot:{n}"), 10 * n + 3));
    let found = Pairing::new(TimeDelta::days(7), HashSet::new()).pairs(charges.chain(deals).collect());
    assert_eq!(found.len(), 5);
    for overlap in &found {
        let [deal, charge] = &overlap.payments;
        assert_eq!(deal.key.external_id, charge.key.external_id);
        assert_eq!((overlap.fitting, overlap.certainty()), (5, Certainty::Possible));
    }
    assert_eq!(found[0].to_string(), "same amount, less than a day apart; the nearest of 5 that fit");
}

#[test]
fn an_e_mail_address_counts_for_more_than_time() {
    let sales = vec![
        with_email("a@example.com", sale("stripe:a", 0)),
        with_email("b@example.com", sale("stripe:b", 1)),
        with_email("a@example.com", sale("shop:a", 2_000)),
        sale("shop:x", 2),
    ];
    assert_eq!(pairs(7, &[], sales.clone()), ["shop:a stripe:a", "shop:x stripe:b"]);
    // Too far apart is too far apart.
    assert_eq!(pairs(1, &[], sales), ["shop:x stripe:b"]);
}

#[test]
fn payments_of_one_source_and_distinct_ones_are_no_pair() {
    let sales = vec![sale("stripe:1", 0), sale("stripe:2", 0), sale("hubspot:1", 1), sale("stripe:3", 9)];
    assert_eq!(pairs(7, &[], sales.clone()), ["hubspot:1 stripe:1"]);
    assert_eq!(pairs(7, &[["hubspot:1", "stripe:1"]], sales.clone()), ["hubspot:1 stripe:2"]);
    let both = [["hubspot:1", "stripe:1"], ["hubspot:1", "stripe:2"]];
    assert_eq!(pairs(7, &both, sales), ["hubspot:1 stripe:3"]);
}

#[test]
fn a_difference_of_exactly_so_many_days_is_near_enough() {
    let sales = |minute| vec![sale("stripe:1", 0), sale("hubspot:1", minute)];
    assert_eq!(pairs(7, &[], sales(7 * 1_440)).len(), 1);
    assert_eq!(pairs(7, &[], sales(7 * 1_440 + 1)).len(), 0);
}

/// All pairs there could be, in the order of their distance, each taken if both are free.
fn by_trying_all(most_apart: TimeDelta, distinct: &HashSet<[PaymentKey; 2]>, sales: &[Sale]) -> Vec<String> {
    let mut all = Vec::new();
    for (first, one) in sales.iter().enumerate() {
        for (second, other) in sales.iter().enumerate().skip(first + 1) {
            let apart = other.occurred_at - one.occurred_at;
            let fits = one.key.source != other.key.source && apart <= most_apart;
            if fits && !distinct.contains(&in_order(&one.key, &other.key)) {
                all.push((apart, first, second));
            }
        }
    }
    all.sort_unstable();
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    for (_, first, second) in all {
        if !taken.contains(&first) && !taken.contains(&second) {
            taken.extend([first, second]);
            let [one, other] = in_order(&sales[first].key, &sales[second].key);
            found.push(format!("{one} {other}"));
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn the_queue_finds_what_trying_all_finds() {
    let mut state: u64 = 7;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..500 {
        let count = random(40);
        let mut sales: Vec<Sale> = (0..count)
            .map(|n| {
                let source = ["stripe", "hubspot", "shop"][usize::try_from(random(3)).unwrap()];
                sale(&format!("{source}:{n}"), i64::try_from(random(6_000)).unwrap())
            })
            .collect();
        sales.sort_unstable_by(|a, b| (a.occurred_at, &a.key).cmp(&(b.occurred_at, &b.key)));
        let distinct: HashSet<_> = (0..if count == 0 { 0 } else { random(20) })
            .map(|_| {
                let mut pick = || &sales[usize::try_from(random(count)).unwrap()].key;
                in_order(pick(), pick())
            })
            .collect();
        let expected = by_trying_all(TimeDelta::days(1), &distinct, &sales);
        let found = Pairing::new(TimeDelta::days(1), distinct).pairs(sales);
        let mut found: Vec<_> =
            found.iter().map(|pair| format!("{} {}", pair.payments[0].key, pair.payments[1].key)).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
}
