//! Requests to read records again: which are due, and which were answered.

use buffalo_model::{Entity, Refetch};
use buffalo_store::{DueRefetch, RefetchRequest};
use chrono::{DateTime, TimeDelta, Utc};

use crate::fixture::{Fixture, T0};

async fn request(fixture: &Fixture, refetches: &[Refetch], due_at: DateTime<Utc>, now: DateTime<Utc>) {
    let reason = "a test";
    let requests: Vec<RefetchRequest> =
        refetches.iter().map(|refetch| RefetchRequest { refetch: refetch.clone(), reason, due_at }).collect();
    fixture.store.request_refetches(&fixture.source, Entity::Payments, &requests, now).await.unwrap();
}

async fn due(fixture: &Fixture, now: DateTime<Utc>) -> Vec<DueRefetch> {
    fixture.store.due_refetches(&fixture.source, Entity::Payments, 100, now).await.unwrap()
}

fn names(due: &[DueRefetch]) -> Vec<Refetch> {
    due.iter().map(|due| due.refetch.clone()).collect()
}

#[tokio::test]
async fn an_answered_request_is_deleted_unless_it_was_made_again() {
    let fixture = Fixture::new().await;
    let (charge, returns) = (Refetch::record("ch_1"), Refetch::returns("ch_1"));
    request(&fixture, &[charge.clone(), returns.clone(), charge.clone()], T0, T0).await;
    let taken = due(&fixture, T0).await;
    assert_eq!(names(&taken), [charge.clone(), returns]);
    request(&fixture, std::slice::from_ref(&charge), T0, T0 + TimeDelta::seconds(1)).await;
    fixture.store.finish_refetches(&fixture.source, Entity::Payments, &taken).await.unwrap();
    assert_eq!(names(&due(&fixture, T0).await), [charge]);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_request_waits_until_it_is_due_and_longer_after_each_refusal() {
    let fixture = Fixture::new().await;
    let later = T0 + TimeDelta::minutes(5);
    request(&fixture, &[Refetch::record("ch_1")], later, T0).await;
    assert_eq!(due(&fixture, T0).await, []);
    let mut now = later;
    for attempts in 0..3 {
        let taken = due(&fixture, now).await;
        assert_eq!(taken.iter().map(|due| due.attempts).collect::<Vec<_>>(), [attempts]);
        fixture.store.postpone_refetches(&fixture.source, Entity::Payments, &taken, now).await.unwrap();
        now += TimeDelta::minutes(1 << attempts);
        assert_eq!(due(&fixture, now - TimeDelta::seconds(1)).await, []);
    }
    // Those that were never refused come first; a new request for the same record begins anew.
    request(&fixture, &[Refetch::record("ch_2")], now, now).await;
    assert_eq!(names(&due(&fixture, now).await), [Refetch::record("ch_2"), Refetch::record("ch_1")]);
    request(&fixture, &[Refetch::record("ch_1")], now, now).await;
    assert!(due(&fixture, now).await.iter().all(|due| due.attempts == 0));
    fixture.database.drop_it().await;
}
