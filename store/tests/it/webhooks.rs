//! Events of webhooks: which states are taken. And hints: which are due, and which are answered.

use buffalo_model::{Entity, Identity, RawRecord};
use buffalo_store::{EventState, RunOutcome, Sessions, Store, StoreOptions, Taken};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;

use crate::fixture::{Fixture, T0, record};

async fn take(fixture: &Fixture, event_id: &str, record: &RawRecord) -> Taken {
    let entity = Entity::Payments;
    let event =
        EventState { source: &fixture.source, entity, event_id, record, identity: &Identity::unknown() };
    fixture.store.take_event(&event, T0).await.unwrap()
}

async fn states(fixture: &Fixture) -> String {
    let sql = "SELECT string_agg(payload, ' ' ORDER BY revision) FROM raw_records";
    fixture.database.text(sql).await
}

#[tokio::test]
async fn content_going_there_and_back_is_three_changes() {
    let fixture = Fixture::new().await;
    for (at_s, payload) in [(0, "1"), (1, "2"), (2, "1")] {
        let taken = take(&fixture, &format!("evt_{at_s}"), &record("ch_1", at_s, payload)).await;
        assert_eq!(taken, Taken::Enqueued);
    }
    assert_eq!(states(&fixture).await, "1 2 1");
    let waiting = "SELECT count(*) FROM ingest_outbox o JOIN raw_records r
                   ON r.id = o.raw_id AND r.fetched_at = o.enqueued_at AND r.revision = o.revision
                   WHERE o.lane = 'live' AND o.payload_bytes = 1";
    assert_eq!(fixture.database.number(waiting).await, 3);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn older_states_equal_ones_and_repetitions_are_no_news() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 10, "1")]).await.unwrap();
    assert_eq!(take(&fixture, "evt_1", &record("ch_1", 9, "2")).await, Taken::NoNews);
    assert_eq!(take(&fixture, "evt_2", &record("ch_1", 20, " 1 ")).await, Taken::NoNews);
    assert_eq!(
        take(&fixture, "evt_3", &record("ch_1", 15, "3")).await,
        Taken::NoNews,
        "1 was true at 20 as well"
    );
    assert_eq!(take(&fixture, "evt_4", &record("ch_1", 20, "4")).await, Taken::Unclear);
    assert_eq!(take(&fixture, "evt_4", &record("ch_1", 30, "4")).await, Taken::Repeated);
    assert_eq!(states(&fixture).await, "1");
    // A fetch may read the object again, so of two states of one time what it brings last holds.
    fixture.write(&[record("ch_1", 20, "4")]).await.unwrap();
    assert_eq!(take(&fixture, "evt_5", &record("ch_1", 21, "5")).await, Taken::Enqueued);
    fixture.write(&[record("ch_1", 20, "4"), record("ch_1", 21, "5")]).await.unwrap();
    assert_eq!(states(&fixture).await, "1 4 5");
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_is_taken_together_is_told_apart() {
    let mut fixture = Fixture::new().await;
    fixture
        .write(&[record("ch_1", 10, "1"), record("ch_2", 10, "1"), record("ch_3", 10, "1")])
        .await
        .unwrap();
    take(&fixture, "evt_0", &record("ch_0", 0, "0")).await;
    let (entity, source, unknown) = (Entity::Payments, &fixture.source, Identity::unknown());
    let records = [("ch_4", 20), ("ch_3", 10), ("ch_2", 20), ("ch_1", 9), ("ch_0", 20)]
        .map(|(id, second)| record(id, second, "2"));
    let events = ["evt_5", "evt_4", "evt_3", "evt_2", "evt_0"];
    let together: Vec<_> = std::iter::zip(events, &records)
        .map(|(event_id, record)| EventState { source, entity, event_id, record, identity: &unknown })
        .collect();
    let taken = fixture.store.take_events(&together, T0).await.unwrap();
    let expected = [Taken::Enqueued, Taken::Unclear, Taken::Enqueued, Taken::NoNews, Taken::Repeated];
    assert_eq!(taken, expected);
    assert_eq!(fixture.database.number("SELECT count(*) FROM raw_records WHERE payload = '2'").await, 2);
    // Of one record one would have to see what became of the other: nothing is stored.
    let newer = record("ch_4", 30, "3");
    let twice = ["evt_6", "evt_7"].map(|event_id| EventState {
        source,
        entity,
        event_id,
        record: &newer,
        identity: &unknown,
    });
    fixture.store.take_events(&twice, T0).await.unwrap_err();
    assert_eq!(fixture.database.number("SELECT count(*) FROM webhook_events").await, 5);
    fixture.database.drop_it().await;
}

/// Many post at once, some the same event, while a fetch brings the same records: each state is stored at most once, and
/// the newest is the last.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_state_is_last_however_many_write_at_once() {
    let mut fixture = Fixture::new().await;
    let mut posting = JoinSet::new();
    for turn in 0..120_i64 {
        let (store, source) = (fixture.store.clone(), fixture.source.clone());
        let (id, at_s) = (format!("ch_{}", turn % 3), turn * 7 % 40);
        posting.spawn(async move {
            let record = record(&id, at_s, &at_s.to_string());
            let event_id = format!("evt_{id}_{at_s}");
            let event = EventState {
                source: &source,
                entity: Entity::Payments,
                event_id: &event_id,
                record: &record,
                identity: &Identity::unknown(),
            };
            store.take_event(&event, T0).await.unwrap()
        });
    }
    for at_s in [5, 20, 39] {
        let page: Vec<_> = (0..3).map(|n| record(&format!("ch_{n}"), at_s, &at_s.to_string())).collect();
        fixture.write(&page).await.unwrap();
    }
    while let Some(taken) = posting.join_next().await {
        taken.unwrap();
    }
    let lost =
        "SELECT count(*) FROM record_heads h JOIN raw_records r USING (source, entity, external_id, revision)
                WHERE r.payload = '39' AND r.observed_at = h.observed_at";
    assert_eq!(fixture.database.number(lost).await, 3);
    let twice =
        "SELECT count(*) FROM (SELECT FROM raw_records GROUP BY external_id, revision HAVING count(*) > 1) t";
    assert_eq!(fixture.database.number(twice).await, 0);
    let backwards = "SELECT count(*) FROM raw_records a JOIN raw_records b USING (external_id)
                     WHERE a.revision < b.revision AND a.observed_at > b.observed_at";
    assert_eq!(fixture.database.number(backwards).await, 0);
    fixture.database.drop_it().await;
}

fn at(seconds: i64) -> DateTime<Utc> {
    T0 + TimeDelta::seconds(seconds)
}

async fn due(fixture: &Fixture, now_s: i64) -> bool {
    let lines = [(fixture.source.clone(), Entity::Payments)];
    let due = fixture.store.take_due_hints(&lines, TimeDelta::seconds(15), at(now_s)).await.unwrap();
    due == lines
}

async fn raise(fixture: &Fixture, lag_s: i64, now_s: i64) {
    let lag = TimeDelta::seconds(lag_s);
    fixture.store.raise_hint(&fixture.source, Entity::Payments, lag, at(now_s)).await.unwrap();
}

#[tokio::test]
async fn a_hint_is_answered_by_a_fetch_that_begins_after_it() {
    let fixture = Fixture::new().await;
    let (store, source) = (&fixture.store, &fixture.source);
    let begin = async |now_s| store.begin_hint(source, Entity::Payments, at(now_s)).await.unwrap();
    let answer = async |hint| store.answer_hint(source, Entity::Payments, hint).await.unwrap();
    assert_eq!(begin(0).await, None);
    raise(&fixture, 0, 0).await;
    assert!(due(&fixture, 0).await);
    assert!(!due(&fixture, 1).await, "somebody has taken it");
    let first = begin(1).await.unwrap();
    raise(&fixture, 0, 2).await;
    raise(&fixture, 0, 3).await;
    answer(first).await;
    assert!(!due(&fixture, 15).await, "not so soon");
    assert!(due(&fixture, 16).await);
    answer(begin(16).await.unwrap()).await;
    assert!(!due(&fixture, 10_000).await);
    assert_eq!(begin(10_000).await, None);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn where_a_source_lags_it_is_fetched_once_more() {
    let fixture = Fixture::new().await;
    let (store, source) = (&fixture.store, &fixture.source);
    raise(&fixture, 60, 0).await;
    assert!(due(&fixture, 0).await);
    let first = store.begin_hint(source, Entity::Payments, at(5)).await.unwrap().unwrap();
    store.answer_hint(source, Entity::Payments, first).await.unwrap();
    assert!(!due(&fixture, 64).await);
    assert!(due(&fixture, 65).await);
    let second = store.begin_hint(source, Entity::Payments, at(66)).await.unwrap().unwrap();
    store.answer_hint(source, Entity::Payments, second).await.unwrap();
    assert!(!due(&fixture, 10_000).await);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_fetch_in_between_does_not_take_the_place_of_the_one_that_sees_everything() {
    let fixture = Fixture::new().await;
    let (store, source) = (&fixture.store, &fixture.source);
    let fetch = async |begun_s| {
        let hint = store.begin_hint(source, Entity::Payments, at(begun_s)).await.unwrap().unwrap();
        store.answer_hint(source, Entity::Payments, hint).await.unwrap();
    };
    raise(&fixture, 60, 0).await;
    assert!(due(&fixture, 0).await);
    fetch(5).await;
    // One by the schedule, and one that a hint led to which shows at once.
    fetch(30).await;
    assert!(!due(&fixture, 64).await);
    raise(&fixture, 0, 40).await;
    assert!(due(&fixture, 45).await);
    fetch(45).await;
    assert!(!due(&fixture, 64).await);
    assert!(due(&fixture, 65).await);
    fetch(66).await;
    assert!(!due(&fixture, 10_000).await);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn behind_a_pooler_a_hint_waits_for_a_run_that_is_alive() {
    let mut fixture = Fixture::new().await;
    let url = fixture.database.url.clone().into();
    let options = StoreOptions { url, max_connections: 1, sessions: Sessions::Shared };
    fixture.store = Store::new(&options).unwrap();
    raise(&fixture, 0, 0).await;
    // The run of the fixture.
    assert!(!due(&fixture, 1).await);
    assert!(!due(&fixture, 90).await);
    fixture.store.heartbeat(fixture.run_id, at(80)).await.unwrap();
    assert!(!due(&fixture, 170).await);
    assert!(due(&fixture, 171).await, "nobody has heard of it for too long");
    fixture.store.finish_run(fixture.run_id, &RunOutcome::default(), at(200)).await.unwrap();
    raise(&fixture, 0, 300).await;
    assert!(due(&fixture, 300).await);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_hint_waits_for_who_is_fetching_and_is_put_off_after_a_failure() {
    let fixture = Fixture::new().await;
    let (store, source) = (&fixture.store, &fixture.source);
    raise(&fixture, 0, 0).await;
    let lock = store.try_lock_producer(source, Entity::Payments, T0).await.unwrap().unwrap();
    let of_others = store.try_lock_producer(source, Entity::Contacts, T0).await.unwrap().unwrap();
    assert!(!due(&fixture, 1).await);
    lock.release().await;
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while fixture.database.number(held).await > 1 {
        tokio::task::yield_now().await;
    }
    assert!(due(&fixture, 2).await);
    store.postpone_hint(source, Entity::Payments, at(300)).await.unwrap();
    raise(&fixture, 0, 100).await;
    assert!(!due(&fixture, 299).await);
    assert!(due(&fixture, 300).await);
    of_others.release().await;
    fixture.database.drop_it().await;
}
