//! Pages as they are written: what is news, what is gone, and that a page and its cursor are one.

use buffalo_model::{Entity, RawRecord, RunId, Ties};
use buffalo_store::{StoreError, Unseen, Written};
use chrono::TimeDelta;

use crate::fixture::{Fixture, T0, record};

#[tokio::test]
async fn equal_content_is_skipped_against_the_newest_state_only() {
    let mut fixture = Fixture::new().await;
    for (second, payload, enqueued) in
        [(0, r#"{"s":"a"}"#, 1), (1, r#"{ "s": "a" }"#, 0), (2, r#"{"s":"b"}"#, 1), (3, r#"{"s":"a"}"#, 1)]
    {
        let written = fixture.write(&[record("ch_1", second, payload)]).await.unwrap();
        assert_eq!(written.enqueued, enqueued, "{payload} at {second}");
        assert_eq!(written.deduped, 1 - enqueued);
    }
    let states = "SELECT string_agg(payload, '' ORDER BY revision) FROM raw_records";
    assert_eq!(fixture.database.text(states).await, r#"{"s":"a"}{"s":"b"}{"s":"a"}"#);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn an_older_state_that_arrives_later_changes_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, r#""a""#)]).await.unwrap();
    // The same seen again: so it was true all the time up to then.
    fixture.write(&[record("ch_1", 10, r#""a""#)]).await.unwrap();
    assert_eq!(fixture.write(&[record("ch_1", 5, r#""b""#)]).await.unwrap().enqueued, 0);
    // Of two with the same time the later one to arrive holds.
    assert_eq!(fixture.write(&[record("ch_1", 10, r#""c""#)]).await.unwrap().enqueued, 1);
    // On one page the newest is taken, wherever it stands.
    let page = [record("ch_1", 20, r#""e""#), record("ch_1", 15, r#""d""#)];
    assert_eq!(fixture.write(&page).await.unwrap().enqueued, 1);
    let newest = "SELECT payload FROM raw_records ORDER BY revision DESC LIMIT 1";
    assert_eq!(fixture.database.text(newest).await, r#""e""#);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_page_and_its_cursor_are_stored_both_or_neither() {
    let mut fixture = Fixture::new().await;
    fixture.write(&[record("ch_1", 0, "1")]).await.unwrap();
    // As after a connection that broke at the very commit.
    let twice = fixture.write_at(&[record("ch_1", 0, "1")], 0).await;
    assert_eq!(
        twice.unwrap(),
        Written { cursor_version: 1, enqueued: 0, deduped: 0, ties: 0 },
        "a repeated write is known"
    );
    fixture.run_id = RunId::generate();
    let other = fixture.write_at(&[record("ch_3", 0, "3")], 0).await;
    assert!(matches!(other, Err(StoreError::CursorConflict { .. })), "{other:?}");
    assert_eq!(fixture.database.number("SELECT count(*) FROM raw_records").await, 1);
    assert_eq!(fixture.database.number("SELECT version FROM sync_cursors").await, 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_a_whole_listing_did_not_show_is_named() {
    let mut fixture = Fixture::new().await;
    let records: Vec<_> = (0..2_500).map(|n| record(&format!("a/{n:04}"), 0, "{}")).collect();
    fixture.write(&records).await.unwrap();
    fixture.write(&[record("b/1", 0, "{}")]).await.unwrap();
    // Seen again, unchanged and changed.
    fixture.write(&[record("a/0001", 11, "{}"), record("a/0002", 12, "[]")]).await.unwrap();
    // Gone, and known to be; gone once, and back since, with that still to be processed.
    let gone = |id: &str| {
        format!(
            "INSERT INTO payments (source, entity, external_id, kind, status, raw_status, amount_minor, currency, occurred_at,
                                   observed_at, revision, raw_id, deleted_at, created_at, updated_at)
             VALUES ('stripe', 'payments', '{id}', 'unknown', 'VOIDED', 'deleted', 0, 'XXX', now(), now(), 1, 0, now(),
                     now(), now())"
        )
    };
    fixture.run(&gone("a/0003")).await;
    fixture.run(&gone("a/0004")).await;
    fixture.run("UPDATE record_heads SET revision = 2 WHERE external_id = 'a/0004'").await;
    let began_at = T0 + TimeDelta::seconds(10);
    let source = fixture.source.clone();
    let unseen = Unseen { source: &source, entity: Entity::Payments, id_prefix: "a/", began_at };
    let (mut after, mut named) = (String::new(), Vec::new());
    loop {
        let ids = fixture.store.unseen(&unseen, &after, &["a/0005"], 1_000).await.unwrap();
        let Some(last) = ids.last() else { break };
        after = last.clone();
        named.extend(ids);
    }
    assert_eq!(named.len(), 2_500 - 2 - 1 - 1);
    assert_eq!(named[..3], ["a/0000", "a/0004", "a/0006"]);
    assert_eq!(fixture.store.count_stored(&source, Entity::Payments, "a/").await.unwrap(), 0);
    fixture.database.drop_it().await;
}

/// A state of which no more than the second is known.
fn event(id: &str, second: i64, payload: &str) -> RawRecord {
    let state = record(id, second, payload);
    RawRecord { observed_at: state.observed_at + TimeDelta::microseconds(999_999), ..state }
}

#[tokio::test]
async fn a_tie_is_read_again_where_the_order_of_writing_says_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.ties = Ties::ReadAgain;
    fixture.write(&[event("ch_1", 10, "1"), event("ch_2", 10, "1")]).await.unwrap();
    let page = [event("ch_1", 10, "2"), event("ch_2", 10, " 1 "), event("ch_3", 10, "1")];
    let written = fixture.write(&page).await.unwrap();
    assert_eq!((written.enqueued, written.deduped, written.ties), (1, 2, 1));
    let asked = "SELECT string_agg(external_id || ' ' || part, ',') FROM refetch_requests";
    assert_eq!(fixture.database.text(asked).await, "ch_1 record");
    let known = "SELECT string_agg(payload, '' ORDER BY id) FROM raw_records WHERE external_id = 'ch_1'";
    assert_eq!(fixture.database.text(known).await, "1");
    // What was read is asked for one after the other: the later holds.
    for payload in ["2", "3"] {
        let written = fixture.write(&[record("ch_1", 11, payload)]).await.unwrap();
        assert_eq!((written.enqueued, written.ties), (1, 0));
    }
    // A head in doubt ties with nothing.
    let at = event("ch_2", 10, "").observed_at;
    fixture.store.doubt(&fixture.source, Entity::Payments, &["ch_2"], at).await.unwrap();
    assert_eq!(fixture.write(&[event("ch_2", 10, "2")]).await.unwrap().enqueued, 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_a_wrong_clock_stamped_holds_nothing_up() {
    let mut fixture = Fixture::new().await;
    fixture
        .write(&[record("ch_1", 7_200, "1"), record("ch_2", 300, "1"), record("ch_3", 7_200, "1")])
        .await
        .unwrap();
    let page = [record("ch_1", 5, "2"), record("ch_2", 5, "2"), record("ch_3", 5, "1")];
    assert_eq!(fixture.write(&page).await.unwrap().enqueued, 1, "five minutes may be a clock of ours");
    assert_eq!(
        fixture.write(&[record("ch_3", 6, "2")]).await.unwrap().enqueued,
        1,
        "seen again, it was stamped anew"
    );
    fixture.database.drop_it().await;
}
