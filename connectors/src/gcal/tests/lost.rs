//! Places that Google no longer accepts.

use super::*;

/// Removes three live events of a calendar without a trace.
async fn vanish(world: &World) -> Vec<String> {
    let states = world.states().await;
    let alive =
        states.iter().filter(|state| state["status"] == "confirmed" && state["calendar"] == "primary");
    let gone: Vec<String> = alive.take(3).map(key).collect();
    for id in &gone {
        world.tell(&format!("gcal/events/{id}/vanish"), json!({})).await;
    }
    gone
}

#[tokio::test]
async fn a_lost_sync_token_leads_to_a_whole_listing_and_a_sweep() {
    let mut world = World::new(5_000).await;
    world.run(None).await;
    let gone = vanish(&world).await;
    world.tell("gcal/expire", json!({"sync": true})).await;
    let ran = world.run(None).await;
    assert!(ran.error.is_none(), "{ran:?}");
    assert_eq!(ran.requests, 2 + 6, "two refusals, six pages");
    world.assert_complete().await;
    for id in gone {
        let stored = &world.stored[&id];
        assert!(
            !stored.alive && stored.event.as_ref().unwrap().title.is_some(),
            "{id} is gone, not forgotten"
        );
    }
    assert_eq!(world.run(None).await.requests, 2);
}

#[tokio::test]
async fn a_lost_page_token_leads_to_a_whole_listing() {
    let mut world = World::new(5_000).await;
    world.run(Some(1)).await;
    vanish(&world).await;
    world.tell("gcal/expire", json!({"pages": true})).await;
    let ran = world.run(None).await;
    assert!(ran.error.is_none(), "{ran:?}");
    assert_eq!(ran.requests, 1 + 6, "one refusal, six pages");
    world.assert_complete().await;
}

#[tokio::test]
async fn a_token_of_other_parameters_leads_to_a_whole_listing() {
    let mut world = World::new(5_000).await;
    world.run(None).await;
    let url = format!("{}{PRIMARY}/events?showDeleted=true&maxResults=2500", world.sandbox.base_url());
    let page =
        world.control.get(url).bearer_auth("ya29.sandbox").send().await.unwrap().bytes().await.unwrap();
    let page: Value = serde_json::from_slice(&page).unwrap();
    let mut cursor = world.cursor.clone().unwrap().into_value();
    cursor["calendars"]["primary"]["sync_token"] = page["nextSyncToken"].clone();
    world.cursor = Some(Cursor::new(cursor));
    let ran = world.run(None).await;
    assert!(ran.error.is_none(), "{ran:?}");
    assert_eq!(ran.requests, 1 + 3 + 1);
    world.assert_complete().await;
}

#[tokio::test]
async fn a_listing_whose_own_pages_are_refused_ends() {
    let mut world = World::new(5_000).await;
    let alone = [("GOOGLE_ACCESS_TOKEN", "ya29.sandbox"), ("GOOGLE_CALENDAR_ID", "primary")];
    world.connector = connector(&world.sandbox.base_url(), &alone);
    for nth in [2, 4, 6] {
        world.fault(PRIMARY, nth, 1, json!({"status": 410})).await;
    }
    let ran = world.run(None).await;
    assert!(matches!(ran.error, Some(SourceError::Refused { status: 410, .. })), "{ran:?}");
    assert_eq!(ran.requests, 4, "begun anew once");
}
