//! When a row that failed is tried again.

use chrono::{DateTime, TimeDelta, Utc};

/// Delays double from `first` up to `longest`, and each is shortened by up to half at random, so that rows that failed
/// together do not come back together.
#[derive(Debug, Clone, Copy)]
pub struct RetrySchedule {
    /// The delay after the first failure.
    pub first: TimeDelta,
    /// The longest delay.
    pub longest: TimeDelta,
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self { first: TimeDelta::seconds(30), longest: TimeDelta::hours(1) }
    }
}

impl RetrySchedule {
    pub(super) fn after(&self, failures: u32, now: DateTime<Utc>) -> DateTime<Utc> {
        let doubled =
            self.first.num_milliseconds().saturating_mul(1_i64 << failures.saturating_sub(1).min(30));
        let ceiling = doubled.min(self.longest.num_milliseconds()).max(1);
        now + TimeDelta::milliseconds(fastrand::i64(ceiling / 2..=ceiling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let schedule = RetrySchedule::default();
        for (failures, ceiling_s) in [(1, 30), (2, 60), (3, 120), (7, 1_920), (8, 3_600), (200, 3_600)] {
            let delay = schedule.after(failures, DateTime::UNIX_EPOCH) - DateTime::UNIX_EPOCH;
            assert!((ceiling_s / 2..=ceiling_s).contains(&delay.num_seconds()), "{failures}: {delay}");
        }
    }
}
