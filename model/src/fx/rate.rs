//! A rate as whole numbers: no digit of it is ever a float.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The ECB writes five or six digits in all, and up to six behind the point. With these bounds, which are those of the
/// column `fx_rates.rate` too, every step of a conversion fits into 128 bits (`conversion.rs`).
const INTEGER_DIGITS: usize = 8;
const DECIMALS: usize = 6;

/// How many units of a currency one euro is: a positive decimal number, such as `1.0849`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Never zero, and without trailing zeros behind the point, so that equal rates are equal values.
    mantissa: u64,
    decimals: u32,
}

/// A text that is no rate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a rate: a positive number such as 1.0849, with up to 8 digits before the point and 6 behind it"
)]
pub struct InvalidRate(String);

impl Rate {
    /// The euro in euros.
    pub const ONE: Self = Self { mantissa: 1, decimals: 0 };

    /// The digits as a whole number, below 10^14.
    pub(super) fn mantissa(self) -> i128 {
        self.mantissa.into()
    }

    /// How many of the digits are behind the point, at most 6.
    pub(super) fn decimals(self) -> u32 {
        self.decimals
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRate(text.chars().take(20).collect());
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(invalid()),
            Some(parts) => parts,
            None => (text, ""),
        };
        let fraction = fraction.trim_end_matches('0');
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return Err(invalid());
        }
        if whole.trim_start_matches('0').len() > INTEGER_DIGITS || fraction.len() > DECIMALS {
            return Err(invalid());
        }
        let mantissa: u64 = format!("{whole}{fraction}").parse().map_err(|_| invalid())?;
        let decimals = u32::try_from(fraction.len()).map_err(|_| invalid())?;
        if mantissa == 0 { Err(invalid()) } else { Ok(Self { mantissa, decimals }) }
    }
}

impl fmt::Display for Rate {
    /// Writes all its digits, without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal_text(self.mantissa.into(), self.decimals))
    }
}

impl Serialize for Rate {
    /// A string: as a number it would be a float to most readers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes `digits` with a point before the last `decimals` of them.
pub(super) fn decimal_text(digits: u128, decimals: u32) -> String {
    if decimals == 0 {
        return digits.to_string();
    }
    let decimals = decimals as usize;
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_written_with_its_digits() {
        for (text, shown) in [
            ("1.0849", "1.0849"),
            ("1558", "1558"),
            ("0.702804", "0.702804"),
            ("0.000001", "0.000001"),
            ("11.5030", "11.503"),
            ("138.00", "138"),
            ("007.5", "7.5"),
            ("99999999.999999", "99999999.999999"),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), shown);
        }
        assert_eq!("1.10".parse::<Rate>(), "1.1".parse());
    }

    #[test]
    fn what_is_no_positive_number_is_no_rate() {
        for text in [
            "",
            "0",
            "0.000",
            "-1",
            "+1",
            "1.",
            ".5",
            "1,0849",
            "1.08 ",
            "1e3",
            "NaN",
            "N/A",
            "0.0000001",
            "١",
            "123456789",
            "1.2.3",
            "99999999999999999999999999",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text} was accepted");
        }
    }
}
