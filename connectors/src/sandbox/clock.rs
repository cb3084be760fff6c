//! The sandbox's time: the machine's clock plus an offset that tests set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// A clock that can be moved while the sandbox runs.
#[derive(Debug, Default)]
pub(super) struct Clock {
    offset_s: AtomicI64,
}

impl Clock {
    /// The sandbox's now, in Unix seconds.
    pub(super) fn unix_s(&self) -> i64 {
        system_unix_s().saturating_add(self.offset_s.load(Ordering::Relaxed))
    }

    /// The sandbox's now, in milliseconds since 1970.
    pub(super) fn unix_ms(&self) -> i64 {
        let system_ms = i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX);
        system_ms.saturating_add(self.offset_s.load(Ordering::Relaxed).saturating_mul(1_000))
    }

    /// Moves the sandbox to `offset_s` seconds from the machine's clock.
    pub(super) fn set_offset_s(&self, offset_s: i64) {
        self.offset_s.store(offset_s, Ordering::Relaxed);
    }
}

/// Time since the Unix epoch. The only place that reads the machine's clock.
pub(super) fn since_epoch() -> Duration {
    UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// The machine's clock in Unix seconds.
pub(super) fn system_unix_s() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)
}

/// `unix_s` as an HTTP `Date` header.
pub(super) fn http_date(unix_s: i64) -> String {
    DateTime::<Utc>::from_timestamp(unix_s, 0)
        .unwrap_or_default()
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_http_form() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
