//! When to ask again: exponential back-off with full jitter.

use std::time::Duration;

use backon::BackoffBuilder;

use crate::settings::Settings;

/// How often and how soon a failed request is made again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Attempts after the first (`MAX_RETRIES`).
    pub max_retries: u32,
    /// The ceiling of the first delay (`BACKOFF_BASE_MS`); it doubles with each attempt.
    pub base: Duration,
}

impl RetryPolicy {
    /// Reads the policy, which is the same for all sources.
    pub fn from_settings(settings: &mut Settings) -> Self {
        Self {
            max_retries: u32::try_from(settings.number("MAX_RETRIES", 5, 0..=20)).unwrap_or(5),
            base: Duration::from_millis(settings.number("BACKOFF_BASE_MS", 1_000, 1..=60_000)),
        }
    }

    /// No delay is longer than this, and no vendor may ask for a longer one: a run has to end before the next begins.
    pub const LONGEST_DELAY: Duration = Duration::from_secs(30);
}

impl BackoffBuilder for RetryPolicy {
    type Backoff = Delays;

    fn build(self) -> Delays {
        Delays { policy: self, made: 0 }
    }
}

/// The delays before each further attempt.
///
/// The n-th is drawn evenly between half of the base and min(base · 2ⁿ, [`RetryPolicy::LONGEST_DELAY`]). The floor is
/// that of Stripe's own libraries (0.5 s of a base of 1 s); drawing from the whole range above it, "full jitter", keeps
/// clients that failed together from coming back together.
#[derive(Debug)]
pub struct Delays {
    policy: RetryPolicy,
    made: u32,
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.made >= self.policy.max_retries {
            return None;
        }
        let ceiling =
            self.policy.base.saturating_mul(2_u32.saturating_pow(self.made)).min(RetryPolicy::LONGEST_DELAY);
        self.made += 1;
        let floor = (self.policy.base / 2).min(ceiling);
        let range = u64::try_from((ceiling - floor).as_micros()).unwrap_or(u64::MAX);
        Some(floor + Duration::from_micros(fastrand::u64(0..=range)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_within_their_bounds_and_end() {
        let policy = RetryPolicy { max_retries: 8, base: Duration::from_secs(1) };
        for _ in 0..100 {
            let delays: Vec<_> = policy.build().collect();
            assert_eq!(delays.len(), 8);
            for (n, delay) in (0_u32..).zip(&delays) {
                let ceiling = Duration::from_secs(1 << n).min(RetryPolicy::LONGEST_DELAY);
                assert!(*delay >= Duration::from_millis(500) && *delay <= ceiling, "delay {n} is {delay:?}");
            }
        }
    }

    #[test]
    fn delays_are_spread() {
        let policy = RetryPolicy { max_retries: 5, base: Duration::from_secs(1) };
        let fifth: std::collections::HashSet<_> = (0..50).filter_map(|_| policy.build().nth(4)).collect();
        assert!(fifth.len() > 40);
    }
}
