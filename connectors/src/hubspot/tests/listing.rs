//! Backfills.

use super::*;

#[tokio::test]
async fn a_backfill_finds_everything_in_either_version() {
    for version in ["2026-09", "v3"] {
        let mut world = World::with_settings(options(), &[("HUBSPOT_API_VERSION", version)]).await;
        let ran = world.run(Entity::Payments, None).await;
        // Five pages of deals, one of the bin; one search for how many there are; pipelines and the company's currency once.
        assert_eq!((ran.pages, ran.records, ran.requests), (6, 450, 9), "{ran:?}");
        assert!(ran.data_through.is_some());
        world.run(Entity::Contacts, None).await;
        world.assert_complete().await;
        assert_eq!(world.live(Entity::Contacts), 230);
        let record = world.stored.values().next().unwrap();
        assert_eq!(record.api_version.as_deref(), Some(version));
        world.connector.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_backfill_goes_on_where_it_was_stopped() {
    for at_once in ["1", "8"] {
        let options = SandboxOptions { deals: 2_500, ..options() };
        let mut world = World::with_settings(options, &[("BACKFILL_CONCURRENCY", at_once)]).await;
        let mut runs = 0;
        loop {
            let cursor = world.cursors.get(&Entity::Payments);
            match world.connector.assess(Entity::Payments, cursor, SystemClock.now()) {
                CursorState::Missing | CursorState::Backfilling => {}
                CursorState::Current => break,
                stale @ CursorState::Stale(_) => panic!("{stale:?}"),
            }
            world.run(Entity::Payments, Some(3)).await;
            runs += 1;
            assert!(runs < 10, "no end");
        }
        assert!(runs >= 5);
        world.assert_complete().await;
    }
}

#[tokio::test]
async fn what_changes_during_a_backfill_is_found_after_it() {
    let mut world = World::new(options()).await;
    world.run(Entity::Payments, Some(2)).await;
    let deals = world.live_deals().await;
    let body =
        json!({ "properties": { "amount": "123456.78", "dealstage": "closedwon", "pipeline": "default" } });
    world.control(&format!("hubspot/deals/{}", deals[0]), body).await;
    world.control(&format!("hubspot/deals/{}/archive", deals[1]), json!({})).await;
    world.run(Entity::Payments, None).await;
    // A minute later the search shows it.
    world.later(120).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn a_backfill_by_searches_that_lag_loses_and_buries_nothing() {
    let mut world = World::new(SandboxOptions { deals: 1_450, ..options() }).await;
    let won =
        json!({ "properties": { "amount": "123.45", "dealstage": "closedwon", "pipeline": "default" } });
    world.run(Entity::Payments, None).await;
    world.later(7_200).await;
    // Stored, and then not shown by searches that lag.
    let made = world.control("hubspot/deals", won.clone()).await;
    world.run(Entity::Payments, None).await;
    world.control("hubspot/search-lag", json!({ "lag_ms": 300_000 })).await;
    world.later(7_320).await;
    let deals = world.live_deals().await;
    world.control(&format!("hubspot/deals/{}", deals[0]), won.clone()).await;
    world.control(&format!("hubspot/deals/{}/archive", deals[1]), json!({})).await;
    world.control(&format!("hubspot/deals/{}/merge", deals[2]), json!({ "loser": deals[3] })).await;
    world.control("hubspot/deals", won).await;

    world.cursors.clear();
    world.run(Entity::Payments, None).await;
    let key = (Entity::Payments, made["id"].as_str().unwrap().to_owned());
    assert_ne!(world.stored[&key].payload, super::super::records::GONE);
    world.later(7_800).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn a_second_backfill_buries_what_nobody_told_of() {
    let mut world = World::new(options()).await;
    world.run(Entity::Payments, None).await;
    let key = (Entity::Payments, "4711".to_owned());
    let mut ghost = world.stored.values().next().unwrap().clone();
    ghost.external_id = "4711".to_owned();
    ghost.observed_at = "2026-01-01T00:00:00Z".parse().unwrap();
    world.stored.insert(key.clone(), ghost);
    world.cursors.clear();
    world.run(Entity::Payments, None).await;
    assert_eq!(world.stored[&key].payload, super::super::records::GONE);
    world.assert_complete().await;
}

/// However it is read: a small account by its list, a large one by searches.
#[tokio::test]
async fn what_a_search_index_lacks_is_not_deleted() {
    for deals in [40, 1_450] {
        let mut world = World::new(SandboxOptions { deals, ..options() }).await;
        world.run(Entity::Payments, None).await;
        let live = world.live_deals().await;
        let edit =
            json!({ "properties": { "amount": "7", "dealstage": "closedwon", "pipeline": "default" } });
        world.control(&format!("hubspot/deals/{}", live[2]), edit).await;
        world.control(&format!("hubspot/deals/{}/archive", live[3]), json!({})).await;
        world.control(&format!("hubspot/deals/{}/vanish", live[4]), json!({})).await;
        world.control(&format!("hubspot/deals/{}/merge", live[6]), json!({ "loser": live[5] })).await;
        world.control("hubspot/oddities", json!({ "unindexed": &live[..7] })).await;
        world.later(7_200).await;
        world.cursors.clear();
        let ran = world.run(Entity::Payments, None).await;
        assert!(ran.error.is_none(), "{ran:?}");
        world.assert_complete().await;
        for gone in [&live[4], &live[5]] {
            assert!(world.stored[&(Entity::Payments, gone.clone())].payload.contains("gone"));
        }
    }
}

/// A small account is listed, so that nothing is missing from the beginning.
#[tokio::test]
async fn a_small_account_is_whole_whatever_searches_say() {
    for unindexed in [true, false] {
        let mut world = World::new(SandboxOptions { deals: 40, ..options() }).await;
        let odd = match unindexed {
            true => json!({ "unindexed": &world.live_deals().await[..3] }),
            false => json!({ "no_results": true }),
        };
        world.control("hubspot/oddities", odd).await;
        let ran = world.run(Entity::Payments, None).await;
        assert_eq!((ran.pages, ran.records, ran.error.is_none()), (2, 40, true), "{ran:?}");
        world.assert_complete().await;
    }
}

#[tokio::test]
async fn a_total_that_contradicts_the_results_is_an_error() {
    let mut world = World::new(SandboxOptions { deals: 1_450, ..options() }).await;
    world.control("hubspot/oddities", json!({ "no_results": true })).await;
    let ran = world.run(Entity::Payments, None).await;
    assert!(matches!(ran.error, Some(SourceError::Malformed { .. })), "{ran:?}");
    world.control("hubspot/oddities", json!({})).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
    let before = world.cursors[&Entity::Payments].clone();
    world.control("hubspot/deals", json!({ "properties": { "amount": "7" } })).await;
    world.control("hubspot/oddities", json!({ "no_results": true })).await;
    let ran = world.run(Entity::Payments, None).await;
    assert!(matches!(ran.error, Some(SourceError::Malformed { .. })), "{ran:?}");
    assert_eq!(world.cursors[&Entity::Payments], before);
}

#[tokio::test]
async fn an_empty_account_is_complete_at_once() {
    let mut world = World::new(SandboxOptions { deals: 0, contacts: 0, ..options() }).await;
    for entity in [Entity::Payments, Entity::Contacts] {
        let ran = world.run(entity, None).await;
        assert_eq!((ran.pages, ran.records, ran.requests), (2, 0, 2), "{ran:?}");
    }
}

#[tokio::test]
async fn a_census_lists_everything_whatever_is_stored() {
    let mut world = World::new(options()).await;
    world.run(Entity::Contacts, None).await;
    for entity in [Entity::Payments, Entity::Contacts] {
        let mut pages = world.connector.census(entity, Some(world.now()), world.now());
        let mut listed = 0;
        while let Some(page) = pages.next().await.unwrap() {
            listed += page.records.len();
        }
        assert_eq!(listed, if entity == Entity::Payments { 450 } else { 230 });
    }
    assert!(
        world.connector.open(Entity::Events, Plan::Backfill, world.now()).next().await.unwrap().is_none()
    );
}
