//! Dead letters: replayed and discarded once, and never over newer data.

use buffalo_model::{DeadLetter, DeadLetterId, Entity, Normalised, Payment};
use buffalo_store::{ClaimedBatch, DeadLetterFilter, DeadRow, Replayed, UpsertRow};
use chrono::{DateTime, TimeDelta, Utc};

use crate::fixture::{Fixture, T0, payment, record};

/// Later than everything that a fixture does.
const LATER: DateTime<Utc> = DateTime::from_timestamp(1_800_003_000, 0).unwrap();

const LETTERS: &str = "SELECT count(*) FROM dead_letters";
const QUEUED: &str = "SELECT count(*) FROM ingest_outbox";

/// Gives up everything that was claimed.
async fn bury(batch: ClaimedBatch, reason: &str, now: DateTime<Utc>) {
    let dead: Vec<_> = (0..batch.rows().len())
        .map(|row| DeadRow { row, attempts: 1, stage: "normalise", reason: reason.to_owned() })
        .collect();
    batch.settle(&[], &dead, now).await.unwrap();
}

impl Fixture {
    /// Gives up everything that is in the outbox.
    async fn bury(&self, reason: &str, now: DateTime<Utc>) {
        bury(self.claim(1_000).await.unwrap(), reason, now).await;
    }

    async fn letters(&self) -> Vec<DeadLetter> {
        self.store.list_dead_letters(&DeadLetterFilter::default(), None, 1_000).await.unwrap()
    }

    async fn ids(&self) -> Vec<DeadLetterId> {
        self.letters().await.iter().map(|letter| letter.id).collect()
    }

    /// Processes everything that is in the outbox into payments of this amount.
    async fn process(&self, amount: i64) {
        let mut batch = self.claim(1_000).await.unwrap();
        let upserts: Vec<_> = (0..batch.rows().len())
            .map(|row| UpsertRow { row, value: Normalised::Payment(payment(amount)) })
            .collect();
        assert!(batch.upsert(&upserts, T0).await.unwrap().is_empty());
        batch.settle(&[], &[], T0).await.unwrap();
    }
}

#[tokio::test]
async fn a_replayed_letter_is_in_the_outbox_as_if_it_had_never_been_tried() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, r#"{"a":1}"#), record("ch_2", 0, "2")]).await.unwrap();
    let rows = "SELECT string_agg(o::text, E'\n' ORDER BY raw_id) FROM ingest_outbox o";
    // Due at the time of the replay, and behind what changed just now.
    fixture
        .database
        .run("UPDATE ingest_outbox SET available_at = to_timestamp(1800003000), lane = 'backfill'")
        .await;
    let before = fixture.database.text(rows).await;
    fixture.bury("unreadable", T0).await;
    let ids = fixture.ids().await;
    // Another one, which nobody asks for.
    fixture.write(&[record("ch_3", 0, "3")]).await.unwrap();
    fixture.bury("unreadable", T0).await;

    let done = fixture.store.replay_dead_letters(&ids, LATER).await.unwrap();
    assert_eq!(done, Replayed { replayed: 2, already_newer: 0 });
    assert_eq!(fixture.database.text(rows).await, before);
    assert_eq!(fixture.database.number(LETTERS).await, 1);
    let again = fixture.store.replay_dead_letters(&ids, LATER).await.unwrap();
    assert_eq!(again, Replayed::default());
    assert_eq!(fixture.database.number(QUEUED).await, 2);
    fixture.process(100).await;
    assert_eq!(fixture.database.number("SELECT count(*) FROM payments").await, 2);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_letter_outlives_its_raw_record_and_brings_it_back() {
    let mut fixture = Fixture::new().await;
    let mut first = record("ch_1", 0, r#"{"a":1}"#);
    first.api_version = Some("2026-10-28.endive".to_owned());
    first.context = Some(r#"{"stage":"won"}"#.to_owned());
    fixture.write(&[first, record("ch_2", 5, "2")]).await.unwrap();
    let raw = "SELECT string_agg(r::text, E'\n' ORDER BY id) FROM raw_records r";
    let before = fixture.database.text(raw).await;
    fixture.bury("unreadable", LATER).await;
    fixture.database.run("DELETE FROM raw_records").await;
    let done = fixture.store.replay_dead_letters(&fixture.ids().await, LATER).await.unwrap();
    assert_eq!(done.replayed, 2);
    assert_eq!(fixture.database.text(raw).await, before);
    // The id of the next one is not that of an old one.
    fixture.write(&[record("ch_3", 0, "3")]).await.unwrap();
    let batch = fixture.claim(10).await.unwrap();
    assert_eq!(batch.rows().len(), 3);
    let first = batch.rows().iter().find(|row| row.key.external_id == "ch_1").unwrap();
    assert_eq!(first.context.as_deref(), Some(r#"{"stage":"won"}"#));

    // What an older program buried says nothing of its run, and comes back all the same.
    bury(batch, "unreadable", LATER).await;
    fixture.database.run("UPDATE dead_letters SET run_id = NULL, api_version = NULL").await;
    fixture.database.run("DELETE FROM raw_records").await;
    fixture.store.replay_dead_letters(&fixture.ids().await, LATER).await.unwrap();
    assert_eq!(fixture.claim(10).await.unwrap().rows().len(), 3);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_replay_never_puts_old_data_over_newer() {
    let mut fixture = Fixture::new().await;
    let row = "SELECT p::text FROM payments p";
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    fixture.bury("unreadable", T0).await;
    fixture.write(&[record("ch_1", 1, "2")]).await.unwrap();
    // The letter goes first, and a newer state overtakes it.
    let old = fixture.ids().await;
    assert_eq!(fixture.store.replay_dead_letters(&old, T0).await.unwrap().replayed, 1);
    fixture.database.run("UPDATE ingest_outbox SET available_at = 'infinity' WHERE revision = 1").await;
    fixture.process(200).await;
    let newer = fixture.database.text(row).await;
    fixture.database.run("UPDATE ingest_outbox SET available_at = to_timestamp(0)").await;
    fixture.process(100).await;
    assert_eq!(fixture.database.text(row).await, newer);

    // The newer state is stored already: the letter goes, and nothing is queued for it.
    fixture.write(&[record("ch_1", 2, "3")]).await.unwrap();
    fixture.bury("unreadable", T0).await;
    fixture.write(&[record("ch_1", 3, "4")]).await.unwrap();
    fixture.process(400).await;
    let newest = fixture.database.text(row).await;
    let done = fixture.store.replay_dead_letters(&fixture.ids().await, T0).await.unwrap();
    assert_eq!(done, Replayed { replayed: 0, already_newer: 1 });
    assert_eq!((fixture.database.number(LETTERS).await, fixture.database.number(QUEUED).await), (0, 0));
    assert_eq!(fixture.database.text(row).await, newest);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn two_replays_of_the_same_letters_do_nothing_twice() {
    let mut fixture = Fixture::new().await;
    let records: Vec<_> = (0..50).map(|n| record(&format!("ch_{n}"), 0, "{}")).collect();
    fixture.write(&records).await.unwrap();
    fixture.bury("unreadable", T0).await;
    let ids = fixture.ids().await;
    // Both are held up at the letters until both are there.
    let mut barrier = fixture.database.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM dead_letters FOR UPDATE").execute(&mut *barrier).await.unwrap();
    let replay = || {
        let (store, ids) = (fixture.store.clone(), ids.clone());
        tokio::spawn(async move { store.replay_dead_letters(&ids, LATER).await.unwrap().replayed })
    };
    let (first, second) = (replay(), replay());
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while fixture.database.number(waiting).await < 2 {
        assert!(!first.is_finished() && !second.is_finished(), "nothing held a replay up");
    }
    barrier.rollback().await.unwrap();
    let mut done = [first.await.unwrap(), second.await.unwrap()];
    done.sort_unstable();
    assert_eq!(done, [0, 50]);
    assert_eq!((fixture.database.number(LETTERS).await, fixture.database.number(QUEUED).await), (0, 50));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn letters_leave_only_together_with_their_outbox_rows() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1"), record("ch_2", 0, "2")]).await.unwrap();
    fixture.bury("unreadable", T0).await;
    fixture.database.run("ALTER TABLE ingest_outbox ADD CHECK (external_id <> 'ch_2')").await;
    fixture.store.replay_dead_letters(&fixture.ids().await, LATER).await.unwrap_err();
    assert_eq!((fixture.database.number(LETTERS).await, fixture.database.number(QUEUED).await), (2, 0));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn letters_are_listed_newest_first_from_any_place_and_by_filters() {
    let mut fixture = Fixture::new().await;
    for n in 0..6 {
        fixture.write(&[record(&format!("ch_{n}"), 0, "{}")]).await.unwrap();
        let reason = if n % 2 == 0 { "unsupported_currency: EUR" } else { "missing field `id`" };
        // Two of each moment: the ids tell them apart.
        fixture.bury(reason, T0 + TimeDelta::seconds(n / 2)).await;
    }
    let all = fixture.letters().await;
    assert!(all.is_sorted_by_key(|letter| std::cmp::Reverse((letter.dead_at, letter.id))));
    assert_eq!((all[0].attempts, all[0].payload_bytes, all[0].run_id), (1, 2, Some(fixture.run_id)));
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.store.list_dead_letters(&DeadLetterFilter::default(), after, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        // The place holds also when the letter that it was read from is gone.
        after = Some(last.position());
        fixture.store.discard_dead_letters(&[last.id]).await.unwrap();
        walked.extend(page);
    }
    assert_eq!(walked, all);

    let count = async |filter| fixture.store.list_dead_letters(&filter, None, 100).await.unwrap().len();
    let none = DeadLetterFilter::default;
    assert_eq!(count(none()).await, 4);
    assert_eq!(count(DeadLetterFilter { reason: Some("FIELD `i".to_owned()), ..none() }).await, 3);
    assert_eq!(count(DeadLetterFilter { reason: Some("%".to_owned()), ..none() }).await, 0);
    assert_eq!(count(DeadLetterFilter { since: Some(T0 + TimeDelta::seconds(2)), ..none() }).await, 2);
    assert_eq!(count(DeadLetterFilter { entity: Some(Entity::Events), ..none() }).await, 0);
    assert_eq!(count(DeadLetterFilter { source: Some(fixture.source.clone()), ..none() }).await, 4);
    assert_eq!(count(DeadLetterFilter { ids: Some(vec![all[0].id, all[3].id]), ..none() }).await, 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_rehearsal_tells_what_the_database_makes_of_it_and_leaves_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    fixture.process(100).await;
    fixture.write(&[record("ch_1", 1, "2"), record("ch_2", 0, "1")]).await.unwrap();
    fixture.bury("unreadable", T0).await;
    let before = fixture.database.text("SELECT p::text FROM payments p").await;
    let mut rehearsal = fixture.store.rehearse_replay(&fixture.ids().await).await.unwrap();
    let amount = |rows: &[Option<buffalo_store::StoredRow>]| -> Vec<Option<String>> {
        rows.iter()
            .map(|row| row.as_ref().and_then(|row| row.column("amount_minor")).map(str::to_owned))
            .collect()
    };
    assert_eq!(amount(&rehearsal.stored().await.unwrap()), [Some("100".to_owned()), None]);
    let values = [payment(300), Payment { amount_minor: -1, ..payment(0) }];
    let upserts: Vec<_> = values
        .into_iter()
        .enumerate()
        .map(|(row, value)| UpsertRow { row, value: Normalised::Payment(value) })
        .collect();
    let failures = rehearsal.upsert(&upserts, LATER).await.unwrap();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].row == 1 && failures[0].reason.contains("23514"), "{failures:?}");
    assert_eq!(amount(&rehearsal.stored().await.unwrap()), [Some("300".to_owned()), None]);
    drop(rehearsal);
    assert_eq!(fixture.database.text("SELECT p::text FROM payments p").await, before);
    assert_eq!((fixture.database.number(LETTERS).await, fixture.database.number(QUEUED).await), (2, 0));
    fixture.database.drop_it().await;
}
