//! What goes wrong, and what a run makes of it.

use super::*;

const SETTINGS: &[(&str, &str)] = &[
    ("GOOGLE_ACCESS_TOKEN", "ya29.sandbox"),
    ("HTTP_TIMEOUT_MS", "500"),
    ("MAX_RETRIES", "2"),
    ("CIRCUIT_BREAKER_THRESHOLD", "0"),
];

#[tokio::test]
async fn passing_trouble_is_sat_out() {
    let mut world = World::with_settings(100, SETTINGS).await;
    for kind in [
        json!({"status": 429}),
        json!({"status": 500}),
        json!({"status": 503, "body": "<h1>Unavailable"}),
        json!({"status": 200, "body": "{}"}),
        json!({"drop": true}),
        json!({"truncate": true}),
        json!({"html": true}),
        json!({"latency_ms": 900}),
    ] {
        world.fault(PRIMARY, 1, 1, kind.clone()).await;
        let ran = world.run(None).await;
        assert!(ran.error.is_none() && ran.requests == 3, "{kind}: {ran:?}");
    }
    world.assert_complete().await;
}

#[tokio::test]
async fn a_limit_is_waited_out_whatever_its_status() {
    let mut world = World::with_settings(100, SETTINGS).await;
    for (reason, status) in
        [("rateLimitExceeded", 403), ("userRateLimitExceeded", 403), ("rateLimitExceeded", 429)]
    {
        world.tell("gcal/refusals", json!({"reason": reason, "status": status, "times": 2})).await;
        let ran = world.run(None).await;
        assert!(ran.error.is_none(), "{ran:?}");
        assert_eq!(ran.requests, 2 + 2);
    }
    world.assert_complete().await;
    world.tell("gcal/refusals", json!({"reason": "userRateLimitExceeded", "times": 9})).await;
    let ran = world.run(None).await;
    assert!(matches!(ran.error, Some(SourceError::Unavailable { status: 403, attempts: 3, .. })), "{ran:?}");
}

#[tokio::test]
async fn what_stays_wrong_ends_the_run_and_leaves_the_cursor() {
    let mut world = World::with_settings(100, SETTINGS).await;
    world.run(None).await;
    let before = world.cursor.clone();
    for (kind, requests) in [
        (json!({"status": 401}), 1),
        (json!({"status": 429}), 3),
        (json!({"status": 500}), 3),
        (json!({"latency_ms": 900}), 3),
        (json!({"truncate": true}), 3),
        (json!({"html": true}), 3),
    ] {
        world.fault("/calendar/v3/", 1, 3, kind.clone()).await;
        let ran = world.run(None).await;
        let error = ran.error.unwrap().to_string();
        assert_eq!(ran.requests, requests, "{kind}: {error}");
        assert!(!error.contains("ya29."), "{error}");
        assert_eq!(world.cursor, before);
        let faults = format!("{}/_sandbox/faults", world.sandbox.base_url());
        world.control.delete(faults).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_calendar_that_is_not_ours_fails_the_run_after_the_others() {
    let mut world = World::new(100).await;
    for status in [403, 404] {
        // `primary` comes first, and what is after it is read nevertheless.
        let made = json!({"summary": "New", "start": {"date": "2026-11-24"}, "end": {"date": "2026-11-25"}});
        world.tell("gcal/events/team-1@example.com", made).await;
        world.fault(PRIMARY, 1, 1, json!({"status": status})).await;
        let ran = world.run(None).await;
        assert_eq!((ran.pages, ran.requests, ran.data_through), (1, 2, None), "{ran:?}");
        let error = ran.error.unwrap().to_string();
        assert!(error.contains("calendars/primary") && error.contains(&status.to_string()), "{error}");
        let of_others = |(id, stored): &(&String, &Stored)| !id.starts_with("primary/") && stored.alive;
        let states = world.states().await;
        let expected =
            states.iter().filter(|state| state["calendar"] != "primary" && state["status"] != "cancelled");
        assert_eq!(world.stored.iter().filter(of_others).count(), expected.count());
    }
    world.run(None).await;
    world.assert_complete().await;
    let order = json!({"reason": "insufficientPermissions"});
    world.tell("gcal/refusals", order).await;
    let refused = world.connector.check().await;
    assert!(matches!(refused, Err(SourceError::Unauthorised { status: 403, .. })), "{refused:?}");
    world.connector.check().await.unwrap();
}
