//! Durations in buckets, kept among the running totals.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::totals::{Counter, Total};

/// Upper bounds of the buckets, in microseconds. They may be changed: what was counted in other ones is told in those.
const BOUNDS_US: [u64; 13] = [
    1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];

/// The bucket of what is longer than every bound.
const BEYOND: &str = "inf";

/// The name under which the sum of all durations is kept, in microseconds.
pub(crate) const SUM_US: &str = "sum_us";

/// How long something took, each time that it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    /// For each upper bound in microseconds, the shortest first: how many took as long or shorter.
    pub up_to_us: Vec<(u64, i64)>,
    /// How many there were.
    pub count: i64,
    /// How long they took together, in microseconds.
    pub sum_us: i64,
}

impl Durations {
    /// Those of one counter among all totals.
    pub(crate) fn among(totals: &[Total], counter: Counter) -> Self {
        let mut buckets: BTreeMap<u64, i64> = BOUNDS_US.into_iter().map(|bound| (bound, 0)).collect();
        let (mut beyond, mut sum_us) = (0, 0);
        for total in totals.iter().filter(|total| total.counter == counter) {
            match total.outcome.parse() {
                Ok(bound) => *buckets.entry(bound).or_default() += total.total,
                Err(_) if total.outcome == SUM_US => sum_us += total.total,
                Err(_) => beyond += total.total,
            }
        }
        let mut count = 0;
        let up_to_us = buckets
            .into_iter()
            .map(|(bound, more)| {
                count += more;
                (bound, count)
            })
            .collect();
        Self { up_to_us, count: count + beyond, sum_us }
    }
}

/// The name of the bucket that a duration belongs to, and the duration in microseconds.
pub(crate) fn bucket(duration: Duration) -> (String, u64) {
    let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let bound = BOUNDS_US.into_iter().find(|bound| us <= *bound);
    (bound.map_or_else(|| BEYOND.to_owned(), |bound| bound.to_string()), us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_also_those_of_another_program() {
        let total = |outcome: &str, total| Total {
            counter: Counter::ClaimDuration,
            source: "all".to_owned(),
            entity: "all".to_owned(),
            mode: String::new(),
            outcome: outcome.to_owned(),
            total,
        };
        let (short, us) = bucket(Duration::from_millis(5));
        let (long, _) = bucket(Duration::from_secs(31));
        assert_eq!((short.as_str(), us, long.as_str()), ("5000", 5_000, BEYOND));
        let totals = [total(&short, 2), total("7000", 3), total(&long, 1), total(SUM_US, 31_031_000)];
        let durations = Durations::among(&totals, Counter::ClaimDuration);
        assert_eq!(durations.up_to_us[..4], [(1_000, 0), (5_000, 2), (7_000, 5), (10_000, 5)]);
        assert_eq!((durations.count, durations.sum_us), (6, 31_031_000));
        assert_eq!(Durations::among(&totals, Counter::BatchDuration).count, 0);
    }
}
