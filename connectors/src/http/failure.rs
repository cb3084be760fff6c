//! Attempts that did not work: what they say about the source, and whether another is worth making.

use std::time::Duration;

use super::auth::IssueError;
use super::breaker::Verdict;
use crate::SourceError;

/// An attempt that did not work.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) retryable: bool,
    /// The least time before another attempt.
    pub(super) wait: Option<Duration>,
    /// What it says about the source.
    pub(super) verdict: Verdict,
    pub(super) error: SourceError,
}

impl Failure {
    /// One that another attempt would only meet again.
    pub(super) fn lasting(verdict: Verdict, error: SourceError) -> Self {
        Self { retryable: false, wait: None, verdict, error }
    }

    /// One that may have passed by the next attempt.
    pub(super) fn passing(verdict: Verdict, error: SourceError) -> Self {
        Self { retryable: true, wait: None, verdict, error }
    }

    /// The source was not reached, or broke off.
    pub(super) fn of_transport(request: String, error: reqwest::Error, timeout: Duration) -> Self {
        let what = if error.is_timeout() {
            format!("no whole answer within {} ms", timeout.as_millis())
        } else if error.is_connect() {
            "no connection".to_owned()
        } else {
            "the connection broke before the answer was complete".to_owned()
        };
        // The cause may name addresses, so it is for the log of those who ask for it, and without the query.
        tracing::debug!(error = ?error.without_url(), "transport error");
        Self::passing(Verdict::Failing, SourceError::Transport { request, attempts: 1, what })
    }

    /// There is no token to ask with.
    pub(super) fn of_token(request: &str, error: IssueError) -> Self {
        let request = format!("{request} (asking for a token)");
        match error {
            IssueError::Refused { status, message } => {
                Self::lasting(Verdict::Alive, SourceError::Unauthorised { request, status, message })
            }
            IssueError::Unavailable(what) => {
                Self::passing(Verdict::Failing, SourceError::Transport { request, attempts: 1, what })
            }
        }
    }

    /// The error of the last of several attempts.
    pub(super) fn after(self, made: u32) -> SourceError {
        match self.error {
            SourceError::Unavailable { request, status, message, .. } => {
                SourceError::Unavailable { request, status, attempts: made, message }
            }
            SourceError::Transport { request, what, .. } => {
                SourceError::Transport { request, attempts: made, what }
            }
            other => other,
        }
    }
}
