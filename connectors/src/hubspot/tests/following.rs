//! Incremental runs.

use super::*;

/// A world after its backfill, two hours later.
async fn followed(options: SandboxOptions) -> World {
    let mut world = World::new(options).await;
    world.run(Entity::Payments, None).await;
    world.later(7_200).await;
    world
}

#[tokio::test]
async fn an_idle_run_asks_little() {
    let mut world = followed(options()).await;
    let ran = world.run(Entity::Payments, None).await;
    assert_eq!((ran.records, ran.requests), (0, 2), "{ran:?}");
    assert!(ran.data_through.is_some());
    for deal in world.live_deals().await.iter().take(260) {
        world.control(&format!("hubspot/deals/{deal}/archive"), json!({})).await;
    }
    // The bin has three pages, and a run gets through two: the next goes on, and the one after begins again.
    let mut found = Vec::new();
    for _ in 0..3 {
        let ran = world.run(Entity::Payments, None).await;
        assert!(ran.requests <= 3, "{ran:?}");
        found.push(ran.records);
    }
    assert_eq!(found, [200, 60, 200]);
    world.assert_complete().await;
}

#[tokio::test]
async fn changes_deletions_and_merges_are_followed() {
    let mut world = followed(options()).await;
    let deals = world.live_deals().await;
    let edit = json!({ "properties": { "amount": "90071992547409.93", "deal_currency_code": "USD",
                                       "dealstage": "closedwon", "pipeline": "default" } });
    world.control(&format!("hubspot/deals/{}", deals[3]), edit).await;
    world
        .control(
            "hubspot/deals",
            json!({ "properties": { "amount": "500.50", "dealstage": "147213003",
        "pipeline": "75398214", "hs_is_closed_won": null, "hs_is_closed": null,
        "closedate": "2026-04-03T12:59:10.726Z" } }),
        )
        .await;
    world.control(&format!("hubspot/deals/{}/archive", deals[5]), json!({})).await;
    world.control(&format!("hubspot/deals/{}/merge", deals[8]), json!({ "loser": deals[7] })).await;
    world.later(7_320).await;
    let ran = world.run(Entity::Payments, None).await;
    assert_eq!(ran.records, 5, "{ran:?}");
    let merged = world.normalised(Entity::Payments).into_iter().find(|(id, _)| *id == deals[7]);
    assert_eq!(merged.map(|(_, normalised)| normalised), Some(Normalised::Gone));
    world.assert_complete().await;

    world.control(&format!("hubspot/deals/{}/restore", deals[5]), json!({})).await;
    world.later(7_500).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn a_label_that_means_two_things_is_told_apart() {
    let mut world = followed(options()).await;
    let properties = json!({ "hs_is_closed_won": null, "hs_is_closed": null, "dealstage": "147213002",
                             "pipeline": "75398214" });
    let made = world.control("hubspot/deals", json!({ "properties": properties })).await;
    world.later(7_320).await;
    world.run(Entity::Payments, None).await;
    let record = &world.stored[&(Entity::Payments, made["id"].as_str().unwrap().to_owned())];
    assert_eq!(record.context.as_deref(), Some(r#"{"stage":"open","companyCurrency":"EUR"}"#));
    world.assert_complete().await;
}

#[tokio::test]
async fn a_bulk_edit_of_one_millisecond_is_found_whole_also_in_pieces() {
    let mut world = followed(SandboxOptions { deals: 13_000, ..options() }).await;
    let edit = json!({ "count": 12_000, "properties": { "dealstage": "closedwon", "pipeline": "default" } });
    world.control("hubspot/deals/bulk-edit", edit).await;
    world.later(7_320).await;
    let first = world.run(Entity::Payments, Some(20)).await;
    assert_eq!(first.records, 4_000);
    let rest = world.run(Entity::Payments, None).await;
    assert!(rest.records >= 8_000 && rest.error.is_none(), "{rest:?}");
    world.assert_complete().await;
}

#[tokio::test]
async fn an_object_that_is_always_being_edited_is_found_all_the_same() {
    let mut world = followed(options()).await;
    let deal = world.live_deals().await.swap_remove(0);
    for minute in 1..4 {
        world.later(7_200 + minute * 60).await;
        let edit = json!({ "amount": minute.to_string(), "dealstage": "closedwon", "pipeline": "default" });
        world.control(&format!("hubspot/deals/{deal}"), json!({ "properties": edit })).await;
        world.run(Entity::Payments, None).await;
        world.assert_complete().await;
    }
}

#[tokio::test]
async fn our_clock_ahead_of_theirs_leaves_nothing_out() {
    let mut world = World::new(options()).await;
    let theirs = |s: i64| json!({ "offset_s": s - 3_600 });
    world.control("clock", theirs(0)).await;
    world.run(Entity::Payments, None).await;
    world.run(Entity::Payments, None).await;
    let deals = world.live_deals().await;
    let edit = json!({ "properties": { "amount": "1", "dealstage": "closedwon", "pipeline": "default" } });
    world.control(&format!("hubspot/deals/{}", deals[0]), edit).await;
    world.control("clock", theirs(120)).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn what_searches_do_not_show_yet_is_found_by_a_later_run() {
    let mut world = followed(options()).await;
    world.control("hubspot/search-lag", json!({ "lag_ms": 45_000 })).await;
    let deals = world.live_deals().await;
    let win = json!({ "properties": { "amount": "7", "dealstage": "closedwon", "pipeline": "default" } });
    world.control(&format!("hubspot/deals/{}", deals[3]), win.clone()).await;
    world.control("hubspot/deals", win.clone()).await;
    world.control(&format!("hubspot/deals/{}/archive", deals[5]), json!({})).await;
    world.control(&format!("hubspot/deals/{}/merge", deals[8]), json!({ "loser": deals[7] })).await;
    let ran = world.run(Entity::Payments, None).await;
    assert_eq!(ran.records, 1, "only the bin, which is listed, does not lag: {ran:?}");
    // Much later, so that only where the window begins decides what it has of the moment before that run.
    world.later(10_800).await;
    let ran = world.run(Entity::Payments, None).await;
    assert_eq!(ran.records, 5, "{ran:?}");
    world.assert_complete().await;

    // One edit before each run: every run leaves some that it can't see to those after it.
    for (step, deal) in deals[20..30].iter().enumerate() {
        world.later(14_400 + 20 * step as i64).await;
        world.control(&format!("hubspot/deals/{deal}"), win.clone()).await;
        world.run(Entity::Payments, None).await;
    }
    world.later(18_000).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn a_search_that_lags_does_not_undo_a_deletion() {
    // In the past by our clock: nothing counts as later than it came.
    let mut world = World::new(options()).await;
    world.later(-7_200).await;
    world.run(Entity::Payments, None).await;
    world.later(-600).await;
    world.control("hubspot/search-lag", json!({ "lag_ms": 300_000 })).await;
    let deal = world.live_deals().await.swap_remove(0);
    world.control(&format!("hubspot/deals/{deal}"), json!({ "properties": { "amount": "7" } })).await;
    world.later(-450).await;
    world.control(&format!("hubspot/deals/{deal}/archive"), json!({})).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
    // The edit shows by now, and the deletion does not.
    world.later(-225).await;
    let ran = world.run(Entity::Payments, Some(1)).await;
    assert_eq!(ran.records, 1, "{ran:?}");
    world.assert_complete().await;
}

#[tokio::test]
async fn a_change_that_searches_show_an_hour_late_arrives_without_a_webhook() {
    let mut world = followed(options()).await;
    world.control("hubspot/search-lag", json!({ "lag_ms": 3_600_000 })).await;
    let deal = world.live_deals().await.swap_remove(0);
    let won = json!({ "properties": { "amount": "7", "dealstage": "closedwon", "pipeline": "default" } });
    world.control(&format!("hubspot/deals/{deal}"), won).await;
    let mut found = Vec::new();
    for quarter in 1..7 {
        world.later(7_200 + quarter * 900).await;
        let ran = world.run(Entity::Payments, None).await;
        assert!(ran.requests <= 4, "{ran:?}");
        found.push(ran.records);
    }
    assert_eq!(found[..4], [0, 0, 0, 1], "an hour later");
    world.assert_complete().await;
}

#[tokio::test]
async fn what_is_named_is_read_by_its_id() {
    let mut world = World::new(options()).await;
    world.run(Entity::Payments, None).await;
    world.control("hubspot/search-lag", json!({ "lag_ms": 3_600_000 })).await;
    let deals = world.live_deals().await;
    let won = json!({ "properties": { "amount": "7", "dealstage": "closedwon", "pipeline": "default" } });
    let lately_ms = SystemClock.now().timestamp_millis() - 30_000;
    world.control(&format!("hubspot/deals/{}/archive", deals[0]), json!({ "at_ms": lately_ms })).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
    // It comes back as it was, which no search tells: its date is that of its last edit.
    world.control(&format!("hubspot/deals/{}/restore", deals[0]), json!({ "unedited": true })).await;
    world.control(&format!("hubspot/deals/{}", deals[1]), won).await;
    world.control(&format!("hubspot/deals/{}/archive", deals[2]), json!({})).await;
    world.control(&format!("hubspot/deals/{}/vanish", deals[3]), json!({})).await;
    world.control(&format!("hubspot/deals/{}/merge", deals[5]), json!({ "loser": deals[4] })).await;
    let named: Vec<Refetch> = deals[..6].iter().chain([&"made-up".to_owned()]).map(Refetch::record).collect();
    world.refetch(Entity::Payments, &named).await;
    world.assert_complete().await;
    let gone = |id: &str| world.stored[&(Entity::Payments, id.to_owned())].payload.contains("gone");
    assert!(gone(&deals[3]) && gone(&deals[4]) && gone("made-up") && !gone(&deals[5]));
}

#[tokio::test]
async fn batches_are_of_a_hundred() {
    let world = followed(options()).await;
    let wanted: Vec<Refetch> = world.live_deals().await.iter().take(250).map(Refetch::record).collect();
    let mut pages = world.connector.refetch(Entity::Payments, &wanted, world.now());
    let mut read = 0;
    while let Some(page) = pages.next().await.unwrap() {
        read += page.records.len();
    }
    // Three batches; the pipelines and the company's currency once.
    assert_eq!((read, pages.requests().made), (250, 3 + 2));
}

#[tokio::test]
async fn nothing_is_stamped_later_than_it_came() {
    let mut world = World::new(options()).await;
    let deal = world.live_deals().await.swap_remove(0);
    let far_ms = SystemClock.now().timestamp_millis() + 86_400_000;
    world
        .control(
            &format!("hubspot/deals/{deal}"),
            json!({ "at_ms": far_ms, "properties": { "amount": "7" } }),
        )
        .await;
    world.run(Entity::Payments, None).await;
    let stamped = world.stored.values().map(|record| record.observed_at).max().unwrap();
    assert!(stamped <= SystemClock.now(), "{stamped}");
}
