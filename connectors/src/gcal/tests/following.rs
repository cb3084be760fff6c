//! Listing calendars and following their changes.

use super::*;

#[tokio::test]
async fn everything_arrives_and_every_later_change() {
    let mut world = World::new(5_000).await;
    let ran = world.run(None).await;
    assert_eq!((ran.records, ran.requests), (5_000, 6), "{ran:?}");
    world.assert_complete().await;
    let longest = world.stored.values().filter_map(|stored| stored.event.as_ref()?.description.as_ref());
    assert!(longest.map(|text| text.chars().count()).max().unwrap() > 5_000);

    let idle = world.run(None).await;
    assert_eq!((idle.records, idle.requests), (0, 2), "one request a calendar: {idle:?}");
    assert!(idle.data_through >= ran.data_through && ran.data_through.is_some());

    let states = world.states().await;
    let alive: Vec<&Value> = states
        .iter()
        .filter(|state| state["calendar"] == "primary" && state["status"] == "confirmed")
        .collect();
    let path = |n: usize| format!("gcal/events/primary/{}", alive[n]["id"].as_str().unwrap());
    world.tell(&path(0), json!({"start": {"date": "2026-11-24"}, "end": {"date": "2026-11-27"}})).await;
    world.tell(&format!("{}/cancel", path(1)), json!({})).await;
    let weekly = json!({"id": "weekly", "summary": "Weekly", "recurrence": ["RRULE:FREQ=WEEKLY"],
                        "start": {"dateTime": "2026-11-23T09:00:00+01:00", "timeZone": "Europe/Berlin"},
                        "end": {"dateTime": "2026-11-23T10:00:00+01:00", "timeZone": "Europe/Berlin"}});
    world.tell("gcal/events/team-1@example.com", weekly).await;
    let moved = json!({"originalStartTime": {"dateTime": "2026-11-30T09:00:00+01:00"},
                       "start": {"dateTime": "2026-11-30T14:00:00+01:00"}, "summary": "Weekly, later"});
    world.tell("gcal/events/team-1@example.com/weekly/occurrences", moved).await;
    let dropped =
        json!({"originalStartTime": {"dateTime": "2026-12-07T09:00:00+01:00"}, "status": "cancelled"});
    world.tell("gcal/events/team-1@example.com/weekly/occurrences", dropped).await;
    let ran = world.run(None).await;
    assert_eq!((ran.records, ran.requests), (5, 2), "{ran:?}");
    world.assert_complete().await;
    let cancelled = &world.stored[&key(alive[1])];
    assert_eq!(cancelled.event.as_ref().unwrap().title.as_deref(), alive[1]["title"].as_str(), "still known");
    let dropped = &world.stored["team-1@example.com/weekly_20261207T080000Z"];
    let known = dropped.event.as_ref().unwrap();
    assert!(!dropped.alive && known.original_start.is_some());
    assert_eq!(known.recurring_event_external_id.as_deref(), Some("team-1@example.com/weekly"));

    world
        .tell(&path(1), json!({"status": "confirmed", "summary": "Back", "start": {"date": "2026-11-24"}}))
        .await;
    world.run(None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn a_listing_that_was_interrupted_goes_on() {
    let mut world = World::new(5_000).await;
    for _ in 0..2 {
        assert_eq!(world.run(Some(1)).await.pages, 1);
    }
    assert_eq!(world.run(None).await.requests, 4, "of six pages none twice");
    assert_eq!(
        world.connector.assess(Entity::Events, world.cursor.as_ref(), SystemClock.now()),
        CursorState::Current
    );
    world.assert_complete().await;
}

#[tokio::test]
async fn an_empty_page_is_no_end() {
    let mut world = World::new(5_000).await;
    world.tell("gcal/empty-pages", json!({"calendar": "primary", "count": 1})).await;
    let ran = world.run(None).await;
    assert_eq!((ran.records, ran.requests), (5_000, 7), "{ran:?}");
    world.assert_complete().await;
}

#[tokio::test]
async fn a_calendar_that_is_added_is_listed_beside_the_others() {
    let mut world = World::new(5_000).await;
    let both = Arc::clone(&world.connector);
    let alone = [("GOOGLE_ACCESS_TOKEN", "ya29.sandbox"), ("GOOGLE_CALENDAR_ID", "primary")];
    world.connector = connector(&world.sandbox.base_url(), &alone);
    assert_eq!(world.run(None).await.requests, 3);
    world.connector = both;
    assert_eq!(world.run(None).await.requests, 4, "three pages of the new one");
    world.assert_complete().await;
}

#[tokio::test]
async fn an_answer_that_looks_older_than_the_one_before_is_not() {
    let mut world = World::new(5_000).await;
    assert_eq!(world.run(Some(1)).await.pages, 1);
    // As if the next answers had taken half a minute to arrive.
    world.tell("clock", json!({"offset_s": -30})).await;
    world.run(None).await;
    world.assert_complete().await;

    let states = world.states().await;
    let alive = states.iter().find(|state| state["status"] == "confirmed").unwrap();
    world.tell("clock", json!({"offset_s": -60})).await;
    world.tell(&format!("gcal/events/{}", key(alive)), json!({"summary": "Newer"})).await;
    world.run(None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn a_calendar_that_leaves_the_configuration_leaves_its_events() {
    let mut world = World::new(2_000).await;
    world.run(None).await;
    let both = Arc::clone(&world.connector);
    let alone = [("GOOGLE_ACCESS_TOKEN", "ya29.sandbox"), ("GOOGLE_CALENDAR_ID", "primary")];
    world.connector = connector(&world.sandbox.base_url(), &alone);
    let ran = world.run(None).await;
    assert!(ran.error.is_none() && ran.requests == 1, "{ran:?}");
    let left = |(id, stored): &(&String, &Stored)| stored.alive && !id.starts_with("primary/");
    assert_eq!(world.stored.iter().filter(left).count(), 0);
    assert!(world.stored.values().any(|stored| stored.alive));
    assert_eq!(world.run(None).await.pages, 1, "once");
    // It comes back as any calendar that is added.
    world.connector = both;
    world.run(None).await;
    world.assert_complete().await;
}
