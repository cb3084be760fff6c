//! Tests of when people are told of runs.

use super::NotificationKind::{Failure, Recovery, Success};
use super::*;
use crate::run_example::T0;

fn run(status: RunStatus) -> Run {
    let error = matches!(status, RunStatus::Failed | RunStatus::Partial | RunStatus::Abandoned);
    let error = error.then(|| "refused with 401".to_owned());
    Run { error, ..Run::example(Mode::Incremental, "payments", status) }
}

/// What is told of runs that end an hour after one another.
fn told(runs: &[(Run, Ending, DeadLetters)]) -> Vec<Option<NotificationKind>> {
    let mut alarm = Alarm::default();
    let mut told = Vec::new();
    for (hour, (run, ending, letters)) in (0..).zip(runs) {
        let (after, kind) = alarm.hear(run, *ending, *letters, T0 + TimeDelta::hours(hour));
        alarm = after;
        told.push(kind);
    }
    told
}

fn ended(status: RunStatus) -> (Run, Ending, DeadLetters) {
    (run(status), Ending::Final, DeadLetters::None)
}

#[test]
fn a_failure_is_told_once_and_its_end_as_well() {
    let runs = [
        RunStatus::Success,
        RunStatus::Failed,
        RunStatus::Partial,
        RunStatus::Abandoned,
        RunStatus::Success,
        RunStatus::Success,
    ];
    let expected = [Some(Success), Some(Failure), None, None, Some(Recovery), Some(Success)];
    assert_eq!(told(&runs.map(ended)), expected);
}

#[test]
fn a_failure_that_goes_on_is_told_every_24_hours() {
    let runs: Vec<_> = (0..50).map(|_| ended(RunStatus::Failed)).collect();
    let hours: Vec<_> =
        told(&runs).iter().enumerate().filter_map(|(hour, kind)| kind.map(|_| hour)).collect();
    assert_eq!(hours, [0, 24, 48]);
}

#[test]
fn what_is_to_be_continued_is_no_failure_and_no_recovery() {
    let continued = |status| (run(status), Ending::Continued, DeadLetters::None);
    let runs = [continued(RunStatus::Partial), continued(RunStatus::Failed), ended(RunStatus::Skipped)];
    assert_eq!(told(&runs), [None, None, None]);
    let runs = [ended(RunStatus::Failed), continued(RunStatus::Partial), ended(RunStatus::Success)];
    assert_eq!(told(&runs), [Some(Failure), None, Some(Recovery)]);
}

#[test]
fn a_backfill_after_a_stale_cursor_is_told_at_its_end_however_many_runs_it_took() {
    let mut stale = run(RunStatus::Partial);
    stale.stale_cursor_detected = true;
    let continued = (stale, Ending::Continued, DeadLetters::None);
    let runs = [continued.clone(), continued, ended(RunStatus::Success), ended(RunStatus::Success)];
    assert_eq!(told(&runs), [None, None, Some(Recovery), Some(Success)]);
    let mut at_once = run(RunStatus::Success);
    at_once.stale_cursor_detected = true;
    assert_eq!(told(&[(at_once, Ending::Final, DeadLetters::None)]), [Some(Recovery)]);
}

#[test]
fn processing_is_well_again_when_no_dead_letter_is_left() {
    let process = |status, dead, letters| {
        let mut run = run(status);
        run.mode = Mode::Process;
        run.error = None;
        run.counts.records_dead_lettered = dead;
        (run, Ending::Final, letters)
    };
    let runs = [
        process(RunStatus::Running, 2, DeadLetters::Left),
        process(RunStatus::Partial, 2, DeadLetters::Left),
        process(RunStatus::Success, 0, DeadLetters::Left),
        process(RunStatus::Partial, 1, DeadLetters::Left),
        process(RunStatus::Success, 0, DeadLetters::None),
    ];
    assert_eq!(told(&runs), [Some(Failure), None, None, None, Some(Recovery)]);
}

#[test]
fn unknown_names_are_refused() {
    assert_eq!("failure, daily".parse::<NotifyOn>().unwrap().0, [Failure, NotificationKind::Daily].into());
    assert!(!NotifyOn::default().contains(Success));
    let error = "failure,all".parse::<NotifyOn>().unwrap_err();
    assert_eq!(error, "unknown notification `all`; there are: failure, recovery, success, daily");
}
