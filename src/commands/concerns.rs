//! What needs a person: each thing that will not mend itself, in one sentence with the command that shows more.

use buffalo_model::{CircuitState, RunStatus, Source};
use buffalo_store::{CircuitRow, FetchLine, Status, Undelivered};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::maintain;
use crate::output::age;

/// A fetch once a day is common, and may take its time.
const STALE_AFTER: TimeDelta = TimeDelta::hours(26);

/// The same patience as that of the alert rule on `buffalo_outbox_oldest_age_seconds`.
const STUCK_AFTER: TimeDelta = TimeDelta::minutes(30);

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Concern {
    /// What kind of thing, for programs.
    pub(super) code: &'static str,
    /// The source that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    /// What, and what to do.
    pub(super) message: String,
}

/// Everything that needs a person. With `enabled` empty, all sources that were ever fetched are taken for enabled: `status`
/// may run where only the database is known.
pub(super) fn concerns(
    status: &Status,
    undelivered: &[Undelivered],
    enabled: &[Source],
    now: DateTime<Utc>,
) -> Vec<Concern> {
    let is_enabled = |name: &str| enabled.is_empty() || enabled.iter().any(|source| source.as_str() == name);
    let mut found = Vec::new();
    let mut add = |code, source: Option<&str>, message| {
        found.push(Concern { code, source: source.map(str::to_owned), message });
    };
    for line in &status.fetches {
        if is_enabled(&line.source)
            && let Some((code, message)) = trouble(line, now)
        {
            add(code, Some(&line.source), message);
        }
    }
    let open =
        |circuit: &&CircuitRow| circuit.state == CircuitState::Open && is_enabled(circuit.source.as_str());
    for circuit in status.circuits.iter().filter(open) {
        let source = circuit.source.as_str();
        let failures = circuit.failures_in_a_row;
        let message = format!("{source} failed {failures} times in a row and is left alone: buffalo check");
        add("circuit_open", Some(source), message);
    }
    for (source, since) in &status.longest_due_since {
        if now - *since > STUCK_AFTER {
            let waits = age(now - *since);
            let message = format!("Records of {source} have waited {waits} to be processed: buffalo process");
            add("outbox_stuck", Some(source), message);
        }
    }
    for letters in &status.dead_letters {
        let (source, entity) = (&letters.source, &letters.entity);
        let message = format!(
            "{} of {source} {entity} could not be processed: buffalo dead-letters list --source {source}",
            counted(letters.count, "record"),
        );
        add("dead_letters", Some(source), message);
    }
    for unknown in &status.unmapped {
        let source = &unknown.source;
        let message = format!(
            "{} of {source} with the unknown status {:?}, in no figure: buffalo status --unmapped",
            counted(unknown.count, "record"),
            unknown.raw_status,
        );
        add("unmapped_status", Some(source), message);
    }
    for result in status.reconciliations.iter().filter(|result| !result.is_equal()) {
        let (source, entity) = (&result.source, &result.entity);
        let message = format!(
            "{source} {entity} differs from the source ({} missing, {} different, {} extra): \
             buffalo reconcile {source} --repair",
            result.missing, result.different, result.extra
        );
        add("reconciliation_differs", Some(source), message);
    }
    for warning in maintain::warnings(status, now) {
        add("maintenance_due", None, warning);
    }
    for lost in undelivered.iter().filter(|one| one.given_up_at.is_some()) {
        let message = format!("{} never accepted {:?}: buffalo notify --test", lost.channel, lost.subject);
        add("notification_lost", None, message);
    }
    found
}

/// What is wrong with the fetches of a source and entity. A fetch that ended early goes on by itself.
fn trouble(line: &FetchLine, now: DateTime<Utc>) -> Option<(&'static str, String)> {
    let FetchLine { source, entity, .. } = line;
    let more = format!("buffalo runs --source {source} --entity {entity}");
    if let Some(status @ (RunStatus::Failed | RunStatus::Abandoned)) = line.last_status {
        let since = line.failing_since.map(|since| format!(" for {}", age(now - since)));
        let reason = line.last_error.as_ref().map(|error| format!(": {error}"));
        let (since, reason) = (since.unwrap_or_default(), reason.unwrap_or_default());
        return Some(("fetch_failing", format!("{source} {entity} {status}{since}{reason}: {more}")));
    }
    let succeeded_at = line.succeeded_at?;
    (now - succeeded_at > STALE_AFTER).then(|| {
        let message = format!("{source} {entity} was last fetched {} ago: {more}", age(now - succeeded_at));
        ("fetch_overdue", message)
    })
}

fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
