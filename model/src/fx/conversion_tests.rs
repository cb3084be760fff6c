//! Conversions against fractions of unbounded integers.

use chrono::NaiveDate;
use num_rational::BigRational;
use proptest::prelude::*;

use super::{ConversionError, EuroRate, Rate, Rates, UsedRate};
use crate::Currency;

const DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();

/// 0, 2, 2 and 3 decimals, and the euro.
const CODES: [&str; 5] = ["JPY", "USD", "ISK", "KWD", "EUR"];

fn code(text: &str) -> Currency {
    text.parse().unwrap()
}

fn rates(of: &[(&str, &str)]) -> Rates {
    of.iter()
        .map(|(currency, rate)| EuroRate { currency: code(currency), date: DAY, rate: rate.parse().unwrap() })
        .collect()
}

fn integer(value: i128) -> BigRational {
    BigRational::from_integer(value.into())
}

fn fraction(rate: &str) -> BigRational {
    let (whole, decimals) = rate.split_once('.').unwrap_or((rate, ""));
    let digits: i128 = format!("{whole}{decimals}").parse().unwrap();
    integer(digits) / integer(10).pow(i32::try_from(decimals.len()).unwrap())
}

fn half_to_even(exact: &BigRational) -> BigRational {
    let floor = exact.floor();
    let up = &floor + integer(1);
    let half = integer(1) / integer(2);
    match (exact - &floor).cmp(&half) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Greater => up,
        std::cmp::Ordering::Equal if (&floor / integer(2)).is_integer() => floor,
        std::cmp::Ordering::Equal => up,
    }
}

/// The same by the book: minor to major units, to euros, to the other currency, to its minor units, and rounded.
fn by_the_book(minor: i128, from: (Currency, &str), to: (Currency, &str)) -> BigRational {
    let unit = |currency: Currency| integer(10).pow(i32::try_from(currency.exponent()).unwrap());
    half_to_even(&(integer(minor) / unit(from.0) / fraction(from.1) * fraction(to.1) * unit(to.0)))
}

fn any_rate() -> impl Strategy<Value = String> {
    prop_oneof![
        "[1-9][0-9]{0,2}\\.[0-9]{1,5}[1-9]",
        "0\\.[0-9]{0,5}[1-9]",
        "[1-9][0-9]{0,7}(\\.[0-9]{6})?",
        "[1248]"
    ]
}

/// Amounts of all sizes, since most of 128 bits' worth would be enormous.
fn any_amount() -> impl Strategy<Value = i128> {
    (any::<i128>(), 0_u32..=127).prop_map(|(amount, shift)| amount >> shift)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn a_conversion_is_exact_and_rounded_once(
        minor in any_amount(),
        (first, distance) in (0..CODES.len(), 1..CODES.len()),
        from_rate in any_rate(),
        to_rate in any_rate(),
    ) {
        let (from, to) = (CODES[first], CODES[(first + distance) % CODES.len()]);
        let of = |code: &str, rate: &str| if code == "EUR" { "1".to_owned() } else { rate.to_owned() };
        let (from_rate, to_rate) = (of(from, &from_rate), of(to, &to_rate));
        let listed: Vec<_> = [(from, &*from_rate), (to, &*to_rate)].into_iter().filter(|(code, _)| *code != "EUR").collect();
        let expected = by_the_book(minor, (code(from), &from_rate), (code(to), &to_rate));
        match rates(&listed).convert(minor, code(from), code(to), DAY) {
            Ok(converted) => {
                prop_assert_eq!(integer(converted.minor), expected);
                prop_assert_eq!(converted.rate_date, DAY);
            }
            Err(error) => {
                prop_assert!(matches!(error, ConversionError::Overflow { .. }), "{}", error);
                let fits = expected >= integer(i128::MIN) && expected <= integer(i128::MAX);
                prop_assert!(!fits, "{} fits", expected);
            }
        }
    }

    #[test]
    fn the_same_currency_is_the_same_amount(minor in any::<i128>(), of in prop::sample::select(&CODES[..])) {
        let same = Rates::default().convert(minor, code(of), code(of), DAY).unwrap();
        prop_assert_eq!((same.minor, &*same.rate), (minor, "1"));
    }

    #[test]
    fn a_debit_is_converted_as_a_credit_is(minor in any::<i64>(), rate in any_rate()) {
        let rates = rates(&[("USD", &rate)]);
        let eur = |minor: i64| rates.convert(minor.into(), code("USD"), Currency::EUR, DAY).unwrap().minor;
        prop_assert_eq!(eur(minor.max(-i64::MAX)), -eur(-minor.max(-i64::MAX)));
    }

    /// What is shown differs from the true rate by less than half of its last digit.
    #[test]
    fn the_rate_that_is_shown_is_the_rate(from_rate in any_rate(), to_rate in any_rate()) {
        let shown = used(&from_rate, &to_rate).shown();
        let exact = fraction(&to_rate) / fraction(&from_rate);
        let error = fraction(&shown) / &exact - integer(1);
        let bound = integer(1) / integer(2_000_000_000);
        prop_assert!(error <= bound && error >= -bound, "{} is not {}", shown, exact);
    }
}

fn used(usd: &str, jpy: &str) -> UsedRate {
    rates(&[("USD", usd), ("JPY", jpy)]).on(code("USD"), code("JPY"), DAY).unwrap()
}

fn converted(minor: i128, from: &str, to: &str) -> (i128, String) {
    let rates = rates(&[("USD", "1.0849"), ("JPY", "162.85"), ("KWD", "0.35"), ("GBP", "0.5"), ("SEK", "2")]);
    let converted = rates.convert(minor, code(from), code(to), DAY).unwrap();
    (converted.minor, converted.rate)
}

#[test]
fn minor_units_of_both_currencies_are_respected() {
    assert_eq!(converted(10_000, "EUR", "USD"), (10_849, "1.0849".to_owned()));
    assert_eq!(converted(10_000, "EUR", "JPY"), (16_285, "162.85".to_owned()));
    assert_eq!(converted(16_285, "JPY", "EUR"), (10_000, "0.006140620203".to_owned()));
    assert_eq!(converted(10_849, "USD", "JPY"), (16_285, "150.1060006".to_owned()));
    assert_eq!(converted(10_000, "EUR", "KWD"), (35_000, "0.35".to_owned()));
}

#[test]
fn halves_go_to_the_even_neighbour_on_either_side_of_zero() {
    for (minor, expected) in [(1, 0), (2, 1), (3, 2), (5, 2), (7, 4), (-1, 0), (-3, -2), (-5, -2), (-7, -4)] {
        assert_eq!(converted(minor, "EUR", "GBP").0, expected, "half of {minor}");
        assert_eq!(converted(minor, "SEK", "EUR").0, expected, "half of {minor}");
    }
}

#[test]
fn there_and_back_again_is_not_where_one_began() {
    let rates = rates(&[("JPY", "183.59")]);
    let convert =
        |minor, from: &str, to: &str| rates.convert(minor, code(from), code(to), DAY).unwrap().minor;
    assert_eq!(convert(1, "JPY", "EUR"), 1);
    assert_eq!(convert(1, "EUR", "JPY"), 2);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let rates = rates(&[("USD", "2"), ("JPY", "0.5")]);
    for minor in [i128::MAX, i128::MIN, i128::MAX / 2 + 1, i128::MIN / 2 - 1] {
        let refused = rates.convert(minor, Currency::EUR, code("USD"), DAY);
        assert!(matches!(refused, Err(ConversionError::Overflow { .. })), "{minor}: {refused:?}");
    }
    assert_eq!(rates.convert(i128::MIN / 2, Currency::EUR, code("USD"), DAY).unwrap().minor, i128::MIN);
    assert!(rates.convert(i128::MIN, code("USD"), Currency::EUR, DAY).is_ok());
    assert_eq!("1.0".parse::<Rate>().unwrap(), Rate::ONE);
}
