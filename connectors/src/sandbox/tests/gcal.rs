//! Google Calendar's lists, sync tokens and refusals, and the control interface that changes events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;

const EVENTS: &str = "/calendar/v3/calendars/primary/events";

async fn calendars() -> Sandbox {
    start(SandboxOptions { events: 1_000, calendars: 3, charges: 0, ..options() }).await
}

pub(super) async fn ask(sandbox: &Sandbox, target: &str, token: &str) -> Answer {
    request(sandbox, "GET", target, &format!("Authorization: Bearer {token}\r\n"), "").await
}

async fn read(sandbox: &Sandbox, target: &str) -> Value {
    let answer = ask(sandbox, target, "ya29.sandbox").await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

async fn refusal(sandbox: &Sandbox, target: &str) -> (u16, Value) {
    let answer = ask(sandbox, target, "ya29.sandbox").await;
    (answer.status, answer.json()["error"].clone())
}

pub(super) async fn tell(sandbox: &Sandbox, target: &str, body: Value) -> Value {
    control(sandbox, &format!("gcal/{target}"), &body.to_string()).await
}

/// The events of a list to its end, its sync token, and how many pages it took.
async fn listed(sandbox: &Sandbox, target: &str) -> (Vec<Value>, String, usize) {
    let (mut events, mut from, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = read(sandbox, &format!("{target}{from}")).await;
        pages += 1;
        events.extend(page["items"].as_array().expect("items").iter().cloned());
        match (page["nextPageToken"].as_str(), page["nextSyncToken"].as_str()) {
            (Some(next), None) => from = format!("&pageToken={next}"),
            (None, Some(token)) => return (events, token.to_owned(), pages),
            tokens => panic!("one token, not {tokens:?}"),
        }
    }
}

fn ids(events: &[Value]) -> BTreeSet<String> {
    events.iter().map(id).collect()
}

#[tokio::test]
async fn lists_are_complete_in_every_calendar() {
    let sandbox = calendars().await;
    let states = get(&sandbox, "/_sandbox/gcal/objects").await.json();
    let states = states.as_array().expect("states");
    assert_eq!(states.len(), 1_000);
    let mut bytes = 0;
    for calendar in ["primary", "team-1@example.com", "team-2@example.com"] {
        let target = format!("/calendars/{calendar}/events?showDeleted=true");
        let (all, _, pages) = listed(&sandbox, &format!("{target}&maxResults=100")).await;
        let of = |state: &&Value| state["calendar"] == calendar;
        let expected: BTreeSet<_> = states.iter().filter(of).map(id).collect();
        assert_eq!((ids(&all), all.len()), (expected, all.len()), "{calendar}: each once");
        assert_eq!(pages, 4);
        assert_eq!(listed(&sandbox, &target).await.2, 2, "250 events are the default");
        assert_eq!(listed(&sandbox, &format!("{target}&maxResults=9999")).await.0, all);
        let (live, ..) = listed(&sandbox, &format!("/calendars/{calendar}/events?maxResults=2500")).await;
        assert!(live.len() < all.len() && live.iter().all(|event| event["status"] != "cancelled"));
        bytes += Value::from(all).to_string().len();
    }
    assert!((1_000..1_500).contains(&(bytes / 1_000)), "{} bytes an event", bytes / 1_000);
}

#[tokio::test]
async fn events_are_what_the_states_say() {
    let sandbox = calendars().await;
    let shown = listed(&sandbox, &format!("{EVENTS}?showDeleted=true&maxResults=2500")).await.0;
    let shown: BTreeMap<String, Value> = shown.into_iter().map(|event| (id(&event), event)).collect();
    let utc = |time: &Value| match time["dateTime"].as_str() {
        Some(text) => {
            let time = chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc();
            json!(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
        }
        None => time["date"].clone(),
    };
    let mut kinds = BTreeMap::<_, u32>::new();
    let mut longest = 0;
    for state in get(&sandbox, "/_sandbox/gcal/objects").await.json().as_array().expect("states") {
        let Some(event) = shown.get(&id(state)).filter(|_| state["calendar"] == "primary") else { continue };
        let told = json!({
            "calendar": "primary", "id": event["id"], "status": event["status"], "title": event["summary"],
            "start": utc(&event["start"]), "end": utc(&event["end"]), "series": event["recurringEventId"],
            "originalStart": utc(&event["originalStartTime"]), "timeZone": event["start"]["timeZone"],
        });
        assert_eq!(&told, state);
        if event["status"] == "cancelled" {
            let members = event.as_object().expect("members").len();
            assert_eq!(members, if event["recurringEventId"].is_null() { 3 } else { 5 }, "{event}");
        }
        if let Some(series) = event["recurringEventId"].as_str() {
            assert!(shown[series]["recurrence"].is_array(), "an occurrence belongs to a series");
        }
        longest = longest.max(event["description"].as_str().map_or(0, str::len));
        let kind =
            (event["status"].as_str(), event["start"]["date"].is_string(), event["recurrence"].is_array());
        *kinds.entry(format!("{kind:?} {}", event["recurringEventId"].is_string())).or_default() += 1;
        let alone = read(&sandbox, &format!("{EVENTS}/{}", id(event))).await;
        assert_eq!(&alone, event);
    }
    assert!(kinds.len() >= 8, "{kinds:?}");
    assert!((7_000..=8_192).contains(&longest), "{longest}");
}

#[tokio::test]
async fn a_sync_token_gives_what_changed_since() {
    let sandbox = calendars().await;
    let target = format!("{EVENTS}?showDeleted=true&maxResults=2");
    let (all, token, _) = listed(&sandbox, &target).await;
    let since = |token: &str| format!("{target}&syncToken={token}");
    assert_eq!(listed(&sandbox, &since(&token)).await.0, Vec::<Value>::new());

    let series = all.iter().find(|event| event["recurrence"].is_array()).map(id).expect("a series");
    let single = id(&all[0]);
    let original = json!({"dateTime": "2026-03-02T09:00:00Z"});
    let occurrences = format!("events/primary/{series}/occurrences");
    let moved = json!({"originalStartTime": original, "start": {"dateTime": "2026-03-02T15:00:00Z"}});
    let moved = id(&tell(&sandbox, &occurrences, moved).await);
    let dropped =
        json!({"originalStartTime": {"dateTime": "2026-03-09T10:00:00+01:00"}, "status": "cancelled"});
    let dropped = tell(&sandbox, &occurrences, dropped).await;
    let made = id(&tell(&sandbox, "events/primary", json!({"start": {"date": "2026-03-02"}})).await);
    tell(&sandbox, &format!("events/primary/{single}"), json!({"summary": "Moved", "location": null})).await;
    tell(&sandbox, "events/team-1@example.com", json!({"summary": "Elsewhere"})).await;
    tell(&sandbox, &format!("events/primary/{made}/cancel"), json!({})).await;

    let (changed, next, pages) = listed(&sandbox, &since(&token)).await;
    let by_id: BTreeMap<String, &Value> = changed.iter().map(|event| (id(event), event)).collect();
    assert_eq!((changed.len(), pages), (4, 2), "each once, in its last state");
    assert_eq!(moved, format!("{series}_20260302T090000Z"));
    assert_eq!(by_id[&moved]["recurrence"], Value::Null);
    assert_eq!(by_id[&moved]["recurringEventId"], json!(series));
    assert_eq!((by_id[&single]["summary"].as_str(), by_id[&single].get("location")), (Some("Moved"), None));
    assert_eq!(*by_id[&made], json!({"kind": "calendar#event", "id": made, "status": "cancelled"}));
    let dropped_id = format!("{series}_20260309T090000Z");
    assert_eq!(id(&dropped), dropped_id);
    assert_eq!(by_id[&dropped_id]["originalStartTime"]["dateTime"], "2026-03-09T10:00:00+01:00");
    assert_eq!(listed(&sandbox, &since(&next)).await.0, Vec::<Value>::new());
    assert_eq!(listed(&sandbox, &since(&token)).await.0, changed, "a token can be used again");
}

#[tokio::test]
async fn what_changes_during_a_list_is_for_the_next() {
    let sandbox = calendars().await;
    let target = format!("{EVENTS}?showDeleted=true&maxResults=200");
    let first = read(&sandbox, &target).await;
    let early = id(&first["items"][0]);
    tell(&sandbox, &format!("events/primary/{early}"), json!({"summary": "Late"})).await;
    let token = first["nextPageToken"].as_str().expect("a second page");
    let (_, token, _) = listed(&sandbox, &format!("{target}&pageToken={token}")).await;
    let (changed, ..) = listed(&sandbox, &format!("{target}&syncToken={token}")).await;
    assert_eq!(ids(&changed), BTreeSet::from([early]));
}

#[tokio::test]
async fn an_empty_page_can_come_in_between() {
    let sandbox = calendars().await;
    let target = format!("{EVENTS}?maxResults=2500");
    let (all, ..) = listed(&sandbox, &target).await;
    tell(&sandbox, "empty-pages", json!({"calendar": "primary", "count": 1})).await;
    let (same, _, pages) = listed(&sandbox, &target).await;
    assert_eq!((same, pages), (all, 2));
}

#[tokio::test]
async fn what_google_refuses_is_refused() {
    let sandbox = calendars().await;
    let (_, sync, _) = listed(&sandbox, &format!("{EVENTS}?maxResults=50")).await;
    let first = read(&sandbox, &format!("{EVENTS}?maxResults=50")).await;
    let page = first["nextPageToken"].as_str().expect("a second page");
    let other = "/calendar/v3/calendars/team-1@example.com/events?maxResults=50";
    let same = format!("{EVENTS}?maxResults=50");
    for (target, status, reason, location) in [
        (format!("{same}&syncToken={sync}&timeMin=2026-01-01T00:00:00Z"), 400, "invalid", "timeMin"),
        (format!("{same}&syncToken={sync}&orderBy=updated"), 400, "invalid", "orderBy"),
        (format!("{same}&syncToken={sync}&showDeleted=false"), 400, "invalid", "showDeleted"),
        (format!("{EVENTS}?maxResults=51&syncToken={sync}"), 400, "invalid", "maxResults"),
        (format!("{same}&singleEvents=true&pageToken={page}"), 400, "invalid", "maxResults"),
        (format!("{EVENTS}?maxResults=none"), 400, "invalid", "maxResults"),
        (format!("{same}&pageToken=nonsense"), 400, "invalid", "pageToken"),
        (format!("{other}&pageToken={page}"), 400, "invalid", "pageToken"),
        (format!("{other}&syncToken={sync}"), 410, "fullSyncRequired", "syncToken"),
        (format!("{same}&syncToken=nonsense"), 410, "fullSyncRequired", "syncToken"),
    ] {
        let (told, error) = refusal(&sandbox, &target).await;
        let details = &error["errors"][0];
        assert_eq!((told, details["reason"].as_str()), (status, Some(reason)), "{target}");
        assert_eq!((&error["code"], &details["location"]), (&json!(status), &json!(location)), "{target}");
    }
    for target in ["/calendar/v3/calendars/none/events", "/calendars/primary/events/none", "/calendars/none"]
    {
        let (told, error) = refusal(&sandbox, target).await;
        assert_eq!((told, error["status"].as_str()), (404, Some("NOT_FOUND")), "{target}");
    }
    assert_eq!(read(&sandbox, "/calendars/team-1%40example.com").await["id"], "team-1@example.com");

    tell(&sandbox, "expire", json!({"pages": true})).await;
    assert_eq!(refusal(&sandbox, &format!("{same}&pageToken={page}")).await.0, 400);
    assert_eq!(ask(&sandbox, &format!("{same}&syncToken={sync}"), "ya29.sandbox").await.status, 200);
    tell(&sandbox, "expire", json!({"sync": true})).await;
    assert_eq!(refusal(&sandbox, &format!("{same}&syncToken={sync}")).await.0, 410);
}

#[tokio::test]
async fn limits_and_missing_permissions_are_ordered() {
    let sandbox = calendars().await;
    for (order, status, domain, name) in [
        (json!({"reason": "rateLimitExceeded"}), 403, "usageLimits", "PERMISSION_DENIED"),
        (json!({"reason": "userRateLimitExceeded", "status": 429}), 429, "usageLimits", "RESOURCE_EXHAUSTED"),
        (json!({"reason": "insufficientPermissions"}), 403, "global", "PERMISSION_DENIED"),
    ] {
        tell(&sandbox, "refusals", order.clone()).await;
        let (told, error) = refusal(&sandbox, EVENTS).await;
        assert_eq!((told, error["status"].as_str()), (status, Some(name)));
        assert_eq!(error["errors"][0]["domain"], domain);
        assert_eq!(error["errors"][0]["reason"], order["reason"]);
        assert_eq!(ask(&sandbox, EVENTS, "ya29.sandbox").await.status, 200, "once");
    }
}

#[tokio::test]
async fn the_same_options_give_the_same_events() {
    let (one, two) = (calendars().await, calendars().await);
    let list = |sandbox| async move { ask(sandbox, EVENTS, "ya29.sandbox").await.json()["items"].clone() };
    assert_eq!(list(&one).await, list(&two).await);
    let other = start(SandboxOptions { seed: 43, events: 1_000, calendars: 3, ..options() }).await;
    assert_ne!(list(&one).await, list(&other).await);
}
