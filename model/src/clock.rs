//! The time, injected: nothing else in Buffalo asks the operating system what time it is.

use std::sync::Arc;

use chrono::{DateTime, Utc};

/// Where the present moment comes from.
///
/// Two implementations: the machine's clock, and one that a test sets. Durations that only bound waiting (timeouts,
/// back-off) use the runtime's monotonic timer instead.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that stands still until it is moved; shared by its clones.
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<std::sync::Mutex<DateTime<Utc>>>);

impl FixedClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Arc::new(std::sync::Mutex::new(now)))
    }

    /// Moves the clock by `by`, which may be negative.
    pub fn advance(&self, by: chrono::TimeDelta) {
        *self.lock() += by;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, DateTime<Utc>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.lock()
    }
}
