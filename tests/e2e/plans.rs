//! A run is a success only where its plan came to its end.

use std::collections::VecDeque;

use async_trait::async_trait;
use buffalo_connectors::{Connector, CursorState, FetchedPage, Pages, Plan, SourceError};
use buffalo_jobs::{Fetch, FetchOptions};
use buffalo_model::{Circuit, Cursor, Entity, RequestCounts, RunStatus, Source, SystemClock};
use buffalo_store::{Sessions, Store, StoreOptions};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::database::TestDatabase;
use crate::harness::World;

/// The resources are narrowed in the middle of a backfill, to those that are done already.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_with_nothing_left_to_ask_for_comes_to_its_end() {
    let mut world = World::with_charges(150).await;
    world.set("MAX_RETRIES", "0");
    world.set("BACKFILL_CONCURRENCY", "1");
    world.tell("faults", json!({"path": "/v1/refunds", "kind": {"status": 500}})).await;
    assert_eq!(world.fetch().await.expect(3).run()["status"], "partial");
    world.set("STRIPE_RESOURCES", "charges");
    let rest = world.fetch().await.expect(0).run();
    assert_eq!((&rest["status"], &rest["cursorAfter"]["phase"]), (&json!("success"), &json!("events")));
    assert!(rest["dataThrough"].is_string(), "{rest}");
    world.charge(json!({"amount": 700, "currency": "usd"})).await;
    let next = world.sync().await;
    assert_eq!((&next["mode"], &next["counts"]["recordsEnqueued"]), (&json!("incremental"), &json!(1)));
    // What was left out is listed when it is wanted again.
    world.unset("STRIPE_RESOURCES");
    world.database.run("UPDATE sync_cursors SET last_full_backfill_at = NULL").await;
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}

/// Gives out pages of which none is the last, or none at all.
#[derive(Debug)]
struct Endless {
    source: Source,
    pages: usize,
}

struct WithoutEnd(VecDeque<FetchedPage>);

#[async_trait]
impl Connector for Endless {
    fn source(&self) -> &Source {
        &self.source
    }

    fn entities(&self) -> &[Entity] {
        &[Entity::Payments]
    }

    fn assess(&self, _: Entity, cursor: Option<&Cursor>, _: DateTime<Utc>) -> CursorState {
        cursor.map_or(CursorState::Missing, |_| CursorState::Backfilling)
    }

    fn open(&self, _: Entity, _: Plan<'_>, _: DateTime<Utc>) -> Box<dyn Pages> {
        let page = |n| FetchedPage {
            records: Vec::new(),
            cursor: Cursor::new(json!(n)),
            data_through: None,
            sweep: None,
        };
        Box::new(WithoutEnd((0..self.pages).map(page).collect()))
    }

    fn census(&self, entity: Entity, _: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Box<dyn Pages> {
        self.open(entity, Plan::Backfill, now)
    }

    fn circuit(&self) -> Circuit {
        Circuit::default()
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

#[async_trait]
impl Pages for WithoutEnd {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        Ok(self.0.pop_front())
    }

    fn requests(&self) -> RequestCounts {
        RequestCounts::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_end_before_their_plan_are_no_success() {
    let database = TestDatabase::create().await;
    let options =
        StoreOptions { url: database.url.clone().into(), max_connections: 3, sessions: Sessions::Own };
    let store = Store::new(&options).unwrap();
    for (pages, status) in [(0, RunStatus::Failed), (2, RunStatus::Partial), (0, RunStatus::Failed)] {
        let connector = Endless { source: Source::new("stripe"), pages };
        let fetch = Fetch {
            store: &store,
            clock: &SystemClock,
            connector: &connector,
            entity: Entity::Payments,
            options: FetchOptions::default(),
        };
        let run = fetch.run().await.unwrap();
        assert_eq!(run.status, status, "{run:?}");
        assert!(run.error.unwrap().contains("buffalo cursors reset stripe payments"));
    }
    database.drop_it().await;
}
