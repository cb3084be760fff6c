//! Pages as they are written: what is news, what is gone, and that a page and its cursor are one.

use buffalo_model::{Entity, RawRecord, RunId, Ties};
use buffalo_store::{StoreError, Sweep, Written};
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
    let twice = fixture.write_at(&[record("ch_1", 0, "1")], &[], 0).await;
    assert_eq!(
        twice.unwrap(),
        Written { cursor_version: 1, enqueued: 0, deduped: 0, ties: 0 },
        "a repeated write is known"
    );
    fixture.run_id = RunId::generate();
    let other = fixture.write_at(&[record("ch_3", 0, "3")], &[], 0).await;
    assert!(matches!(other, Err(StoreError::CursorConflict { .. })), "{other:?}");
    assert_eq!(fixture.database.number("SELECT count(*) FROM raw_records").await, 1);
    assert_eq!(fixture.database.number("SELECT version FROM sync_cursors").await, 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_a_whole_listing_no_longer_has_is_gone() {
    let mut fixture = Fixture::new().await;
    let records: Vec<_> = (0..2_500).map(|n| record(&format!("a/{n}"), 0, "{}")).collect();
    fixture.write(&records).await.unwrap();
    fixture.write(&[record("b/1", 0, "{}")]).await.unwrap();
    let sweep = Sweep {
        id_prefix: "a/".to_owned(),
        began_at: T0 + TimeDelta::seconds(10),
        payload: r#"{"status":"cancelled"}"#,
    };
    // Seen again, unchanged and changed.
    let seen = [record("a/1", 11, "{}"), record("a/2", 12, "[]")];
    let written = fixture.write_and_sweep(&seen, std::slice::from_ref(&sweep)).await.unwrap();
    assert_eq!((written.enqueued, written.deduped), (2_499, 1));
    let gone = "SELECT count(*) FROM raw_records WHERE payload LIKE '%cancelled%'";
    assert_eq!(fixture.database.number(gone).await, 2_498);
    // A second listing finds nothing more to sweep.
    let again = Sweep { began_at: T0 + TimeDelta::seconds(20), ..sweep };
    let seen = [record("a/1", 21, "{}"), record("a/2", 22, "[]")];
    assert_eq!(fixture.write_and_sweep(&seen, &[again]).await.unwrap().enqueued, 0);
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
