//! Tests of totals in one currency.

use super::*;
use crate::EuroRate;

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

fn rates(of: &[(&str, &str)]) -> Rates {
    let rate = |(code, rate): &(&str, &str)| EuroRate {
        currency: currency(code),
        date: "2026-11-20".parse().unwrap(),
        rate: rate.parse().unwrap(),
    };
    of.iter().map(rate).collect()
}

#[test]
fn totals_are_converted_at_rates_that_are_shown() {
    let dollars = Figures { collected: 10_000, refunded: 1_000, ..Figures::default() };
    let euros = Figures { collected: 500, ..Figures::default() };
    let yen = Figures { collected: 7, ..Figures::default() };
    let totals = [(currency("USD"), &dollars), (currency("EUR"), &euros), (currency("JPY"), &yen)];
    // The 22nd is a Sunday, on which no rates are published.
    let day = "2026-11-22".parse().unwrap();
    let into_euros =
        Reporting::of(totals.into_iter(), currency("EUR"), &rates(&[("USD", "1.25")]), day).unwrap();
    assert_eq!(into_euros.total_revenue_cents, "8500");
    assert_eq!((into_euros.refunded_cents.as_str(), into_euros.net_revenue_cents.as_str()), ("800", "7700"));
    assert_eq!(into_euros.rates[0].date.to_string(), "2026-11-20");
    assert_eq!(into_euros.unconverted, [currency("JPY")]);
}
