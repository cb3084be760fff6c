//! What needs a person: each thing that will not mend itself, in one sentence with the command that shows more.

use std::fmt;

use buffalo_model::{CircuitState, Day, Money, Overlap, Reconciliation, RunStatus, Source};
use buffalo_store::{
    CircuitRow, DeadLetterCount, FetchLine, MistypedDates, Status, Undelivered, UnmappedStatus,
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::maintain;
use crate::output::age;
use crate::overlaps::OverlapList;

/// A fetch once a day is common, and may take its time.
const STALE_AFTER: TimeDelta = TimeDelta::hours(26);

/// The same patience as that of the alert rule on `buffalo_outbox_oldest_age_seconds`.
const STUCK_AFTER: TimeDelta = TimeDelta::minutes(30);

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Concern {
    /// What kind of thing, for programs.
    code: &'static str,
    /// The source that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// What is wrong.
    message: String,
    /// The command that shows more, or mends it.
    command: String,
}

impl Concern {
    fn of_source(code: &'static str, source: &str, message: String, command: String) -> Self {
        Self { code, source: Some(source.to_owned()), message, command }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (`{}`)", self.message, self.command)
    }
}

/// Everything that needs a person. With `enabled` empty, all sources that were ever fetched are taken for enabled: `status`
/// may run where only the database is known.
pub(super) fn concerns(
    status: &Status,
    undelivered: &[Undelivered],
    enabled: &[Source],
    timezone: Tz,
    now: DateTime<Utc>,
) -> Vec<Concern> {
    let is_enabled = |name: &str| enabled.is_empty() || enabled.iter().any(|source| source.as_str() == name);
    let fetches = status.fetches.iter().filter(|line| is_enabled(&line.source));
    let circuits = status.circuits.iter().filter(|circuit| is_enabled(circuit.source.as_str()));
    let mut found: Vec<Concern> = fetches.filter_map(|line| fetch(line, now)).collect();
    found.extend(circuits.filter_map(circuit));
    found.extend(status.longest_due_since.iter().filter_map(|(source, since)| outbox(source, now - *since)));
    found.extend(status.dead_letters.iter().map(dead_letters));
    found.extend(status.unmapped.iter().map(unmapped));
    found.extend(status.mistyped.iter().map(|dates| mistyped(dates, timezone)));
    found.extend(status.reconciliations.iter().filter_map(reconciliation));
    found.extend(maintain::warnings(status, now).into_iter().map(maintenance));
    found.extend(undelivered.iter().filter_map(notification));
    found
}

/// What is wrong with the fetches of a source and entity. One that ended early goes on by itself.
fn fetch(line: &FetchLine, now: DateTime<Utc>) -> Option<Concern> {
    let FetchLine { source, entity, .. } = line;
    let command = format!("buffalo runs --source {source} --entity {entity}");
    if let Some(status @ (RunStatus::Failed | RunStatus::Abandoned)) = line.last_status {
        let since = line.failing_since.map(|since| format!(", for {} now", age(now - since)));
        let reason = line.last_error.as_ref().map(|error| format!(": {error}"));
        let (since, reason) = (since.unwrap_or_default(), reason.unwrap_or_default());
        let message = format!("The last fetch of {source} {entity} {}{since}{reason}", ended(status));
        return Some(Concern::of_source("fetch_failing", source, message, command));
    }
    let age_of_success = now - line.succeeded_at?;
    (age_of_success > STALE_AFTER).then(|| {
        let message = format!("{source} {entity} was last fetched {} ago", age(age_of_success));
        Concern::of_source("fetch_overdue", source, message, command)
    })
}

fn ended(status: RunStatus) -> &'static str {
    if status == RunStatus::Abandoned { "was abandoned" } else { "failed" }
}

fn circuit(circuit: &CircuitRow) -> Option<Concern> {
    let (source, failures) = (circuit.source.as_str(), circuit.failures_in_a_row);
    (circuit.state == CircuitState::Open).then(|| {
        let message = format!("{source} failed {failures} times in a row and is left alone");
        Concern::of_source("circuit_open", source, message, "buffalo check".to_owned())
    })
}

fn outbox(source: &str, waits: TimeDelta) -> Option<Concern> {
    (waits > STUCK_AFTER).then(|| {
        let message = format!("Records of {source} have waited {} to be processed", age(waits));
        Concern::of_source("outbox_stuck", source, message, "buffalo process".to_owned())
    })
}

fn dead_letters(letters: &DeadLetterCount) -> Concern {
    let DeadLetterCount { source, entity, count } = letters;
    let message = format!("{} of {source} {entity} could not be processed", records(*count));
    let command = format!("buffalo dead-letters list --source {source} --entity {entity}");
    Concern::of_source("dead_letters", source, message, command)
}

fn unmapped(unknown: &UnmappedStatus) -> Concern {
    let (source, status) = (&unknown.source, &unknown.raw_status);
    let message =
        format!("{} of {source} with the unknown status {status:?}, in no figure", records(unknown.count));
    Concern::of_source("unmapped_status", source, message, "buffalo status --unmapped".to_owned())
}

/// Dates that no sale has. They count as they are: only a person knows which one was meant.
fn mistyped(dates: &MistypedDates, timezone: Tz) -> Concern {
    let MistypedDates { source, count, sample, at } = dates;
    let day = Day::date_of(*at, timezone);
    let are = if *count == 1 { "is" } else { "are" };
    let message = format!(
        "{} of {source} {are} dated before 1990 or more than ten years ahead, probably by mistake: \
         {source}:{sample} on {day}, for one",
        payments(*count)
    );
    Concern::of_source("mistyped_date", source, message, format!("buffalo revenue explain {day}"))
}

/// A difference that was repaired went the way of all records, and shows elsewhere if it failed on it.
fn reconciliation(result: &Reconciliation) -> Option<Concern> {
    let Reconciliation { source, entity, missing, different, extra, .. } = result;
    let unexplained = result.in_question() == 0 && !result.totals_agree();
    (result.in_question() > result.repaired || unexplained).then(|| {
        let what = match unexplained {
            true => "its totals differ".to_owned(),
            false => format!("{missing} missing, {different} different, {extra} extra"),
        };
        let message = format!("{source} {entity} is not what the source has: {what}");
        let command = format!("buffalo reconcile {source} --repair");
        Concern::of_source("reconciliation_differs", source, message, command)
    })
}

fn maintenance(message: String) -> Concern {
    Concern { code: "maintenance_due", source: None, message, command: "buffalo maintain".to_owned() }
}

/// What a channel may still accept needs nobody.
fn notification(undelivered: &Undelivered) -> Option<Concern> {
    undelivered.given_up_at.map(|_| {
        let message = format!("{} never accepted {:?}", undelivered.channel, undelivered.subject);
        let command = "buffalo notify --test".to_owned();
        Concern { code: "notification_lost", source: None, message, command }
    })
}

/// Decisions by which a sale may be counted nowhere now.
pub(super) fn doubtful(decisions: usize) -> Option<Concern> {
    (decisions > 0).then(|| {
        let message = format!(
            "Payments that are left out, though what should be counted in their place is not: {decisions}"
        );
        let command = "buffalo revenue overlaps".to_owned();
        Concern { code: "overlap_decision_doubtful", source: None, message, command }
    })
}

/// Sales that are probably counted twice, and what they come to.
pub(super) fn overlapping(overlaps: &[Overlap]) -> Option<Concern> {
    let totals = OverlapList::of(overlaps, 0).totals;
    let amounts: Vec<_> = totals
        .iter()
        .map(|total| {
            let amount = Money { minor: total.amount_cents, currency: total.currency };
            format!("{amount} {} ({})", total.currency, total.certainty.as_str())
        })
        .collect();
    (!overlaps.is_empty()).then(|| {
        let pairs = if overlaps.len() == 1 { "1 pair".to_owned() } else { format!("{} pairs", overlaps.len()) };
        let message = format!(
            "{pairs} of payments of different sources look like one sale and count twice, {} in 92 days; decide about \
             them, or set REVENUE_SOURCES",
            amounts.join(", ")
        );
        let command = "buffalo revenue overlaps".to_owned();
        Concern { code: "overlaps_likely", source: None, message, command }
    })
}

fn payments(count: i64) -> String {
    if count == 1 { "1 payment".to_owned() } else { format!("{count} payments") }
}

fn records(count: i64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}
