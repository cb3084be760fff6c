//! HubSpot's rate limits, each off until the control interface sets it.

use std::collections::VecDeque;
use std::time::Duration;

use super::errors::ApiError;

/// What may be asked how often.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Searches, per second and account; its answers carry no rate-limit headers.
    pub search: Option<Window>,
    /// Everything else, per ten seconds.
    pub general: Option<Window>,
    pub daily: Option<Daily>,
}

/// So many requests within a length of time that moves along.
#[derive(Debug)]
pub(super) struct Window {
    most: usize,
    length: Duration,
    admitted: VecDeque<Duration>,
}

impl Window {
    pub(super) fn new(most: usize, length: Duration) -> Self {
        Self { most, length, admitted: VecDeque::new() }
    }

    fn admit(&mut self, now: Duration) -> bool {
        while self.admitted.front().is_some_and(|at| now.saturating_sub(*at) >= self.length) {
            self.admitted.pop_front();
        }
        let admitted = self.admitted.len() < self.most;
        if admitted {
            self.admitted.push_back(now);
        }
        admitted
    }

    fn left(&self) -> usize {
        self.most - self.admitted.len()
    }
}

/// So many requests until a moment, and so many again after it.
#[derive(Debug)]
pub(super) struct Daily {
    pub most: u64,
    pub used: u64,
    /// By the sandbox's clock, in Unix seconds.
    pub resets_at: i64,
    /// Whether the refusal says in `Retry-After` how long it will last; HubSpot's often does not.
    pub tells: bool,
}

const DAY_S: i64 = 86_400;

impl Limits {
    /// Counts a request: the headers of its answer, or its refusal. `now` counts from any fixed moment, `unix_s` is the
    /// sandbox's time.
    pub(super) fn admit(
        &mut self,
        search: bool,
        now: Duration,
        unix_s: i64,
    ) -> Result<Vec<(&'static str, String)>, ApiError> {
        let mut headers = Vec::new();
        if let Some(daily) = &mut self.daily {
            if unix_s >= daily.resets_at {
                daily.used = 0;
                daily.resets_at += (1 + (unix_s - daily.resets_at) / DAY_S) * DAY_S;
            }
            if daily.used >= daily.most {
                let mut error = ApiError::limited("DAILY", "You have reached your daily limit.");
                if daily.tells {
                    error.headers.push(("retry-after", (daily.resets_at - unix_s).to_string()));
                }
                return Err(error);
            }
            daily.used += 1;
            headers.push(("x-hubspot-ratelimit-daily", daily.most.to_string()));
            headers.push(("x-hubspot-ratelimit-daily-remaining", (daily.most - daily.used).to_string()));
        }
        if search {
            let admitted = self.search.as_mut().is_none_or(|window| window.admit(now));
            let refused = || ApiError::limited("SECONDLY", "You have reached your secondly limit.");
            return admitted.then(Vec::new).ok_or_else(refused);
        }
        if let Some(window) = &mut self.general {
            if !window.admit(now) {
                return Err(ApiError::of_status(429));
            }
            headers.push(("x-hubspot-ratelimit-max", window.most.to_string()));
            headers.push(("x-hubspot-ratelimit-remaining", window.left().to_string()));
            headers
                .push(("x-hubspot-ratelimit-interval-milliseconds", window.length.as_millis().to_string()));
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_have_a_window_of_their_own() {
        let second = Duration::from_secs(1);
        let mut limits = Limits {
            search: Some(Window::new(2, second)),
            general: Some(Window::new(1, second * 10)),
            daily: None,
        };
        let policy = |result: Result<_, ApiError>| result.err().and_then(|error| error.policy);
        assert_eq!(policy(limits.admit(true, second, 0)), None);
        assert_eq!(policy(limits.admit(true, second, 0)), None);
        assert_eq!(policy(limits.admit(true, second, 0)), Some("SECONDLY"));
        assert_eq!(limits.admit(false, second, 0).expect("admitted").len(), 3);
        assert_eq!(policy(limits.admit(false, second * 10, 0)), Some("TEN_SECONDLY_ROLLING"));
        assert_eq!(policy(limits.admit(false, second * 11, 0)), None);
        assert_eq!(policy(limits.admit(true, second * 2, 0)), None);
    }

    #[test]
    fn a_day_ends() {
        let daily = Daily { most: 1, used: 0, resets_at: 100, tells: true };
        let mut limits = Limits { daily: Some(daily), ..Limits::default() };
        assert!(limits.admit(true, Duration::ZERO, 40).is_ok());
        let refused = limits.admit(false, Duration::ZERO, 40).expect_err("the day is used up");
        assert_eq!(
            (refused.policy, refused.headers),
            (Some("DAILY"), vec![("retry-after", "60".to_owned())])
        );
        assert!(limits.admit(false, Duration::ZERO, 100).is_ok());
    }
}
