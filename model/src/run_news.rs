//! The words in which people are told of a run: what happened, what it means for the figures, and what shows more.

use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::{Alarm, Entity, Mode, NotificationKind, Run, RunStatus};

/// An error longer than this helps nobody; the run has all of it.
const LONGEST_REASON: usize = 500;

/// A run that people are told of.
#[derive(Debug)]
pub struct RunNews<'a> {
    /// What they are told.
    pub kind: NotificationKind,
    /// The run.
    pub run: &'a Run,
    /// How its line of runs stood before it.
    pub before: Alarm,
    /// The time up to which everything of that source and entity has been fetched.
    pub data_through: Option<DateTime<Utc>>,
    /// When this is written.
    pub now: DateTime<Utc>,
}

impl RunNews<'_> {
    /// One line, such as `[buffalo] FAILURE — stripe:payments | run 7bc36996`.
    ///
    /// The run is named by the last eight digits of its id: the first ones are a time, equal for all runs that began
    /// within the same minute.
    #[must_use]
    pub fn subject(&self) -> String {
        let id = self.run.run_id.0.simple().to_string();
        let kind = self.kind.as_str().to_uppercase();
        format!("[buffalo] {kind} — {} | run {}", self.line(), &id[id.len() - 8..])
    }

    /// The message.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n{}\n\n", self.what_happened(), self.what_it_means());
        let _ = write!(text, "More: buffalo runs {}", self.run.run_id);
        if self.run.counts.records_dead_lettered > 0 {
            text.push_str("\n      buffalo status");
        }
        text.push('\n');
        text
    }

    /// `stripe:payments`; for processing, which is of all sources, `process:all`, as `all:all` would sound like the end.
    fn line(&self) -> String {
        let source = if self.run.mode == Mode::Process { "process" } else { &self.run.source };
        format!("{source}:{}", self.run.entity)
    }

    fn what_happened(&self) -> String {
        let (run, work) = (self.run, self.work());
        let at = time(run.finished_at.unwrap_or(self.now));
        let mut text = match self.kind {
            NotificationKind::Failure => self.failure(&at),
            NotificationKind::Recovery => match self.before.failing_since {
                Some(since) => {
                    format!("{work} works again: it failed since {}, and went well at {at}.", time(since))
                }
                None => format!("{work} went well at {at}."),
            },
            NotificationKind::Success | NotificationKind::Daily | NotificationKind::Test => {
                format!("{work} went well at {at}.")
            }
        };
        if self.kind == NotificationKind::Recovery && (self.before.stale_cursor || run.stale_cursor_detected)
        {
            text.push_str(
                "\nThe stored position could not be continued, so everything was fetched anew; that has come to its end.",
            );
        }
        let counts = &run.counts;
        if self.kind != NotificationKind::Failure {
            let _ = match run.mode {
                Mode::Process => write!(text, "\n{} records were processed.", counts.records_processed),
                Mode::Reconcile => Ok(()),
                Mode::Incremental | Mode::Full => write!(
                    text,
                    "\n{} records were fetched, {} of them new or changed.",
                    counts.records_fetched, counts.records_enqueued
                ),
            };
        }
        text
    }

    fn failure(&self, at: &str) -> String {
        let (run, work) = (self.run, self.work());
        let mut text = match (run.status, &run.error) {
            (RunStatus::Abandoned, _) => {
                format!("{work} ended without a word: its process is gone, noticed at {at}.")
            }
            (_, Some(error)) => {
                let reason: String = error.chars().take(LONGEST_REASON).collect();
                format!("{work} did not end well at {at}:\n{reason}")
            }
            (_, None) => format!("{work} left records behind, as of {at}."),
        };
        let dead = run.counts.records_dead_lettered;
        if dead > 0 {
            let _ = write!(text, "\n{dead} of its records failed too often and became dead letters.");
            if let Some(first) = run.failed_records.first() {
                let reason: String = first.error.chars().take(LONGEST_REASON).collect();
                let _ = write!(text, "\nOne of them: {}: {reason}", first.external_id);
            }
        }
        if let Some(since) = self.before.failing_since {
            let _ = write!(
                text,
                "\nIt has not been well since {}. This is told again every 24 hours.",
                time(since)
            );
        }
        text
    }

    fn what_it_means(&self) -> String {
        let run = self.run;
        let through = self.data_through.map(time);
        match (run.mode, self.kind) {
            (Mode::Process, NotificationKind::Failure) if run.counts.records_dead_lettered > 0 => {
                "Dead letters are in no figure until they are replayed. Nothing is lost.".to_owned()
            }
            (Mode::Process, NotificationKind::Failure) => {
                "What was fetched and is not processed is in no figure yet. Nothing is lost; the next run goes on.".to_owned()
            }
            (Mode::Process, _) => "Everything that is due is in the figures.".to_owned(),
            (Mode::Reconcile, NotificationKind::Failure) => {
                "The figures are as they were; they have not been compared with the source.".to_owned()
            }
            (Mode::Reconcile, _) => "The source was compared with what is stored.".to_owned(),
            (Mode::Incremental | Mode::Full, kind) => {
                let later = if kind == NotificationKind::Failure { "; anything later is missing" } else { "" };
                match (run.entity == Entity::Payments.as_str(), through) {
                    (true, Some(through)) => {
                        format!("Revenue from {} is complete up to {through}{later}.", run.source)
                    }
                    (true, None) => format!("Revenue from {} has not been complete so far.", run.source),
                    (false, Some(through)) => {
                        format!("{} are complete up to {through}{later}. Revenue is not touched.", self.records())
                    }
                    (false, None) => {
                        format!("{} have not been complete so far. Revenue is not touched.", self.records())
                    }
                }
            }
        }
    }

    fn work(&self) -> String {
        match self.run.mode {
            Mode::Process => "Processing".to_owned(),
            Mode::Reconcile => format!("The comparison with {}", self.line()),
            Mode::Incremental | Mode::Full => format!("The fetch of {}", self.line()),
        }
    }

    fn records(&self) -> String {
        format!("The {} of {}", self.run.entity, self.run.source)
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
#[path = "run_news_tests.rs"]
mod tests;
