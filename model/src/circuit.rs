//! The state of a source's circuit breaker, as people see it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

/// Whether a source is being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CircuitState {
    /// It is.
    #[default]
    Closed,
    /// It failed too often in a row and is left alone for a while.
    Open,
    /// It is being asked once, to see whether it is back.
    HalfOpen,
}

impl CircuitState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The name in tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CircuitState {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == name);
        found.ok_or_else(|| format!("unknown state of a circuit `{name}`"))
    }
}

/// A source's circuit breaker at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circuit {
    /// Whether the source is being asked.
    pub state: CircuitState,
    /// Failures since the last success.
    pub failures_in_a_row: u32,
    /// How often it opened since the process began.
    pub openings: u64,
    /// While it is open: when it is tried again.
    pub retry_at: Option<DateTime<Utc>>,
}
