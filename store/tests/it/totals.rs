//! Running totals: every fact is counted once.

use std::sync::Arc;

use buffalo_model::{Mode, RequestCounts, RunId, RunStatus};
use buffalo_store::{Counter, NewRun, RecordOutcome, RunOutcome, Store, Totals};
use chrono::TimeDelta;
use tokio::sync::Barrier;

use crate::fixture::{Fixture, T0, record};

pub(crate) async fn total(store: &Store, counter: Counter, outcome: &str) -> i64 {
    let totals = store.measure(T0).await.unwrap().totals;
    let found = totals.iter().filter(|total| total.counter == counter && total.outcome == outcome);
    found.map(|total| total.total).sum()
}

#[tokio::test]
async fn a_page_or_an_end_that_is_written_again_is_counted_once() {
    let mut it = Fixture::new().await;
    let records = [record("ch_1", 0, "1"), record("ch_2", 0, "2")];
    it.write(&records).await.unwrap();
    // As after a lost connection: the same page, at the version before.
    it.write_at(&records, it.version - 1).await.unwrap();
    assert_eq!(total(&it.store, Counter::Records, "fetched").await, 2);
    assert_eq!(total(&it.store, Counter::Pages, "").await, 1);
    let requests = RequestCounts { made: 3, retries: 1, by_outcome: [2, 1, 0, 0, 0] };
    for _ in 0..2 {
        let outcome = RunOutcome { requests, ..RunOutcome::default() };
        let run = it.store.finish_run(it.run_id, &outcome, T0).await.unwrap();
        assert_eq!(run.status, RunStatus::Success);
    }
    assert_eq!(total(&it.store, Counter::Runs, "success").await, 1);
    assert_eq!(total(&it.store, Counter::Requests, "throttled").await, 1);
    assert_eq!(total(&it.store, Counter::Retries, "").await, 1);
    it.database.drop_it().await;
}

#[tokio::test]
async fn every_way_in_which_a_run_ends_is_counted() {
    let it = Fixture::new().await;
    let run = |status| NewRun {
        run_id: RunId::generate(),
        source: "stripe",
        entity: "payments",
        mode: Mode::Incremental,
        status,
    };
    it.store.start_run(&run(RunStatus::Skipped), T0).await.unwrap();
    assert_eq!(total(&it.store, Counter::Runs, "skipped").await, 1);
    // The lock says that the fixture's run has no process any more.
    it.store.start_run(&run(RunStatus::Running), T0).await.unwrap();
    assert_eq!(total(&it.store, Counter::Runs, "abandoned").await, 1);
    it.store.abandon_silent_runs(T0 + TimeDelta::hours(1)).await.unwrap();
    it.store.abandon_silent_runs(T0 + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(total(&it.store, Counter::Runs, "abandoned").await, 2);
    it.database.drop_it().await;
}

/// Two processes that report the same counters at once, first seen in opposite orders.
#[tokio::test(flavor = "multi_thread")]
async fn reports_at_once_neither_block_each_other_nor_get_lost() {
    let it = Fixture::new().await;
    let barrier = Arc::new(Barrier::new(2));
    let mut reporting = Vec::new();
    for first in [0, 1] {
        let (store, barrier) = (it.store.clone(), Arc::clone(&barrier));
        reporting.push(tokio::spawn(async move {
            for _ in 0..50 {
                let mut totals = Totals::default();
                for n in 0..20 {
                    let source = format!("source-{}", if first == 0 { n } else { 19 - n });
                    totals.records(&source, "payments", RecordOutcome::Processed, 1);
                }
                barrier.wait().await;
                store.credit_runs(&[], &totals, T0).await.unwrap();
            }
        }));
    }
    for report in reporting {
        report.await.unwrap();
    }
    assert_eq!(total(&it.store, Counter::Records, "processed").await, 2 * 50 * 20);
    it.database.drop_it().await;
}
