//! Whose calendar `primary` is.

use buffalo_model::Clock;

use super::*;

/// Reads all pages; what is known in the end of whose data they are, or the error.
async fn read_all(connector: &dyn Connector) -> Result<buffalo_model::Identity, SourceError> {
    let mut pages = connector.open(Entity::Events, Plan::Backfill, SystemClock.now());
    while pages.next().await?.is_some() {}
    Ok(pages.identity())
}

#[tokio::test]
async fn primary_is_the_calendar_of_those_whose_events_it_has() {
    let world = World::new(20).await;
    let identity = read_all(&*world.connector).await.unwrap();
    assert_eq!(identity.get("calendar primary"), Some("organizer@example.com"));
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_calendar_under_two_names_is_refused() {
    let world = World::new(20).await;
    let twice =
        [("GOOGLE_ACCESS_TOKEN", "ya29.sandbox"), ("GOOGLE_CALENDAR_ID", "primary,Organizer@example.com")];
    let connector = connector(&world.sandbox.base_url(), &twice);
    let error = read_all(&*connector).await.unwrap_err().to_string();
    assert!(error.contains("organizer@example.com") && error.contains("GOOGLE_CALENDAR_ID"), "{error}");
    world.sandbox.stop().await;
}
