//! Runs: the lock that they hold, and those that say nothing any more.

use buffalo_model::{Entity, RunStatus, Source};
use buffalo_store::{RunOutcome, StoreError};
use chrono::TimeDelta;

use crate::fixture::{Fixture, T0};

#[tokio::test]
async fn the_lock_excludes_and_its_loss_is_noticed() {
    let fixture = Fixture::new().await;
    let (store, source) = (&fixture.store, &fixture.source);
    let mut held = store.try_lock_producer(source, Entity::Payments, T0).await.unwrap().unwrap();
    assert!(store.try_lock_producer(source, Entity::Payments, T0).await.unwrap().is_none());
    let other = store.try_lock_producer(&Source::new("other"), Entity::Payments, T0).await.unwrap();
    other.unwrap().release().await;
    held.check().await.unwrap();
    let end_it = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks
                  WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    // The session of the lock that was released may not be quite gone.
    assert!(fixture.database.number(end_it).await >= 1);
    assert!(matches!(held.check().await, Err(StoreError::LockLost(_))));
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_silent_run_is_abandoned_and_may_still_say_how_it_ended() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.store.abandon_silent_runs(T0 + TimeDelta::seconds(60)).await.unwrap(), 0);
    assert_eq!(fixture.store.abandon_silent_runs(T0 + TimeDelta::seconds(91)).await.unwrap(), 1);
    let run = fixture.store.find_run(fixture.run_id).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Abandoned);
    let outcome = RunOutcome { error: Some("no answer".to_owned()), ..RunOutcome::default() };
    let run = fixture.store.finish_run(fixture.run_id, &outcome, T0).await.unwrap();
    assert_eq!(run.status, RunStatus::Failed);
    fixture.database.drop_it().await;
}
