//! Money as integers of a currency's minor unit, and the one table that says how small that unit is.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A three-letter currency code in capitals, such as `USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// A text that is no currency code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a three-letter currency code")]
pub struct CurrencyError(String);

impl Currency {
    /// The euro, in which exchange rates are told.
    pub const EUR: Self = Self(*b"EUR");

    /// The code in capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII letters get in, so the fallback is never seen.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// The currency of figures when nothing else is said: `USD`.
    #[must_use]
    pub fn default_reporting() -> Self {
        Self(*b"USD")
    }

    /// How many decimal digits the minor unit has below the major one.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        exponent(self.as_str())
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    /// Accepts either case: Stripe writes `usd`, HubSpot `USD`.
    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let code = code.trim();
        let letters: [u8; 3] = code.as_bytes().try_into().map_err(|_| CurrencyError(shortened(code)))?;
        if letters.iter().all(u8::is_ascii_alphabetic) {
            Ok(Self(letters.map(|letter| letter.to_ascii_uppercase())))
        } else {
            Err(CurrencyError(shortened(code)))
        }
    }
}

/// An error message must stay readable, whatever arrived in place of a code.
fn shortened(text: &str) -> String {
    text.chars().take(12).collect()
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The number of decimals of a currency's minor unit, by Stripe's list of zero- and three-decimal currencies.
///
/// Source: <https://docs.stripe.com/currencies>. Published ISO 4217 tables differ from what Stripe sends (ISK, UGX,
/// HUF and TWD amounts have two decimals there), so this table is the only one in Buffalo.
#[must_use]
pub fn exponent(code: &str) -> u32 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// An amount of money in minor units, wide enough for sums of any number of payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// The amount in minor units (cents, yen, fils).
    pub minor: i128,
    /// Its currency.
    pub currency: Currency,
}

impl fmt::Display for Money {
    /// Writes the amount in major units with all its decimals: `1234.50`, `500`, `-0.005`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.currency.exponent();
        let sign = if self.minor < 0 { "-" } else { "" };
        let unit = 10_u128.pow(exponent);
        let magnitude = self.minor.unsigned_abs();
        if exponent == 0 {
            return write!(f, "{sign}{magnitude}");
        }
        let width = exponent as usize;
        write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit)
    }
}

/// Which currencies may enter the figures (`SUPPORTED_CURRENCIES`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SupportedCurrencies {
    /// Whatever the vendor sends (`*`).
    #[default]
    All,
    /// Only these; anything else is a dead letter.
    Only(BTreeSet<Currency>),
}

impl SupportedCurrencies {
    /// Whether payments in `currency` are accepted.
    #[must_use]
    pub fn contains(&self, currency: Currency) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&currency),
        }
    }
}

impl FromStr for SupportedCurrencies {
    type Err = CurrencyError;

    /// Reads `*` or a comma-separated list of codes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "*" {
            return Ok(Self::All);
        }
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self::Only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i128, code: &str) -> String {
        Money { minor, currency: code.parse().unwrap() }.to_string()
    }

    #[test]
    fn amounts_are_written_with_the_decimals_of_their_currency() {
        assert_eq!(money(123_450, "usd"), "1234.50");
        assert_eq!(money(500, "JPY"), "500");
        assert_eq!(money(-5, "kwd"), "-0.005");
        assert_eq!(money(9_007_199_254_740_993, "EUR"), "90071992547409.93");
        assert_eq!(money(100, "ISK"), "1.00");
    }

    #[test]
    fn a_currency_is_three_letters_of_either_case() {
        assert_eq!("eur".parse::<Currency>().unwrap().as_str(), "EUR");
        for bad in ["", "US", "USDT", "U$D", "€€€"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn supported_currencies_are_all_or_a_list() {
        let usd = "USD".parse().unwrap();
        let eur = "EUR".parse().unwrap();
        assert!("*".parse::<SupportedCurrencies>().unwrap().contains(eur));
        let list: SupportedCurrencies = "usd, gbp".parse().unwrap();
        assert!(list.contains(usd));
        assert!(!list.contains(eur));
        assert!("usd,".parse::<SupportedCurrencies>().is_err());
    }
}
