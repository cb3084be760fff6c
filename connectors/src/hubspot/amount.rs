//! Amounts as HubSpot has them, decimal texts, turned into minor units digit by digit.

use buffalo_model::Currency;

/// Reads a decimal number, with an exponent or without, and rounds what is finer than the currency's smallest unit, half to
/// even: people's formulas make `1166.6666666666667` and `1.0E7`. The text as it came is in the raw record.
///
/// # Errors
///
/// What is no number, or does not fit into 64 bits, is an error that says so; nothing is guessed.
pub(super) fn minor_units(text: &str, currency: Currency) -> Result<i64, String> {
    let unusable = |why: &str| format!("`{}` {why}", text.chars().take(40).collect::<String>());
    let too_large = || unusable("is too large for 64 bits");
    let number = Decimal::read(text).ok_or_else(|| unusable("is no decimal number"))?;
    let minor = number.shifted(currency.exponent().into()).rounded().ok_or_else(too_large)?;
    // The largest of 64 bits has no negative twin below the smallest, so this fits.
    Ok(if number.negative { -minor } else { minor })
}

/// The digits of a number without zeros in front, and how many of them are before the point: fewer than none, or more than
/// there are, where the exponent says so.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    whole: i64,
}

impl Decimal {
    /// `[+-] digits [. digits] [e [+-] digits]`, where one side of the point may be empty.
    fn read(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        let whole = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
        Some(Self { negative: text.starts_with('-'), digits, whole: whole.saturating_add(exponent) })
    }

    /// The number times ten to the power of `places`.
    fn shifted(&self, places: i64) -> Whole<'_> {
        Whole { digits: &self.digits, whole: self.whole.saturating_add(places) }
    }
}

/// An exponent; one that no digits could make up for is as good as any.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    const FAR: i64 = 1_000_000_000;
    let size = digits.parse().unwrap_or(FAR).min(FAR);
    Some(if text.starts_with('-') { -size } else { size })
}

/// A number without its sign, of which `whole` digits are before the point.
struct Whole<'a> {
    digits: &'a [u8],
    whole: i64,
}

impl Whole<'_> {
    /// The nearest whole number; of two that are equally near the even one. None where it does not fit.
    fn rounded(&self) -> Option<i64> {
        // Less than a tenth.
        let Ok(whole) = usize::try_from(self.whole) else { return Some(0) };
        let kept = &self.digits[..whole.min(self.digits.len())];
        let rest = &self.digits[kept.len()..];
        let mut minor: i64 = 0;
        if !self.digits.is_empty() {
            let zeros = std::iter::repeat_n(&b'0', whole - kept.len());
            for digit in kept.iter().chain(zeros) {
                minor = minor.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            }
        }
        let half = match rest.first() {
            None | Some(b'0'..=b'4') => false,
            Some(b'5') => rest[1..].iter().any(|digit| *digit != b'0') || minor % 2 == 1,
            Some(_) => true,
        };
        minor.checked_add(i64::from(half))
    }
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
            (".5", "USD", 50),
            ("5.", "USD", 500),
            ("+5", "USD", 500),
            ("-5", "USD", -500),
            ("1500", "JPY", 1_500),
            ("1500.00", "JPY", 1_500),
            ("1.234", "KWD", 1_234),
            ("90071992547409.93", "USD", 9_007_199_254_740_993),
            ("92233720368547758.07", "USD", i64::MAX),
            ("-92233720368547758.07", "USD", -i64::MAX),
        ] {
            assert_eq!(read(text, currency), Ok(minor), "{text} {currency}");
        }
    }

    #[test]
    fn formulas_are_rounded_half_to_even() {
        for (text, currency, minor) in [
            ("1166.6666666666667", "USD", 116_667),
            ("-1166.6666666666667", "USD", -116_667),
            ("1166.6666666666667", "JPY", 1_167),
            ("1.0E7", "USD", 1_000_000_000),
            ("1e3", "USD", 100_000),
            ("1E+3", "JPY", 1_000),
            ("12345e-4", "USD", 123),
            ("5e-3", "USD", 0),
            ("15e-3", "USD", 2),
            ("10.005", "USD", 1_000),
            ("10.015", "USD", 1_002),
            ("10.0050000000001", "USD", 1_001),
            ("0.004999999999999999999999", "USD", 0),
            ("0.0051", "USD", 1),
            ("99.995", "USD", 10_000),
            ("500.5", "JPY", 500),
            ("501.5", "JPY", 502),
            ("1.0005", "KWD", 1_000),
            ("1.0E-7", "USD", 0),
            ("9e-999999999999999999999", "USD", 0),
            ("0e999999999999999999999", "USD", 0),
            ("0.000000000000000000000000000001e32", "USD", 10_000),
        ] {
            assert_eq!(read(text, currency), Ok(minor), "{text} {currency}");
        }
        assert_eq!(read(&format!("0.{}1e{}", "0".repeat(5_000), 5_001), "USD"), Ok(100));
    }

    #[test]
    fn everything_else_is_an_error() {
        for text in [
            "",
            " ",
            "1,000.50",
            "12abc",
            "Infinity",
            "-Infinity",
            "NaN",
            "0x10",
            ".",
            "e5",
            "1e",
            "1e+",
            "1e5.5",
            "1e5e5",
            "1.2.3",
            "-",
            "--5",
            "+-5",
            "5 ",
            "5-",
            "1_000",
            "٣",
            "92233720368547758.08",
            "92233720368547758.075",
            "1e17",
            "1e999999999999999999999",
        ] {
            assert!(read(text, "USD").is_err(), "{text} was read");
        }
        assert!(read(&"9".repeat(500), "USD").unwrap_err().len() < 100);
    }
}
