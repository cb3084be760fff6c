//! The scale of amounts: where one stands on the chart, which of them have a line in the grid, how they are written.

use buffalo_model::{Currency, Money};

/// The grid has about so many steps.
const STEPS: i128 = 6;

/// Amounts from somewhat below the lowest to somewhat above the highest, zero among them, over so many units of height.
pub(super) struct Amounts {
    low: i128,
    high: i128,
    step: i128,
    height: i32,
}

impl Amounts {
    /// The scale that shows every amount from `low` to `high`. Sums of any number of payments are far from the ends of
    /// `i128`, so nothing saturates that was ever stored.
    pub(super) fn spanning(low: i128, high: i128, height: i32) -> Self {
        let (low, high) = (low.min(0), high.max(0));
        let step = round_step(high.saturating_sub(low) / STEPS);
        // Ends on whole steps would leave a fifth of the chart empty for a single small refund.
        let part = (step / 4).max(1);
        let up = |amount: i128| amount.saturating_add(part - 1).div_euclid(part).saturating_mul(part);
        Self { low: -up(-low), high: up(high), step, height }
    }

    /// The lines of the grid, ascending.
    pub(super) fn lines(&self) -> Vec<i128> {
        let (first, last) = (-(-self.low).div_euclid(self.step), self.high.div_euclid(self.step));
        (first..=last).map(|at| at * self.step).collect()
    }

    /// How far above the bottom of the chart an amount is.
    pub(super) fn above_bottom(&self, amount: i128) -> i32 {
        let span = self.high.saturating_sub(self.low).max(1);
        // The last bits of astronomic amounts are given up for room to multiply; they are below any pixel.
        let shift = 64_u32.saturating_sub(span.leading_zeros());
        let part =
            (amount.saturating_sub(self.low) >> shift) * i128::from(self.height) / (span >> shift).max(1);
        i32::try_from(part).unwrap_or(self.height)
    }

    /// What is written at a line of the grid: decimals only where the steps need them.
    pub(super) fn label(&self, line: i128, currency: Currency) -> String {
        let text = grouped(line, currency);
        let whole = 10_i128.pow(currency.exponent());
        match text.split_once('.') {
            Some((major, _)) if self.step % whole == 0 => major.to_owned(),
            _ => text,
        }
    }
}

/// The least of 1, 2, 5, 10, 20, 50, … that is not below `least`.
fn round_step(least: i128) -> i128 {
    let mut power = 1_i128;
    loop {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if step >= least {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// An amount in major units with all its decimals and a comma before every three digits: `-1,234.50`.
pub(super) fn grouped(minor: i128, currency: Currency) -> String {
    let plain = Money { minor, currency }.to_string();
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |digits| ("-", digits));
    let major = digits.find('.').unwrap_or(digits.len());
    let mut text = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at < major && (major - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    fn labels(low: i128, high: i128, code: &str) -> Vec<String> {
        let scale = Amounts::spanning(low, high, 1_000);
        scale.lines().into_iter().map(|line| scale.label(line, currency(code))).collect()
    }

    #[test]
    fn the_grid_has_round_steps_around_zero() {
        assert_eq!(labels(0, 123_456, "USD"), ["0", "500", "1,000"]);
        assert_eq!(labels(-30_000, 500_000, "USD"), ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]);
        assert_eq!(labels(-900, -1, "USD"), ["-8", "-6", "-4", "-2", "0"]);
    }

    #[test]
    fn decimals_are_those_of_the_currency_and_only_where_they_are_needed() {
        assert_eq!(labels(0, 1, "USD"), ["0.00", "0.01"]);
        assert_eq!(labels(0, 120, "USD"), ["0.00", "0.20", "0.40", "0.60", "0.80", "1.00", "1.20"]);
        assert_eq!(labels(0, 12_000, "JPY"), ["0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000"]);
        assert_eq!(labels(0, 12, "KWD")[..2], ["0.000", "0.002"]);
        assert_eq!(labels(0, 3_000, "KWD")[..2], ["0.000", "0.500"]);
        assert_eq!(labels(0, 12_000, "KWD")[..2], ["0", "2"]);
    }

    #[test]
    fn amounts_are_grouped_and_lose_no_digit() {
        assert_eq!(grouped(9_007_199_254_740_993, currency("EUR")), "90,071,992,547,409.93");
        assert_eq!(grouped(-123_456, currency("USD")), "-1,234.56");
        assert_eq!(grouped(-100_000, currency("JPY")), "-100,000");
        assert_eq!(grouped(999, currency("JPY")), "999");
        assert_eq!(grouped(1_000_000, currency("BHD")), "1,000.000");
    }

    #[test]
    fn places_are_exact_at_the_ends_and_at_zero() {
        for (low, high) in [(0, 1), (-5, 0), (-1_000, 3_000), (-i128::pow(10, 37), i128::pow(10, 37))] {
            let scale = Amounts::spanning(low, high, 2_000);
            assert_eq!(scale.above_bottom(scale.low), 0);
            assert_eq!(scale.above_bottom(scale.high), 2_000, "{low} {high}");
            assert!(scale.lines().contains(&0));
            assert!(scale.low <= low && scale.high >= high);
            assert!(scale.lines().iter().all(|line| (scale.low..=scale.high).contains(line)));
        }
        assert_eq!(Amounts::spanning(-100, 300, 400).above_bottom(0), 100);
    }
}
