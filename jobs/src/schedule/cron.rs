//! When something is due: a cron expression in a time zone.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A cron expression of five fields, or of six with seconds in front.
#[derive(Debug, Clone)]
pub struct CronExpression {
    text: String,
    cron: Cron,
}

/// A text that is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a cron expression such as */15 * * * *, or off: {0}")]
pub struct CronError(String);

impl FromStr for CronExpression {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text.trim()).map_err(|error| CronError(error.to_string()))?;
        Ok(Self { text: text.trim().to_owned(), cron })
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// It was due while nobody was there. However often that was, it is done once.
    Missed(DateTime<Utc>),
    /// It will be due.
    At(DateTime<Utc>),
    /// It never will.
    Never,
}

impl CronExpression {
    /// The next time after `now`; none when there is none, as on the 30th of February.
    ///
    /// A time that the clocks skip in spring comes when they have been put forward. One that they show twice in autumn
    /// comes the first time, except to an expression of intervals, which goes on through the hour.
    #[must_use]
    pub fn next(&self, timezone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = self.cron.find_next_occurrence(&now.with_timezone(&timezone), false).ok()?;
        Some(next.with_timezone(&Utc))
    }

    /// What to do at `now`, when the newest tick was due at `newest`.
    pub(super) fn due(&self, timezone: Tz, newest: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Due {
        let local = now.with_timezone(&timezone);
        if let Some(newest) = newest
            && let Ok(previous) = self.cron.find_previous_occurrence(&local, true)
            && previous.with_timezone(&Utc) > newest
        {
            return Due::Missed(previous.with_timezone(&Utc));
        }
        // A tick of the future was taken by a replica whose clock is ahead.
        let after = newest.map_or(now, |newest| newest.max(now));
        self.next(timezone, after).map_or(Due::Never, Due::At)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(text: &str) -> CronExpression {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The times of a schedule between two others.
    fn times(text: &str, from: &str, until: &str) -> Vec<String> {
        let (cron, berlin) = (cron(text), chrono_tz::Europe::Berlin);
        let mut times = Vec::new();
        let mut now = at(from);
        while let Some(next) = cron.next(berlin, now).filter(|next| *next < at(until)) {
            times.push(next.format("%d %H:%M").to_string());
            now = next;
        }
        times
    }

    #[test]
    fn a_daily_job_runs_once_on_every_day_also_when_clocks_change() {
        // 02:30 does not exist on 29 March, and comes twice on 25 October.
        assert_eq!(
            times("30 2 * * *", "2026-03-27T12:00:00Z", "2026-03-31T00:00:00Z"),
            ["28 01:30", "29 01:00", "30 00:30"]
        );
        assert_eq!(
            times("30 2 * * *", "2026-10-23T12:00:00Z", "2026-10-27T00:00:00Z"),
            ["24 00:30", "25 00:30", "26 01:30"]
        );
        assert_eq!(
            times("0 9 * * *", "2026-10-24T00:00:00Z", "2026-10-26T12:00:00Z"),
            ["24 07:00", "25 08:00", "26 08:00"]
        );
    }

    #[test]
    fn intervals_go_on_when_clocks_change() {
        for (from, until) in [
            ("2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z"),
            ("2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"),
        ] {
            assert_eq!(times("*/30 * * * *", from, until).len(), 5, "{from}");
        }
    }

    #[test]
    fn what_was_missed_is_done_once() {
        let hourly = cron("0 * * * *");
        let due = |newest: Option<&str>, now| hourly.due(Tz::UTC, newest.map(at), at(now));
        let now = "2026-01-01T12:30:00Z";
        assert_eq!(
            due(None, now),
            Due::At(at("2026-01-01T13:00:00Z")),
            "nothing was missed before the first time"
        );
        assert_eq!(due(Some("2026-01-01T12:00:00Z"), now), Due::At(at("2026-01-01T13:00:00Z")));
        assert_eq!(due(Some("2026-01-01T08:00:00Z"), now), Due::Missed(at("2026-01-01T12:00:00Z")));
        assert_eq!(due(Some("2026-01-01T13:00:00Z"), now), Due::At(at("2026-01-01T14:00:00Z")));
        assert_eq!(
            due(Some("2026-01-01T11:00:00Z"), "2026-01-01T12:00:00Z"),
            Due::Missed(at("2026-01-01T12:00:00Z"))
        );
        assert_eq!(cron("0 0 30 2 *").due(Tz::UTC, None, at(now)), Due::Never);
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in ["", "* * * *", "61 * * * *", "every day", "* * * * * * *"] {
            assert!(wrong.parse::<CronExpression>().is_err(), "{wrong}");
        }
        assert_eq!(cron(" */15 * * * * ").to_string(), "*/15 * * * *");
    }
}
