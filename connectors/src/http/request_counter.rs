//! Counting requests and what became of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use buffalo_model::{RequestCounts, RequestOutcome};

use crate::SourceError;

/// Requests made through a client by one run.
#[derive(Debug, Default)]
pub(super) struct RequestCounter {
    made: AtomicU64,
    retries: AtomicU64,
    by_outcome: [AtomicU64; RequestOutcome::ALL.len()],
    warned_of_clock: AtomicBool,
}

impl RequestCounter {
    /// A request is about to be made.
    pub(super) fn made(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is to be repeated.
    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// A request has ended.
    pub(super) fn ended<T>(&self, result: Result<T, &SourceError>) {
        let outcome = result.map_or_else(outcome, |_| RequestOutcome::Answered);
        for (known, count) in RequestOutcome::ALL.iter().zip(&self.by_outcome) {
            if *known == outcome {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether the run has not been warned of the vendor's clock before.
    pub(super) fn is_first_warning(&self) -> bool {
        !self.warned_of_clock.swap(true, Ordering::Relaxed)
    }

    /// The counts so far.
    pub(super) fn read(&self) -> RequestCounts {
        RequestCounts {
            made: self.made.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            by_outcome: self.by_outcome.each_ref().map(|count| count.load(Ordering::Relaxed)),
        }
    }
}

fn outcome(error: &SourceError) -> RequestOutcome {
    match error {
        SourceError::Unauthorised { .. } | SourceError::Refused { .. } => RequestOutcome::Refused,
        SourceError::LimitReached { .. } => RequestOutcome::Throttled,
        // A conflict and a lock pass as an outage does. What remains below 500 asks for patience, with 429 or, at some
        // vendors, 403.
        SourceError::Unavailable { status, .. } | SourceError::AskedToWait { status, .. } => {
            if *status >= 500 || matches!(*status, 409 | 423) {
                RequestOutcome::Failed
            } else {
                RequestOutcome::Throttled
            }
        }
        SourceError::Malformed { .. } => RequestOutcome::Failed,
        SourceError::Transport { .. } | SourceError::CircuitOpen { .. } => RequestOutcome::Unanswered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_requests_are_told_from_errors() {
        let unavailable = |status| {
            outcome(&SourceError::Unavailable {
                request: String::new(),
                status,
                attempts: 1,
                message: String::new(),
            })
        };
        for (status, expected) in [
            (429, RequestOutcome::Throttled),
            (403, RequestOutcome::Throttled),
            (423, RequestOutcome::Failed),
            (503, RequestOutcome::Failed),
        ] {
            assert_eq!(unavailable(status), expected, "{status}");
        }
    }

    #[test]
    fn each_request_is_counted_by_what_became_of_it() {
        let counter = RequestCounter::default();
        counter.made();
        counter.ended(Ok(()));
        counter.made();
        counter.retried();
        counter.ended::<()>(Err(&SourceError::Malformed { request: String::new(), what: String::new() }));
        counter.made();
        let counts = counter.read();
        assert_eq!((counts.made, counts.retries), (3, 1));
        assert_eq!(counts.by_outcome, [1, 0, 0, 1, 0]);
    }
}
