//! Google's push channels: opened, renewed and closed, and what comes through them.

use serde_json::{Value, json};

use super::post;
use crate::harness::{Outcome, World, kill, terminate};
use crate::http::{serve, serve_by};

const TOKEN: &str = "a-token-for-google";
const URL: &str = "https://buffalo.example.com/webhooks/gcal";

async fn world() -> World {
    let mut world = World::with_calendars(20, 2).await;
    world.set("GCAL_WEBHOOK_TOKEN", TOKEN);
    world.set("HINT_INTERVAL_S", "0");
    for schedule in ["FETCH_SCHEDULE", "RECONCILE_SCHEDULE", "SUMMARY_SCHEDULE", "WATCH_SCHEDULE"] {
        world.set(schedule, "off");
    }
    world
}

async fn push(base: &str, token: &str, state: &str) -> (u16, Value) {
    let headers = [
        ("x-goog-channel-token", token.to_owned()),
        ("x-goog-channel-id", "channel-1".to_owned()),
        ("x-goog-resource-state", state.to_owned()),
        ("x-goog-message-number", "1".to_owned()),
    ];
    post(&format!("{base}/webhooks/gcal"), &headers, "").await
}

/// The ids of the channels that are open at Google, by calendar, and that each calendar has one with our token.
async fn open_channels(world: &World) -> Vec<String> {
    let channels = world.ask("gcal/channels").await;
    let channels = channels.as_array().unwrap();
    let mut known: Vec<(String, String)> = Vec::new();
    for channel in channels {
        assert_eq!((&channel["token"], &channel["address"]), (&json!(TOKEN), &json!(URL)), "{channel}");
        let text = |name: &str| channel[name].as_str().unwrap().to_owned();
        known.push((text("calendar"), text("id")));
    }
    known.sort();
    assert_eq!(
        known.iter().map(|(calendar, _)| calendar.as_str()).collect::<Vec<_>>(),
        ["primary", "team-1@example.com"]
    );
    let stored = world.database.number("SELECT count(*) FROM push_channels").await;
    assert_eq!(stored, 2);
    known.into_iter().map(|(_, id)| id).collect()
}

async fn watch(world: &World) -> Vec<(String, String)> {
    let arguments = ["webhooks", "gcal", "watch", "--url", URL, "--format", "json"];
    let done = world.buffalo(&arguments).await.expect(0).json();
    let steps = done["channels"].as_array().unwrap().iter();
    steps
        .map(|step| (step["subject"].as_str().unwrap().to_owned(), step["did"].as_str().unwrap().to_owned()))
        .collect()
}

fn each(did: &str) -> Vec<(String, String)> {
    ["primary", "team-1@example.com"].map(|calendar| (calendar.to_owned(), did.to_owned())).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_leads_to_a_fetch() {
    let mut world = world().await;
    world.sync().await;
    let (everything, base) = serve_by(&mut world, "run").await;
    assert_eq!(push(&base, TOKEN, "sync").await, (200, json!({"received": true, "type": "sync"})));
    assert_eq!(world.database.number("SELECT count(*) FROM fetch_hints").await, 0);
    let event = json!({"summary": "Pushed", "start": {"date": "2026-11-24"}, "end": {"date": "2026-11-25"}});
    world.tell("gcal/events/primary", event).await;
    assert_eq!(push(&base, TOKEN, "exists").await.0, 200);
    let arrived = "SELECT count(*) FROM events WHERE title = 'Pushed'";
    world.until("the event has arrived", async || world.database.number(arrived).await == 1).await;
    let answered = "SELECT count(*) FROM fetch_hints WHERE due_at IS NULL AND raised = begun";
    world.until("the hint is answered", async || world.database.number(answered).await == 1).await;
    terminate(&everything);
    Outcome::from(everything.wait_with_output().await.unwrap()).expect(0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_push_with_the_token_is_taken() {
    let mut world = world().await;
    let (mut server, base) = serve(&mut world).await;
    let (status, answer) = push(&base, "another-token", "exists").await;
    assert_eq!((status, &answer["code"]), (400, &json!("INVALID_SIGNATURE")));
    let (status, answer) = post(&format!("{base}/webhooks/gcal"), &[], "").await;
    assert_eq!((status, &answer["code"]), (400, &json!("MISSING_SIGNATURE")));
    assert_eq!(world.database.number("SELECT count(*) FROM fetch_hints").await, 0);
    kill(&mut server).await;
    world.unset("GCAL_WEBHOOK_TOKEN");
    let (mut server, base) = serve(&mut world).await;
    assert_eq!(push(&base, TOKEN, "exists").await.1["code"], "WEBHOOK_NOT_CONFIGURED");
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_opened_renewed_and_closed() {
    let world = world().await;
    assert_eq!(watch(&world).await, each("opened"));
    let first = open_channels(&world).await;
    assert_eq!(watch(&world).await, each("kept"));
    assert_eq!(open_channels(&world).await, first);

    // Six and a half days later, by our records.
    world
        .database
        .run("UPDATE push_channels SET expires_at = now() + interval '12 hours' WHERE subject = 'primary'")
        .await;
    let steps = watch(&world).await;
    assert_eq!(steps[0], ("primary".to_owned(), "opened".to_owned()));
    assert_eq!(steps[2], ("primary".to_owned(), "closed".to_owned()));
    let second = open_channels(&world).await;
    assert!(second[0] != first[0] && second[1] == first[1], "{first:?} {second:?}");

    // What Google has forgotten by itself is closed, too.
    world.database.run("UPDATE push_channels SET resource = 'nothing that Google knows'").await;
    let stopped = world.buffalo(&["webhooks", "gcal", "stop", "--format", "json"]).await.expect(0).json();
    assert_eq!(stopped["channels"].as_array().unwrap().len(), 2);
    assert_eq!(world.database.number("SELECT count(*) FROM push_channels").await, 0);
    let none = world.buffalo(&["webhooks", "gcal", "stop"]).await.expect(0);
    assert!(none.stdout.contains("No channel is open"), "{none:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_follow_the_settings() {
    let mut world = world().await;
    world.set("GCAL_WEBHOOK_TOKEN", "the-old-token");
    world.set("GOOGLE_CALENDAR_ID", "primary");
    assert_eq!(watch(&world).await.len(), 1);
    world.set("GCAL_WEBHOOK_TOKEN", format!("{TOKEN},the-old-token"));
    world.set("GOOGLE_CALENDAR_ID", "primary,team-1@example.com");
    let mut expected = each("opened");
    expected.push(("primary".to_owned(), "closed".to_owned()));
    assert_eq!(watch(&world).await, expected);
    open_channels(&world).await;
    world.set("GOOGLE_CALENDAR_ID", "team-1@example.com");
    let narrowed = watch(&world).await;
    assert_eq!(narrowed[1], ("primary".to_owned(), "closed".to_owned()));
    assert_eq!(world.ask("gcal/channels").await.as_array().unwrap().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_can_t_be_opened_leaves_the_others_and_what_was_there() {
    let mut world = world().await;
    watch(&world).await;
    world.database.run("UPDATE push_channels SET expires_at = now() + interval '1 hour'").await;
    world.tell("gcal/refusals", json!({"reason": "forbidden"})).await;
    let arguments = ["webhooks", "gcal", "watch", "--url", URL, "--format", "json"];
    let partly = world.buffalo(&arguments).await.expect(3);
    assert!(partly.stderr.contains("primary: "), "{partly:?}");
    assert_eq!(partly.json()["channels"][0]["did"], "failed");
    assert_eq!(world.ask("gcal/channels").await.as_array().unwrap().len(), 2);
    let plain = ["webhooks", "gcal", "watch", "--url", "http://buffalo.example.com/"];
    let refused = world.buffalo(&plain).await.expect(1);
    assert!(!refused.stderr.contains(TOKEN), "{refused:?}");
    world.unset("GCAL_WEBHOOK_TOKEN");
    let unset = world.buffalo(&plain).await.expect(1);
    assert!(unset.stderr.contains("GCAL_WEBHOOK_TOKEN is not set"), "{unset:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_renews_what_was_opened_once() {
    let mut world = world().await;
    watch(&world).await;
    let first = open_channels(&world).await;
    world.database.run("UPDATE push_channels SET expires_at = now() + interval '1 hour'").await;
    world.set("PROCESS_SCHEDULE", "off");
    world.set("MAINTAIN_SCHEDULE", "off");
    world.set("WATCH_SCHEDULE", "* * * * * *");
    let schedule = world.start(&["schedule"]);
    let renewed = "SELECT count(*) FROM push_channels WHERE expires_at > now() + interval '6 days'";
    world.until("both are renewed", async || world.database.number(renewed).await == 2).await;
    terminate(&schedule);
    Outcome::from(schedule.wait_with_output().await.unwrap()).expect(0);
    let second = open_channels(&world).await;
    assert!(first.iter().all(|id| !second.contains(id)), "{first:?} {second:?}");
    world.end().await;
}
