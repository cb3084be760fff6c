//! Requests made of a vendor, and what became of them.

use std::ops::Add;

/// What became of a single request, its repetition being another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestOutcome {
    /// It was answered.
    Answered,
    /// There had been too many, says the vendor.
    Throttled,
    /// It was understood and refused: wrong credentials, a parameter that is not allowed.
    Refused,
    /// The vendor could not answer it, or answered what can't be read.
    Failed,
    /// No whole answer arrived.
    Unanswered,
}

impl RequestOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] =
        [Self::Answered, Self::Throttled, Self::Refused, Self::Failed, Self::Unanswered];

    /// The name in tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unanswered => "unanswered",
        }
    }
}

/// How many requests were made. Those whose answer was not waited for are in `made` and in no outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// All, retries included.
    pub made: u64,
    /// Decisions to ask again after a request that failed.
    pub retries: u64,
    /// By outcome, in the order of [`RequestOutcome::ALL`].
    pub by_outcome: [u64; RequestOutcome::ALL.len()],
}

impl RequestCounts {
    /// Outcomes with their counts.
    pub fn outcomes(&self) -> impl Iterator<Item = (RequestOutcome, u64)> {
        RequestOutcome::ALL.into_iter().zip(self.by_outcome)
    }

    /// What came on top of an earlier count.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut by_outcome = self.by_outcome;
        for (count, before) in by_outcome.iter_mut().zip(earlier.by_outcome) {
            *count = count.saturating_sub(before);
        }
        Self {
            made: self.made.saturating_sub(earlier.made),
            retries: self.retries.saturating_sub(earlier.retries),
            by_outcome,
        }
    }
}

impl Add for RequestCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let mut by_outcome = self.by_outcome;
        for (count, more) in by_outcome.iter_mut().zip(other.by_outcome) {
            *count += more;
        }
        Self { made: self.made + other.made, retries: self.retries + other.retries, by_outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_what_was_added() {
        let earlier = RequestCounts { made: 5, retries: 1, by_outcome: [3, 0, 1, 0, 1] };
        let more = RequestCounts { made: 2, retries: 1, by_outcome: [1, 1, 0, 0, 0] };
        assert_eq!((earlier + more).since(&earlier), more);
        assert_eq!(earlier.since(&earlier), RequestCounts::default());
    }
}
