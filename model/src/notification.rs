//! Notifications: their kinds, and the decision which of them, if any, the end of a run makes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Mode, Run, RunId, RunStatus};

/// A failure that goes on is told again after this many hours.
const TOLD_AGAIN_AFTER_H: i64 = 24;

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotificationKind {
    /// A run failed, was abandoned, or left dead letters.
    Failure,
    /// A run went well again, or a backfill after a stale cursor has come to its end.
    Recovery,
    /// A run went well, as the one before it did.
    Success,
    /// The summary of a day.
    Daily,
    /// Somebody tries the channels.
    Test,
}

impl NotificationKind {
    /// The kinds that one can want; a test is sent to whoever asks for it.
    pub const ALL: [Self; 4] = [Self::Failure, Self::Recovery, Self::Success, Self::Daily];

    /// The name in settings, tables and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Recovery => "recovery",
            Self::Success => "success",
            Self::Daily => "daily",
            Self::Test => "test",
        }
    }
}

impl FromStr for NotificationKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
            let name: String = name.chars().take(40).collect();
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("unknown notification `{name}`; there are: {known}")
        })
    }
}

impl fmt::Display for NotificationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kinds that are wanted (`NOTIFY_ON`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyOn(BTreeSet<NotificationKind>);

impl NotifyOn {
    /// Whether this kind is wanted.
    #[must_use]
    pub fn contains(&self, kind: NotificationKind) -> bool {
        self.0.contains(&kind)
    }
}

impl Default for NotifyOn {
    /// Failures, recoveries and daily summaries: successes are many, and tell nothing.
    fn default() -> Self {
        Self(NotificationKind::ALL.into_iter().filter(|kind| *kind != NotificationKind::Success).collect())
    }
}

impl FromStr for NotifyOn {
    type Err = String;

    /// Reads names separated by commas.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// A notification as channels send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The same however often it is sent, so that a receiver can tell that it has it already.
    pub id: Uuid,
    /// What it is about.
    pub kind: NotificationKind,
    /// The source of the run it is about.
    pub source: Option<String>,
    /// The entity of the run it is about.
    pub entity: Option<String>,
    /// The run it is about.
    pub run_id: Option<RunId>,
    /// The day that a summary is about.
    pub day: Option<NaiveDate>,
    /// One line.
    pub subject: String,
    /// The message for people.
    pub text: String,
    /// The same for mail programs, where it says it better.
    pub html: Option<String>,
    /// When it came about.
    pub created_at: DateTime<Utc>,
}

/// Work that fails and recovers as one: a comparison that succeeds says nothing of the fetches of the same entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Fetching, of whatever mode.
    Fetch,
    /// Draining the outbox.
    Process,
    /// Comparing.
    Reconcile,
}

impl Work {
    /// The work that a run of this mode does.
    #[must_use]
    pub fn of(mode: Mode) -> Self {
        match mode {
            Mode::Incremental | Mode::Full => Self::Fetch,
            Mode::Process => Self::Process,
            Mode::Reconcile => Self::Reconcile,
        }
    }

    /// The name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Process => "process",
            Self::Reconcile => "reconcile",
        }
    }
}

/// Why a run stands where it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// It came to its end, or something went wrong.
    #[default]
    Final,
    /// It was meant to end before it was done, by its deadline, by a limit or by somebody's wish; the next continues.
    Continued,
}

/// Dead letters that nobody has replayed or thrown away yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetters {
    /// There are none.
    None,
    /// There are some.
    Left,
}

/// How a line of runs, the same work on the same entity, stands before the run that is being heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Alarm {
    /// When the first of the failed runs ended; none while all is well.
    pub failing_since: Option<DateTime<Utc>>,
    /// When people were told of the failure last.
    pub told_at: Option<DateTime<Utc>>,
    /// Whether a backfill is under way because a cursor could not be continued.
    pub stale_cursor: bool,
}

/// What a run means for its line.
enum Verdict {
    Bad,
    Good,
    /// Neither: it is still at work, it is to be continued, or earlier dead letters wait for somebody.
    Open,
}

impl Alarm {
    /// Hears of a run and decides: how the line stands now, and what people are to be told.
    ///
    /// Processing is well again only when no dead letter is left: a run that finds nothing to do has not mended what an
    /// earlier one could not process.
    #[must_use]
    pub fn hear(
        self,
        run: &Run,
        ending: Ending,
        letters: DeadLetters,
        now: DateTime<Utc>,
    ) -> (Self, Option<NotificationKind>) {
        let mut after = Self { stale_cursor: self.stale_cursor || run.stale_cursor_detected, ..self };
        match verdict(run, ending, letters) {
            Verdict::Open => (after, None),
            Verdict::Good if after.failing_since.is_some() || after.stale_cursor => {
                (Self::default(), Some(NotificationKind::Recovery))
            }
            Verdict::Good => (Self::default(), Some(NotificationKind::Success)),
            Verdict::Bad => {
                after.failing_since.get_or_insert(now);
                if self.told_at.is_some_and(|told| now - told < TimeDelta::hours(TOLD_AGAIN_AFTER_H)) {
                    return (after, None);
                }
                after.told_at = Some(now);
                (after, Some(NotificationKind::Failure))
            }
        }
    }
}

fn verdict(run: &Run, ending: Ending, letters: DeadLetters) -> Verdict {
    let left = letters == DeadLetters::Left;
    if run.counts.records_dead_lettered > 0 && left {
        return Verdict::Bad;
    }
    match run.status {
        RunStatus::Abandoned => Verdict::Bad,
        RunStatus::Failed | RunStatus::Partial if run.error.is_some() => match ending {
            Ending::Final => Verdict::Bad,
            Ending::Continued => Verdict::Open,
        },
        RunStatus::Running | RunStatus::Skipped => Verdict::Open,
        RunStatus::Failed => Verdict::Bad,
        RunStatus::Partial | RunStatus::Success if run.mode == Mode::Process && left => Verdict::Open,
        RunStatus::Partial | RunStatus::Success => Verdict::Good,
    }
}

#[cfg(test)]
#[path = "notification_tests.rs"]
mod tests;
