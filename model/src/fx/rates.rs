//! The rates that are known, and which of them holds on a day.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::{Rate, UsedRate};
use crate::Currency;

/// The most days by which a rate may be older than the day it is used for.
///
/// On weekends and holidays there is none, and the longest such gap has five days (Easter). What is older says that rates were not
/// imported, or that the ECB no longer publishes them, and a figure made of it would look like any other.
pub const MAX_RATE_AGE_DAYS: u64 = 7;

/// What one euro was on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EuroRate {
    /// The currency.
    pub currency: Currency,
    /// The day for which the rate was published.
    pub date: NaiveDate,
    /// How many units of the currency one euro was.
    pub rate: Rate,
}

impl EuroRate {
    /// Whether amounts of `day` may be converted with this rate, where there is no newer one.
    #[must_use]
    pub fn is_usable_on(&self, day: NaiveDate) -> bool {
        self.date <= day && is_recent(self.date, day)
    }
}

/// No rate leads from one currency to the other on this day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rate from {from} to {to} of {day} or the {MAX_RATE_AGE_DAYS} days before it{}", but(*newest))]
pub struct NoRate {
    /// The currency of the amount.
    pub from: Currency,
    /// The currency that was asked for.
    pub to: Currency,
    /// The day.
    pub day: NaiveDate,
    /// The newest day before that for which there would be one, among the rates that were loaded.
    pub newest: Option<NaiveDate>,
}

fn but(newest: Option<NaiveDate>) -> String {
    newest.map_or_else(
        || "; `buffalo fx import` brings rates".to_owned(),
        |day| format!("; the newest is of {day}"),
    )
}

/// Euro rates by currency and day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// Each list ascends by day, with one rate a day.
    by_currency: BTreeMap<Currency, Vec<(NaiveDate, Rate)>>,
}

impl FromIterator<EuroRate> for Rates {
    /// In any order; of several rates of one currency and day the last one holds.
    fn from_iter<I: IntoIterator<Item = EuroRate>>(rates: I) -> Self {
        let mut sorted: BTreeMap<Currency, BTreeMap<NaiveDate, Rate>> = BTreeMap::new();
        for EuroRate { currency, date, rate } in rates {
            sorted.entry(currency).or_default().insert(date, rate);
        }
        let by_currency = sorted.into_iter().map(|(currency, days)| (currency, days.into_iter().collect()));
        Self { by_currency: by_currency.collect() }
    }
}

impl Rates {
    /// The rate from one currency to another that holds on `day`: that of the newest day, up to this one, on which it was
    /// published. Where neither currency is the euro, both its legs are of the same day: rates of two days multiplied are the
    /// rate of none.
    ///
    /// # Errors
    ///
    /// [`NoRate`] where there is none, or none that is at most [`MAX_RATE_AGE_DAYS`] older than `day`.
    pub fn on(&self, from: Currency, to: Currency, day: NaiveDate) -> Result<UsedRate, NoRate> {
        if from == to {
            return Ok(UsedRate { from, to, date: day, from_per_euro: Rate::ONE, to_per_euro: Rate::ONE });
        }
        let found = match (from == Currency::EUR, to == Currency::EUR) {
            (true, _) => self.up_to(to, day).last().map(|(date, rate)| (*date, Rate::ONE, *rate)),
            (_, true) => self.up_to(from, day).last().map(|(date, rate)| (*date, *rate, Rate::ONE)),
            _ => newest_of_both(self.up_to(from, day), self.up_to(to, day)),
        };
        let newest = found.map(|(date, ..)| date);
        match found {
            Some((date, from_per_euro, to_per_euro)) if is_recent(date, day) => {
                Ok(UsedRate { from, to, date, from_per_euro, to_per_euro })
            }
            _ => Err(NoRate { from, to, day, newest }),
        }
    }

    /// The rates of a currency up to a day, that day included.
    fn up_to(&self, currency: Currency, day: NaiveDate) -> &[(NaiveDate, Rate)] {
        let all = self.by_currency.get(&currency).map_or(&[][..], Vec::as_slice);
        &all[..all.partition_point(|(date, _)| *date <= day)]
    }
}

/// Whether a rate of `date` may be used for `day`, which is not before it.
fn is_recent(date: NaiveDate, day: NaiveDate) -> bool {
    date.checked_add_days(Days::new(MAX_RATE_AGE_DAYS)).is_none_or(|last| day <= last)
}

/// The newest day that is in both lists, with the rates of both.
fn newest_of_both(
    mut one: &[(NaiveDate, Rate)],
    mut other: &[(NaiveDate, Rate)],
) -> Option<(NaiveDate, Rate, Rate)> {
    while let (Some((one_date, one_rate)), Some((other_date, other_rate))) = (one.last(), other.last()) {
        match one_date.cmp(other_date) {
            std::cmp::Ordering::Equal => return Some((*one_date, *one_rate, *other_rate)),
            std::cmp::Ordering::Greater => one = &one[..one.len() - 1],
            std::cmp::Ordering::Less => other = &other[..other.len() - 1],
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rates() -> Rates {
        let rate = |code: &str, date: &str, rate: &str| EuroRate {
            currency: code.parse().unwrap(),
            date: day(date),
            rate: rate.parse().unwrap(),
        };
        Rates::from_iter([
            rate("USD", "2026-04-07", "1.11"),
            rate("USD", "2026-04-02", "1.10"),
            rate("JPY", "2026-04-02", "160"),
            rate("JPY", "2026-04-01", "161"),
            rate("BGN", "2025-12-31", "1.9558"),
        ])
    }

    fn used(from: &str, to: &str, on: &str) -> Result<String, NoRate> {
        let used = rates().on(from.parse().unwrap(), to.parse().unwrap(), day(on))?;
        Ok(format!("{} {}/{}", used.date(), used.to_per_euro, used.from_per_euro))
    }

    #[test]
    fn the_newest_rate_up_to_a_day_holds() {
        assert_eq!(used("EUR", "USD", "2026-04-02").unwrap(), "2026-04-02 1.1/1");
        assert_eq!(used("EUR", "USD", "2026-04-06").unwrap(), "2026-04-02 1.1/1", "Easter Monday");
        assert_eq!(used("USD", "EUR", "2026-04-07").unwrap(), "2026-04-07 1/1.11");
        assert!(used("EUR", "USD", "2026-04-01").is_err(), "what comes later is not used");
    }

    #[test]
    fn a_cross_rate_is_of_one_day() {
        assert_eq!(used("USD", "JPY", "2026-04-08").unwrap(), "2026-04-02 160/1.1");
        assert_eq!(used("JPY", "USD", "2026-04-03").unwrap(), "2026-04-02 1.1/160");
        assert_eq!(used("USD", "JPY", "2026-04-01").unwrap_err().newest, None);
    }

    #[test]
    fn an_old_rate_is_refused_and_named() {
        assert_eq!(used("EUR", "BGN", "2026-01-07").unwrap(), "2025-12-31 1.9558/1");
        let refused = used("EUR", "BGN", "2026-01-08").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no rate from EUR to BGN of 2026-01-08 or the 7 days before it; the newest is of 2025-12-31"
        );
        let unknown = used("EUR", "AED", "2026-04-02").unwrap_err();
        assert!(unknown.to_string().ends_with("; `buffalo fx import` brings rates"), "{unknown}");
    }

    #[test]
    fn a_currency_is_itself_on_every_day() {
        assert_eq!(used("AED", "AED", "1990-01-01").unwrap(), "1990-01-01 1/1");
    }
}
