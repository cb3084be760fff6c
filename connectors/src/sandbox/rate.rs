//! Limits the rate of requests with a token bucket.

use std::time::Duration;

/// What one request takes out of the bucket, in the unit that makes a second at one request per second fill
/// one.
const REQUEST: u128 = 1_000_000_000;

/// Allows so many requests per second, and a fifth of a second's worth at once.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    bucket: Option<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    per_sec: u128,
    burst: u128,
    /// Requests times nanoseconds, so that no fraction is lost.
    level: u128,
    filled_at: Option<Duration>,
}

impl RateLimit {
    /// `None` and 0 mean no limit.
    pub(super) fn new(per_sec: Option<u32>) -> Self {
        let bucket = per_sec.filter(|per_sec| *per_sec > 0).map(|per_sec| {
            let burst = u128::from(per_sec / 5).max(1) * REQUEST;
            Bucket { per_sec: u128::from(per_sec), burst, level: burst, filled_at: None }
        });
        Self { bucket }
    }

    /// Whether a request at `now` is within the limit. `now` counts from any fixed moment.
    pub(super) fn admit(&mut self, now: Duration) -> bool {
        let Some(bucket) = &mut self.bucket else { return true };
        let passed = now.saturating_sub(bucket.filled_at.unwrap_or(now));
        bucket.filled_at = Some(now);
        bucket.level = bucket.burst.min(bucket.level + passed.as_nanos().saturating_mul(bucket.per_sec));
        let admitted = bucket.level >= REQUEST;
        if admitted {
            bucket.level -= REQUEST;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let mut limit = RateLimit::new(Some(10));
        let at = |ms: u64| Duration::from_millis(1_000 + ms);
        let admitted = [0, 0, 0, 50, 100, 100, 5_000, 5_000, 5_000].map(|ms| limit.admit(at(ms)));
        assert_eq!(admitted, [true, true, false, false, true, false, true, true, false]);
        assert!(RateLimit::new(Some(0)).admit(at(0)) && RateLimit::new(None).admit(at(0)));
    }
}
