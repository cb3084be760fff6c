//! An amount in another currency: exact up to the end, and rounded there, once.
//!
//! Rounding is half to even, so that over many amounts it favours nobody. There and back again is therefore not where one
//! began: 1.00 EUR is 184 JPY at 183.59, and 184 JPY are 1.00 EUR, but 1 JPY is 0.01 EUR and that is 2 JPY. Convert sums,
//! not their parts, and from the currency that was paid, never from a converted amount.

use chrono::NaiveDate;

use super::rate::decimal_text;
use super::{NoRate, Rate, Rates};
use crate::Currency;

/// The digits of a rate that was computed from two; those that are looked up are shown in full.
const SHOWN_DIGITS: u32 = 10;

/// A rate from one currency to another, and the day it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedRate {
    pub(super) from: Currency,
    pub(super) to: Currency,
    pub(super) date: NaiveDate,
    pub(super) from_per_euro: Rate,
    pub(super) to_per_euro: Rate,
}

/// An amount that was converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The amount in minor units of the currency that was asked for.
    pub minor: i128,
    /// How many major units of that currency one of the amount's was, as a decimal number; see [`UsedRate::shown`].
    pub rate: String,
    /// The day the rate is of; the day that was asked for where both currencies are the same.
    pub rate_date: NaiveDate,
}

/// Why an amount was not converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// There is no rate.
    #[error(transparent)]
    NoRate(#[from] NoRate),
    /// The amount would not fit into 128 bits. It is an error, since a wrapped amount is a wrong one.
    #[error("{minor} minor units of {from} are too many to be counted in {to}")]
    Overflow {
        /// The amount in minor units.
        minor: i128,
        /// Its currency.
        from: Currency,
        /// The currency that was asked for.
        to: Currency,
    },
}

impl Rates {
    /// Converts an amount of minor units at the rate that holds on `day`.
    ///
    /// # Errors
    ///
    /// [`ConversionError`]. Nothing is converted at a rate that is not known.
    pub fn convert(
        &self,
        minor: i128,
        from: Currency,
        to: Currency,
        day: NaiveDate,
    ) -> Result<Converted, ConversionError> {
        let used = self.on(from, to, day)?;
        Ok(Converted { minor: used.convert(minor)?, rate: used.shown(), rate_date: used.date })
    }
}

impl UsedRate {
    /// The day for which the rate was published.
    #[must_use]
    pub fn date(&self) -> NaiveDate {
        self.date
    }

    /// How many major units of the one currency a major unit of the other is: every digit where the euro is what is
    /// converted, else rounded to ten significant ones. For people; computing with it would round twice.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.from_per_euro == Rate::ONE {
            return self.to_per_euro.to_string();
        }
        // Both are below 10^20, and what is multiplied stays below 10^10 times the other.
        let scaled = |rate: Rate, other: Rate| rate.mantissa().unsigned_abs() * 10_u128.pow(other.decimals());
        let (mut of_one, per) =
            (scaled(self.to_per_euro, self.from_per_euro), scaled(self.from_per_euro, self.to_per_euro));
        let mut decimals = 0;
        while of_one / per < 10_u128.pow(SHOWN_DIGITS - 1) {
            of_one *= 10;
            decimals += 1;
        }
        let mut digits = of_one / per;
        digits += u128::from(rounds_up(of_one % per, per, digits));
        while decimals > 0 && digits.is_multiple_of(10) {
            digits /= 10;
            decimals -= 1;
        }
        decimal_text(digits, decimals)
    }

    /// Converts an amount of minor units.
    ///
    /// # Errors
    ///
    /// [`ConversionError::Overflow`].
    pub fn convert(&self, minor: i128) -> Result<i128, ConversionError> {
        let overflow = || ConversionError::Overflow { minor, from: self.from, to: self.to };
        if self.from == self.to {
            return Ok(minor);
        }
        let (times, per) = self.fraction();
        // minor * times / per, as (whole * per + rest) * times / per. A rate's digits are below 10^14 and the power of
        // ten that joins one of them is at most 10^9, so rest * times stays below 10^37; only the result can be too large.
        let (whole, rest) = (minor / per, minor % per);
        let (floor, left) = (rest * times / per, rest * times % per);
        let cut =
            whole.checked_mul(times).and_then(|product| product.checked_add(floor)).ok_or_else(overflow)?;
        // Everything was cut towards zero, so rounding goes away from it.
        let away = rounds_up(left.unsigned_abs(), per.unsigned_abs(), cut.unsigned_abs());
        cut.checked_add(if away { minor.signum() } else { 0 }).ok_or_else(overflow)
    }

    /// What minor units are to be multiplied with and divided by. Powers of ten come from the decimals of both rates and from
    /// the minor units of both currencies, and are cancelled first.
    fn fraction(&self) -> (i128, i128) {
        let above = self.from_per_euro.decimals() + self.to.exponent();
        let below = self.to_per_euro.decimals() + self.from.exponent();
        let power = |exponent: u32| 10_i128.pow(exponent);
        let (times, per) = (self.to_per_euro.mantissa(), self.from_per_euro.mantissa());
        (times * power(above.saturating_sub(below)), per * power(below.saturating_sub(above)))
    }
}

/// Whether `whole` and `left` parts of `per` are nearer to the next number, or as near to it and it is the even one.
fn rounds_up(left: u128, per: u128, whole: u128) -> bool {
    match (left * 2).cmp(&per) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => !whole.is_multiple_of(2),
        std::cmp::Ordering::Greater => true,
    }
}
