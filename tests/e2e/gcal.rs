//! Google Calendar: events.

use std::collections::BTreeMap;
use std::time::Duration;

use buffalo_connectors::sandbox::SERVICE_ACCOUNT_KEY;
use serde_json::{Value, json};

use crate::harness::{World, kill};

/// What is alive is what Google has, with its title and status, and nothing waits.
async fn assert_complete(world: &World) {
    let mut expected = BTreeMap::new();
    for event in world.ask("gcal/objects").await.as_array().unwrap() {
        if event["status"] != "cancelled" {
            let id = format!("{}/{}", event["calendar"].as_str().unwrap(), event["id"].as_str().unwrap());
            let title = event["title"].as_str().unwrap_or_default().to_owned();
            expected.insert(id, (event["status"].as_str().unwrap().to_owned(), title));
        }
    }
    let sql = "SELECT external_id, raw_status, coalesce(title, '') FROM events WHERE deleted_at IS NULL";
    let stored: Vec<(String, String, String)> =
        sqlx::query_as(sql).fetch_all(&world.database.pool).await.unwrap();
    let stored: BTreeMap<_, _> =
        stored.into_iter().map(|(id, status, title)| (id, (status, title))).collect();
    assert_eq!(stored.len(), expected.len(), "live events");
    for (id, state) in &expected {
        assert_eq!(stored.get(id), Some(state), "{id}");
    }
    assert_eq!(world.database.number("SELECT count(*) FROM ingest_outbox").await, 0);
    assert_eq!(world.database.number("SELECT count(*) FROM dead_letters").await, 0);
}

async fn requests(world: &World) -> i64 {
    world.ask("requests").await["total"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_later_change_arrives() {
    let world = World::with_calendars(3_000, 2).await;
    assert_eq!(world.sync().await["mode"], "full");
    assert_complete(&world).await;

    let new = json!({"summary": "Kick-off", "start": {"date": "2026-11-24"}, "end": {"date": "2026-11-26"}});
    let new = world.tell("gcal/events/primary", new).await["id"].as_str().unwrap().to_owned();
    let series = json!({"id": "series", "summary": "Weekly", "recurrence": ["RRULE:FREQ=WEEKLY"],
                        "start": {"dateTime": "2026-11-23T09:00:00+01:00", "timeZone": "Europe/Berlin"},
                        "end": {"dateTime": "2026-11-23T10:00:00+01:00", "timeZone": "Europe/Berlin"}});
    world.tell("gcal/events/team-1@example.com", series).await;
    let exception = json!({"id": "series_20261130T080000Z", "summary": "Weekly, later", "recurringEventId": "series",
                           "originalStartTime": {"dateTime": "2026-11-30T08:00:00Z"},
                           "start": {"dateTime": "2026-11-30T13:00:00Z"}, "end": {"dateTime": "2026-11-30T14:00:00Z"}});
    world.tell("gcal/events/team-1@example.com", exception).await;
    assert_eq!(world.sync().await["mode"], "incremental");
    assert_complete(&world).await;

    // What is on the 25th: the second day of the kick-off.
    let on_that_day = "SELECT string_agg(title, ',') FROM events
                       WHERE deleted_at IS NULL AND start_date <= '2026-11-25' AND end_date > '2026-11-25'";
    assert_eq!(world.database.text(on_that_day).await, "Kick-off");
    let series_of = "SELECT string_agg(e.title, ',' ORDER BY e.external_id) FROM events e JOIN events s
                     ON s.external_id = e.recurring_event_external_id WHERE s.recurrence = 'RRULE:FREQ=WEEKLY' AND s.title = 'Weekly'";
    assert_eq!(world.database.text(series_of).await, "Weekly, later");

    world.tell(&format!("gcal/events/primary/{new}/cancel"), json!({})).await;
    world.tell("gcal/events/team-1@example.com/series_20261130T080000Z/cancel", json!({})).await;
    world
        .tell("gcal/events/team-1@example.com/series", json!({"summary": "Fortnightly", "description": null}))
        .await;
    world.sync().await;
    assert_complete(&world).await;
    let known = "SELECT concat_ws(' ', title, start_date, status) FROM events WHERE title = 'Kick-off'";
    assert_eq!(
        world.database.text(known).await,
        "Kick-off 2026-11-24 CANCELLED",
        "what is known of it stays"
    );

    let before = requests(&world).await;
    let idle = world.sync().await;
    assert_eq!(idle["counts"]["recordsFetched"], 0, "{idle}");
    assert_eq!(requests(&world).await - before, 2, "one for each calendar");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_sync_token_leads_to_a_whole_listing_and_a_sweep() {
    let world = World::with_calendars(6_000, 2).await;
    world.set_clock(-600).await;
    world.sync().await;
    world.set_clock(0).await;
    let events = world.ask("gcal/objects").await;
    let alive: Vec<&Value> =
        events.as_array().unwrap().iter().filter(|event| event["status"] != "cancelled").take(3).collect();
    for event in &alive {
        let path = format!(
            "gcal/events/{}/{}/vanish",
            event["calendar"].as_str().unwrap(),
            event["id"].as_str().unwrap()
        );
        world.tell(&path, json!({})).await;
    }
    world.tell("gcal/expire", json!({"sync": true})).await;
    let run = world.sync().await;
    assert_eq!(run["status"], "success", "{run}");
    assert_complete(&world).await;
    assert_eq!(run["counts"]["recordsEnqueued"], 3, "nothing else had changed: {run}");
    let swept = "SELECT count(*) FROM events WHERE raw_status = 'deleted' AND title IS NOT NULL";
    assert_eq!(world.database.number(swept).await, 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_repeat_nothing() {
    let mut world = World::with_calendars(25_000, 3).await;
    world.set("GCAL_RATE_LIMIT_PER_SEC", "10");
    for _ in 0..6 {
        let mut fetch = world.start(&["fetch"]);
        // The moment itself is what is random here; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(20..500))).await;
        kill(&mut fetch).await;
    }
    world.set("GCAL_RATE_LIMIT_PER_SEC", "0");
    world.sync().await;
    assert_complete(&world).await;
    for n in 0..50 {
        world
            .tell(
                "gcal/events/primary",
                json!({"summary": format!("New {n}"), "start": {"date": "2026-11-24"}}),
            )
            .await;
    }
    for _ in 0..4 {
        let mut fetch = world.start(&["fetch"]);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(20..80))).await;
        kill(&mut fetch).await;
    }
    world.sync().await;
    assert_complete(&world).await;
    assert_eq!(world.database.number("SELECT count(*) FROM record_heads WHERE revision > 1").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_asks_for_one_token_and_renews_a_refused_one() {
    let mut world = World::with_calendars(100, 3).await;
    world.unset("GOOGLE_ACCESS_TOKEN");
    world.set("GOOGLE_CLIENT_EMAIL", "buffalo@project.iam.gserviceaccount.com");
    // As environments deliver it.
    world.set("GOOGLE_PRIVATE_KEY", format!("\"{}\"", SERVICE_ACCOUNT_KEY.replace('\n', "\\n")));
    world.set("GOOGLE_TOKEN_URL", format!("{}/token", world.sandbox.base_url()));
    world.sync().await;
    assert_complete(&world).await;
    assert_eq!(world.ask("gcal/tokens").await["issued"], 1, "one for three calendars");
    let refused = json!({"path": "/calendar/v3/calendars", "nth": 1, "kind": {"status": 401}});
    world.tell("faults", refused).await;
    world.sync().await;
    assert_eq!(
        world.ask("gcal/tokens").await["issued"],
        3,
        "a new process, and a new one for the refused one"
    );

    world.set("GOOGLE_REFRESH_TOKEN", "1//sandbox-refresh-token");
    world.set("GOOGLE_CLIENT_ID", "client");
    world.set("GOOGLE_CLIENT_SECRET", "secret-of-the-client");
    world.sync().await;
    world.set("GOOGLE_REFRESH_TOKEN", "1//withdrawn-refresh-token");
    let failed = world.fetch().await.expect(1);
    let everything = format!("{failed:?}");
    assert!(everything.contains("expired or revoked"), "{everything}");
    assert!(!everything.contains("withdrawn") && !everything.contains("secret-of"), "{everything}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_page_is_no_end() {
    let world = World::with_calendars(6_000, 1).await;
    world.tell("gcal/empty-pages", json!({"calendar": "primary", "count": 1})).await;
    world.sync().await;
    assert_complete(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_waited_out_and_refusals_fail_the_run() {
    let mut world = World::with_calendars(50, 1).await;
    world.set("MAX_RETRIES", "2");
    world.set("HTTP_TIMEOUT_MS", "500");
    let limited = r#"{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"reason":"userRateLimitExceeded"}]}}"#;
    let path = "/calendar/v3/calendars";
    world.tell("faults", json!({"path": path, "times": 2, "kind": {"status": 403, "body": limited}})).await;
    world.sync().await;
    assert_complete(&world).await;
    let before = world.database.text("SELECT state::text || version FROM sync_cursors").await;
    for (fault, attempts, words) in [
        (json!({"status": 403}), 1, "refused with 403: The caller does not have permission"),
        (json!({"status": 401}), 1, "refused with 401: Invalid Credentials"),
        (json!({"status": 429}), 3, "failed with 429 after 3 attempts"),
        (json!({"status": 500}), 3, "failed with 500 after 3 attempts"),
        (json!({"latency_ms": 2_000}), 3, "no whole answer within 500 ms"),
        (json!({"truncate": true}), 3, "the connection broke"),
        (json!({"html": true}), 3, "can't be read (text/html"),
    ] {
        world.tell("faults", json!({"path": path, "times": attempts, "kind": fault})).await;
        let run = world.fetch().await.expect(1).run();
        assert_eq!(run["counts"]["requestsMade"], attempts, "{run}");
        assert!(run["error"].as_str().unwrap().contains(words), "{run}");
    }
    assert_eq!(world.database.text("SELECT state::text || version FROM sync_cursors").await, before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_listing_lacks_is_asked_for_by_its_id() {
    let world = World::with_calendars(100, 1).await;
    world.set_clock(-600).await;
    world.sync().await;
    world.set_clock(0).await;
    world.tell("gcal/expire", json!({"sync": true})).await;
    // A listing without events, which Google's own answers to single events contradict.
    let empty = r#"{"kind":"calendar#events","items":[],"nextSyncToken":"x"}"#;
    let path = "/calendar/v3/calendars/primary/events";
    world.tell("faults", json!({"path": path, "nth": 2, "kind": {"status": 200, "body": empty}})).await;
    let run = world.sync().await;
    assert_eq!((&run["status"], &run["counts"]["recordsEnqueued"]), (&json!("success"), &json!(0)), "{run}");
    assert_complete(&world).await;
    world.end().await;
}
