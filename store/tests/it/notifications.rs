//! What people are told, and how it is delivered exactly once for each event.

use buffalo_model::{FailedRecord, Mode, RunId, RunStatus};
use buffalo_store::{
    Counter, DeliveryOutcome, LeasedDelivery, NewRun, NewSummary, RunCredit, RunOutcome, Totals,
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::fixture::{Fixture, T0, record};
use crate::totals::total;

const MOST: i32 = 3;

impl Fixture {
    /// A fetch that begins now and ends with this error, or well.
    async fn fetched(&self, error: Option<&str>, now: DateTime<Utc>) -> RunId {
        let run_id = self.begun(Mode::Incremental, now).await;
        self.ended(run_id, error, now).await;
        run_id
    }

    async fn begun(&self, mode: Mode, now: DateTime<Utc>) -> RunId {
        let run_id = RunId::generate();
        let (source, entity) = if mode == Mode::Process { ("all", "all") } else { ("stripe", "payments") };
        let run = NewRun { run_id, source, entity, mode, status: RunStatus::Running };
        self.store.start_run(&run, now).await.unwrap();
        run_id
    }

    async fn ended(&self, run_id: RunId, error: Option<&str>, now: DateTime<Utc>) {
        let outcome = RunOutcome { error: error.map(str::to_owned), ..RunOutcome::default() };
        self.store.finish_run(run_id, &outcome, now).await.unwrap();
    }

    async fn kinds(&self) -> String {
        let kinds = "SELECT string_agg(kind, ' ' ORDER BY created_at, kind) FROM notifications";
        self.database.text(kinds).await
    }

    /// Attempts so far that were delivered, that failed, and that were the last.
    async fn told(&self) -> [i64; 3] {
        let mut told = [0; 3];
        for (count, outcome) in told.iter_mut().zip(DeliveryOutcome::ALL) {
            *count = total(&self.store, Counter::Notifications, outcome.as_str()).await;
        }
        told
    }

    async fn lease(&self, channel: &str, now: DateTime<Utc>) -> Option<LeasedDelivery> {
        self.store.lease_delivery(channel, MOST, now).await.unwrap()
    }
}

/// A fixture whose own run is out of the way.
async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.database.run("DELETE FROM sync_runs").await;
    fixture
}

#[tokio::test]
async fn a_failure_is_told_once_then_every_24_hours_and_then_its_end() {
    let fixture = fixture().await;
    for hour in 0..=25 {
        fixture.fetched(Some("refused with 401"), T0 + TimeDelta::hours(hour)).await;
    }
    assert_eq!(fixture.kinds().await, "failure failure");
    let told = "SELECT string_agg((extract(epoch FROM created_at)::bigint / 3600 % 1000)::text, ' '
                                  ORDER BY created_at) FROM notifications";
    let first = T0.timestamp() / 3_600 % 1_000;
    assert_eq!(fixture.database.text(told).await, format!("{first} {}", first + 24));
    fixture.fetched(None, T0 + TimeDelta::hours(26)).await;
    fixture.fetched(None, T0 + TimeDelta::hours(27)).await;
    fixture.fetched(Some("refused with 403"), T0 + TimeDelta::hours(28)).await;
    assert_eq!(fixture.kinds().await, "failure failure recovery failure", "a new failure is told at once");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn only_wanted_kinds_are_written() {
    let mut fixture = fixture().await;
    fixture.store = fixture.store.clone().telling("success,recovery".parse().unwrap());
    fixture.fetched(None, T0).await;
    fixture.fetched(Some("refused"), T0 + TimeDelta::hours(1)).await;
    fixture.fetched(None, T0 + TimeDelta::hours(2)).await;
    assert_eq!(fixture.kinds().await, "success recovery");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn an_abandoned_run_is_told_by_whoever_notices_it() {
    let fixture = fixture().await;
    let lost = fixture.begun(Mode::Incremental, T0).await;
    let later = T0 + TimeDelta::seconds(200);
    let silent = tokio::join!(
        fixture.store.abandon_silent_runs(later),
        fixture.store.abandon_silent_runs(later),
        fixture.begun(Mode::Incremental, later),
    );
    assert!(silent.0.unwrap() + silent.1.unwrap() <= 1);
    assert_eq!(fixture.kinds().await, "failure");
    // It was not gone after all; and to end it twice, as after a lost answer, is to end it once.
    for _ in 0..2 {
        fixture.ended(lost, None, later + TimeDelta::seconds(1)).await;
    }
    assert_eq!(fixture.kinds().await, "failure recovery");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn two_runs_that_fail_at_once_are_one_failure() {
    let fixture = fixture().await;
    let (one, other) = (fixture.begun(Mode::Process, T0).await, fixture.begun(Mode::Process, T0).await);
    tokio::join!(fixture.ended(one, Some("out of disk"), T0), fixture.ended(other, Some("out of disk"), T0));
    assert_eq!(fixture.kinds().await, "failure");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn dead_letters_are_told_while_the_run_goes_on_and_end_when_none_is_left() {
    let mut fixture = fixture().await;
    let run_id = fixture.begun(Mode::Process, T0).await;
    fixture.write(&[record("ch_1", 0, "{}")]).await.unwrap();
    let batch = fixture.claim(1).await.unwrap();
    let dead = buffalo_store::DeadRow { row: 0, attempts: 1, stage: "normalise", reason: "bad".to_owned() };
    batch.settle(&[], &[dead], T0).await.unwrap();
    let credit = RunCredit {
        run_id,
        processed: 0,
        failed: 1,
        dead_lettered: 1,
        failed_records: vec![FailedRecord {
            external_id: "ch_1".to_owned(),
            stage: "normalise".to_owned(),
            error: "bad".to_owned(),
        }],
        unmapped_statuses_seen: Vec::new(),
    };
    fixture.store.credit_runs(&[credit], &Totals::default(), T0).await.unwrap();
    assert_eq!(fixture.kinds().await, "failure");
    let text = fixture.database.text("SELECT body_text FROM notifications").await;
    assert!(text.contains("One of them: ch_1: bad"), "{text}");
    fixture.ended(run_id, None, T0).await;
    let idle = fixture.begun(Mode::Process, T0).await;
    fixture.ended(idle, None, T0 + TimeDelta::minutes(5)).await;
    assert_eq!(fixture.kinds().await, "failure", "a run that finds nothing to do mends nothing");
    fixture.database.run("DELETE FROM dead_letters").await;
    let mended = fixture.begun(Mode::Process, T0).await;
    fixture.ended(mended, None, T0 + TimeDelta::minutes(10)).await;
    assert_eq!(fixture.kinds().await, "failure recovery");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_delivery_has_one_sender_and_another_only_when_the_first_is_gone() {
    let fixture = fixture().await;
    fixture.fetched(Some("refused"), T0).await;
    fixture.store.plan_deliveries(&["mail", "chat"], MOST, T0).await.unwrap();
    fixture.store.plan_deliveries(&["mail", "chat"], MOST, T0).await.unwrap();
    let (one, other) = tokio::join!(fixture.lease("mail", T0), fixture.lease("mail", T0));
    let first = one.or(other).unwrap();
    assert!(fixture.lease("mail", T0 + TimeDelta::seconds(100)).await.is_none());
    // The first was killed after it had sent and before it could say so: the receiver knows the second by its id.
    let second = fixture.lease("mail", T0 + TimeDelta::seconds(121)).await.unwrap();
    assert_eq!(second.notification, first.notification);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    // What the first says now comes too late.
    fixture.store.not_delivered(&first, "too late", None, T0).await.unwrap();
    let state =
        "SELECT count(*) FROM notification_deliveries WHERE last_error IS NULL AND given_up_at IS NULL";
    assert_eq!(fixture.database.number(state).await, 2);
    assert_eq!(fixture.told().await, [0, 0, 0]);
    for _ in 0..2 {
        fixture.store.delivered(&second, T0 + TimeDelta::seconds(122)).await.unwrap();
    }
    assert_eq!(fixture.told().await, [1, 0, 0], "said again after a lost answer, it is one delivery");
    let notified = "SELECT count(*) FROM notifications WHERE notified_at IS NOT NULL";
    assert_eq!(fixture.database.number(notified).await, 0, "a channel still has to accept it");
    let chat = fixture.lease("chat", T0 + TimeDelta::seconds(123)).await.unwrap();
    fixture.store.delivered(&chat, T0 + TimeDelta::seconds(124)).await.unwrap();
    assert_eq!(fixture.database.number(notified).await, 1);
    assert!(fixture.lease("mail", T0 + TimeDelta::days(9)).await.is_none());
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn two_channels_that_accept_at_once_are_both_seen() {
    let fixture = fixture().await;
    let notified = "SELECT count(*) FROM notifications WHERE notified_at IS NULL";
    for hours in 0..20 {
        let now = T0 + TimeDelta::hours(2 * hours);
        fixture.fetched(Some("refused"), now).await;
        fixture.fetched(None, now + TimeDelta::hours(1)).await;
        fixture.store.plan_deliveries(&["mail", "chat"], MOST, now).await.unwrap();
        for _ in 0..2 {
            let later = now + TimeDelta::hours(1);
            let (mail, chat) = tokio::join!(fixture.lease("mail", later), fixture.lease("chat", later));
            let (Some(mail), Some(chat)) = (mail, chat) else { panic!("both are due") };
            let done = tokio::join!(fixture.store.delivered(&mail, now), fixture.store.delivered(&chat, now));
            done.0.unwrap();
            done.1.unwrap();
        }
        assert_eq!(fixture.database.number(notified).await, 0);
    }
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_message_that_ends_its_senders_is_given_up_and_shown() {
    let fixture = fixture().await;
    fixture.fetched(Some("refused"), T0).await;
    let mut now = T0;
    fixture.store.plan_deliveries(&["mail"], MOST, now).await.unwrap();
    for attempt in 1..=MOST {
        assert_eq!(fixture.lease("mail", now).await.unwrap().attempt, attempt);
        now += TimeDelta::minutes(3);
    }
    assert!(fixture.lease("mail", now).await.is_none());
    assert_eq!(fixture.store.undelivered(now).await.unwrap()[0].given_up_at, None);
    fixture.store.plan_deliveries(&["mail"], MOST, now).await.unwrap();
    let undelivered = fixture.store.undelivered(now).await.unwrap();
    assert_eq!((undelivered[0].attempts, undelivered[0].given_up_at), (MOST, Some(now)));
    assert_eq!(fixture.told().await, [0, 0, 1]);
    assert!(fixture.store.undelivered(now + TimeDelta::days(8)).await.unwrap().is_empty());
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_became_of_an_attempt_is_counted_once_however_often_it_is_said() {
    let fixture = fixture().await;
    fixture.fetched(Some("refused"), T0).await;
    fixture.store.plan_deliveries(&["mail"], MOST, T0).await.unwrap();
    let mut now = T0;
    for retry_after in [Some(TimeDelta::minutes(1)), Some(TimeDelta::minutes(3)), None] {
        let leased = fixture.lease("mail", now).await.unwrap();
        let retry_at = retry_after.map(|after| now + after);
        for _ in 0..2 {
            fixture.store.not_delivered(&leased, "full", retry_at, now).await.unwrap();
        }
        now = retry_at.unwrap_or(now);
    }
    assert_eq!(fixture.told().await, [0, 2, 1]);
    // Whoever looks for what is to be given up finds nothing more of it.
    fixture.store.plan_deliveries(&["mail"], MOST, now + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(fixture.told().await, [0, 2, 1]);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_new_channel_hears_of_the_last_day_alone() {
    let fixture = fixture().await;
    fixture.fetched(Some("refused"), T0).await;
    fixture.fetched(None, T0 + TimeDelta::hours(20)).await;
    fixture.store.plan_deliveries(&["mail"], MOST, T0 + TimeDelta::hours(25)).await.unwrap();
    let leased = fixture.lease("mail", T0 + TimeDelta::hours(25)).await.unwrap();
    assert_eq!(leased.notification.kind.as_str(), "recovery");
    assert!(fixture.lease("mail", T0 + TimeDelta::hours(25)).await.is_none());
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_day_is_summed_up_once() {
    let fixture = fixture().await;
    let day = "2026-11-20".parse().unwrap();
    let summary = NewSummary { day, subject: "s", text: "t", html: "<p>t</p>" };
    let (one, other) =
        tokio::join!(fixture.store.add_summary(&summary, T0), fixture.store.add_summary(&summary, T0));
    assert!(one.unwrap() ^ other.unwrap());
    assert_eq!(fixture.store.last_summary().await.unwrap(), Some(day));
    fixture.database.drop_it().await;
}
