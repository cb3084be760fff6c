//! How the program ends.

use std::process::ExitCode;

use crate::output::complain;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done; also when another producer was doing it already.
    Done,
    /// It did not work.
    Failed,
    /// It was asked for in a way that makes no sense.
    Usage,
    /// Some of it worked.
    PartlyFailed,
    /// Another producer is at work, and `--fail-if-busy` was given. The code is `EX_TEMPFAIL` of sysexits.
    Busy,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::PartlyFailed => 3,
            Exit::Busy => 75,
        })
    }
}

/// A request that makes no sense, such as a date that is not in the calendar.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Says in one line what went wrong.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    tracing::debug!(?error, "failed");
    for line in error.to_string().lines() {
        complain(line);
    }
    if error.is::<UsageError>() { Exit::Usage } else { Exit::Failed }
}
