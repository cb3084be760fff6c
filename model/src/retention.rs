//! How long raw history is kept, and which partitions it needs: decided from dates alone.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};

/// Weeks for which there is a partition before they begin: a month in which maintenance may be forgotten.
const WEEKS_AHEAD: usize = 4;

/// An ISO week in UTC: from Monday 00:00 up to the next Monday, 168 hours whatever the clocks of a country do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Week {
    monday: NaiveDate,
}

impl Week {
    /// The week in which a moment lies.
    #[must_use]
    pub fn of(moment: DateTime<Utc>) -> Self {
        let day = moment.date_naive();
        let since_monday = Days::new(day.weekday().num_days_from_monday().into());
        // Only the first days that the calendar can express have no Monday before them.
        Self { monday: day.checked_sub_days(since_monday).unwrap_or(day) }
    }

    /// The week after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self { monday: self.monday.checked_add_days(Days::new(7)).unwrap_or(NaiveDate::MAX) }
    }

    /// What lies in this week.
    #[must_use]
    pub fn span(self) -> Span {
        Span { from: Some(midnight(self.monday)), to: midnight(self.next().monday) }
    }
}

/// The time that a partition covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its first moment; none when it has no beginning.
    pub from: Option<DateTime<Utc>>,
    /// The moment after its last.
    pub to: DateTime<Utc>,
}

impl Span {
    /// The week that this is, if it is one.
    #[must_use]
    pub fn week(&self) -> Option<Week> {
        self.from.map(Week::of).filter(|week| week.span() == *self)
    }

    /// Whether a moment lies in it.
    #[must_use]
    pub fn contains(&self, moment: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| from <= moment) && moment < self.to
    }
}

/// How long raw history is kept (`OUTBOX_RETENTION_DAYS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Nothing is ever dropped.
    ForEver,
    /// What was fetched within this many days is kept.
    Days(u32),
}

impl Retention {
    /// A number of days, where 0 means for ever.
    #[must_use]
    pub fn of_days(days: u32) -> Self {
        if days == 0 { Self::ForEver } else { Self::Days(days) }
    }

    /// Whether all of a span is older than what is kept.
    #[must_use]
    pub fn is_past(self, span: Span, now: DateTime<Utc>) -> bool {
        match self {
            Self::ForEver => false,
            Self::Days(days) => {
                now.checked_sub_signed(TimeDelta::days(days.into())).is_some_and(|kept| span.to <= kept)
            }
        }
    }
}

impl Serialize for Retention {
    /// The number of days; null for ever.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ForEver => None,
            Self::Days(days) => Some(*days),
        }
        .serialize(serializer)
    }
}

/// The weeks that lack a partition, in order: this one and the next four, and those of which rows have landed in the
/// default partition, as `stray` says.
#[must_use]
pub fn missing_weeks(now: DateTime<Utc>, stray: &[Week], existing: &[Span]) -> Vec<Week> {
    let ahead = std::iter::successors(Some(Week::of(now)), |week| Some(week.next())).take(WEEKS_AHEAD + 1);
    let mut weeks: Vec<Week> = ahead.chain(stray.iter().copied()).collect();
    weeks.retain(|week| !existing.iter().any(|span| overlap(*span, week.span())));
    weeks.sort_unstable();
    weeks.dedup();
    weeks
}

/// The moment up to which partitions follow `now` without a gap; none when not even the present has one.
#[must_use]
pub fn covered_until(now: DateTime<Utc>, existing: &[Span]) -> Option<DateTime<Utc>> {
    let mut until = None;
    while let Some(next) = existing.iter().find(|span| span.contains(until.unwrap_or(now))) {
        until = Some(next.to);
    }
    until
}

/// Whether maintenance is overdue: the next week has no partition.
#[must_use]
pub fn lacks_next_week(now: DateTime<Utc>, existing: &[Span]) -> bool {
    covered_until(now, existing).is_none_or(|until| until < Week::of(now).next().span().to)
}

fn overlap(one: Span, other: Span) -> bool {
    let begins_before = |from: Option<DateTime<Utc>>, to| from.is_none_or(|from| from < to);
    begins_before(one.from, other.to) && begins_before(other.from, one.to)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
