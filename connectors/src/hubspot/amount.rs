//! Amounts as HubSpot has them, decimal texts, turned into minor units digit by digit.

use buffalo_model::Currency;

/// Reads a decimal text. Nothing is rounded and nothing is guessed: what is not a plain decimal number, or has more
/// decimals than the currency, is an error that says so.
pub(super) fn minor_units(text: &str, currency: Currency) -> Result<i64, String> {
    let unusable = |why: &str| format!("`{}` {why}", text.chars().take(40).collect::<String>());
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(unusable("is no decimal number"));
    }
    let fraction = fraction.trim_end_matches('0');
    let exponent = currency.exponent() as usize;
    if fraction.len() > exponent {
        return Err(unusable(&format!("is finer than the smallest unit of {currency}")));
    }
    let minor: i64 =
        format!("{whole}{fraction:0<exponent$}").parse().map_err(|_| unusable("is too large for 64 bits"))?;
    if negative && minor > 0 { Err(unusable("is negative")) } else { Ok(minor) }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn read(text: &str, currency: &str) -> Result<i64, String> {
        minor_units(text, currency.parse().unwrap())
    }

    #[test]
    fn decimals_are_read_exactly() {
        for (text, currency, minor) in [
            ("500.50", "USD", 50_050),
            ("500.5", "USD", 50_050),
            ("500", "USD", 50_000),
            ("0", "USD", 0),
            ("-0.00", "USD", 0),
            ("0.10", "EUR", 10),
            ("12.500000", "EUR", 1_250),
            ("007", "EUR", 700),
            ("1500", "JPY", 1_500),
            ("1500.00", "JPY", 1_500),
            ("1.234", "KWD", 1_234),
            ("90071992547409.93", "USD", 9_007_199_254_740_993),
            ("92233720368547758.07", "USD", i64::MAX),
        ] {
            assert_eq!(read(text, currency), Ok(minor), "{text} {currency}");
        }
    }

    #[test]
    fn everything_else_is_an_error() {
        for text in [
            "",
            " ",
            "1,000.50",
            "12abc",
            "1e3",
            "Infinity",
            "NaN",
            "0x10",
            "+5",
            ".5",
            "5.",
            "1.2.3",
            "-",
            "--5",
            "5 ",
            "1_000",
            "٣",
            "-5",
            "10.005",
            "92233720368547758.08",
        ] {
            assert!(read(text, "USD").is_err(), "{text} was read");
        }
        assert!(read("500.50", "JPY").is_err());
        assert!(read(&"9".repeat(500), "USD").unwrap_err().len() < 100);
    }
}
