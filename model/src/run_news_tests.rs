//! Tests of the words about runs.

use super::*;
use crate::run_example::T0;

fn news(run: &Run, kind: NotificationKind) -> RunNews<'_> {
    RunNews { kind, run, before: Alarm::default(), data_through: Some(T0), now: T0 }
}

#[test]
fn a_failed_fetch_is_told_with_what_it_means_and_what_shows_more() {
    let mut run = Run::example(Mode::Incremental, "payments", RunStatus::Failed);
    run.error = Some("shop: GET /charges was refused with 401".to_owned());
    let news = news(&run, NotificationKind::Failure);
    assert_eq!(news.subject(), "[buffalo] FAILURE — shop:payments | run 7bc36996");
    assert_eq!(
        news.text(),
        "The fetch of shop:payments did not end well at 2027-01-15T08:00:00Z:\n\
         shop: GET /charges was refused with 401\n\n\
         Revenue from shop is complete up to 2027-01-15T08:00:00Z; anything later is missing.\n\n\
         More: buffalo runs 0199a2b4-0000-7000-8000-00007bc36996\n"
    );
}

#[test]
fn what_is_no_money_says_that_revenue_is_not_touched() {
    let run = Run::example(Mode::Full, "contacts", RunStatus::Abandoned);
    let text = RunNews { data_through: None, ..news(&run, NotificationKind::Failure) }.text();
    assert!(text.contains("its process is gone"), "{text}");
    assert!(
        text.contains("The contacts of shop have not been complete so far. Revenue is not touched."),
        "{text}"
    );
}

#[test]
fn dead_letters_are_told_with_one_of_them() {
    let mut run = Run::example(Mode::Process, "all", RunStatus::Partial);
    run.counts.records_dead_lettered = 2;
    run.failed_records = vec![crate::FailedRecord {
        external_id: "ch_1".to_owned(),
        stage: "normalise".to_owned(),
        error: "unusable field `currency`".to_owned(),
    }];
    let news = news(&run, NotificationKind::Failure);
    assert_eq!(news.subject(), "[buffalo] FAILURE — process:all | run 7bc36996");
    assert!(news.text().contains("2 of its records failed too often"), "{}", news.text());
    assert!(news.text().contains("ch_1: unusable field `currency`"), "{}", news.text());
}

#[test]
fn a_recovery_says_since_when_it_failed() {
    let mut run = Run::example(Mode::Full, "payments", RunStatus::Success);
    run.stale_cursor_detected = true;
    let before = Alarm { failing_since: Some(T0 - chrono::TimeDelta::hours(2)), ..Alarm::default() };
    let text = RunNews { before, ..news(&run, NotificationKind::Recovery) }.text();
    assert!(text.contains("works again: it failed since 2027-01-15T06:00:00Z"), "{text}");
    assert!(text.contains("everything was fetched anew"), "{text}");
    assert!(text.contains("complete up to 2027-01-15T08:00:00Z.\n"), "{text}");
}
