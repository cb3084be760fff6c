//! What goes wrong, and what a run makes of it.

use super::*;

async fn fault(world: &World, path: &str, times: u64, kind: Value) {
    world.control("faults", json!({ "path": path, "times": times, "kind": kind })).await;
}

const DEALS: &str = "/crm/objects/2026-09/deals";

#[tokio::test]
async fn passing_trouble_is_sat_out() {
    let mut world = World::with_settings(options(), &[("HTTP_TIMEOUT_MS", "500")]).await;
    for kind in [
        json!({ "status": 429 }),
        json!({ "status": 500 }),
        json!({ "status": 502, "body": "<h1>Bad gateway" }),
        json!({ "status": 524 }),
        json!({ "drop": true }),
        json!({ "truncate": true }),
        json!({ "html": true }),
        json!({ "latency_ms": 900 }),
    ] {
        fault(&world, DEALS, 1, kind.clone()).await;
        let ran = world.run(Entity::Payments, Some(1)).await;
        assert!(ran.error.is_none(), "{kind}: {ran:?}");
    }
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn a_locked_account_is_given_two_seconds() {
    let mut world = World::new(options()).await;
    fault(&world, DEALS, 1, json!({ "status": 423 })).await;
    let began = std::time::Instant::now();
    assert!(world.run(Entity::Payments, Some(1)).await.error.is_none());
    assert!(began.elapsed() >= std::time::Duration::from_secs(2));
}

#[tokio::test]
async fn a_refused_token_ends_the_run_and_leaves_the_cursor() {
    let mut world = World::new(options()).await;
    world.run(Entity::Payments, Some(2)).await;
    let before = world.cursors[&Entity::Payments].clone();
    for status in [401, 403] {
        fault(&world, DEALS, 1, json!({ "status": status })).await;
        let ran = world.run(Entity::Payments, None).await;
        let Some(SourceError::Unauthorised { status: told, message, .. }) = ran.error else {
            panic!("{ran:?} should be refused")
        };
        assert_eq!((told, ran.requests), (status, 1));
        assert!(!message.contains(TOKEN) && !message.is_empty());
        assert_eq!(world.cursors[&Entity::Payments], before);
    }
    let other = connector(&world.sandbox.base_url(), &[("HUBSPOT_ACCESS_TOKEN", "pat-na1-other")]);
    assert!(matches!(other.check().await, Err(SourceError::Unauthorised { status: 401, .. })));
}

#[tokio::test]
async fn the_end_of_the_days_allowance_is_no_failure_like_others() {
    let mut world = World::new(options()).await;
    let limit = json!({ "daily": { "requests": 4, "resets_in_s": 3_600, "retry_after": true } });
    world.control("hubspot/limits", limit).await;
    let ran = world.run(Entity::Payments, None).await;
    assert_eq!((ran.pages, ran.requests), (2, 5), "{ran:?}");
    let Some(SourceError::LimitReached { resets_at: Some(resets_at), .. }) = &ran.error else {
        panic!("{ran:?} should have met the limit")
    };
    let wait = *resets_at - SystemClock.now();
    assert!((3_500..=3_600).contains(&wait.num_seconds()), "{wait}");
    world.control("hubspot/limits", json!({})).await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
}

#[tokio::test]
async fn limits_are_kept_to() {
    let settings = [("HUBSPOT_RATE_LIMIT_PER_SEC", "9"), ("HUBSPOT_SEARCH_RATE_LIMIT_PER_SEC", "5")];
    let mut world = World::with_settings(options(), &settings).await;
    world.control("hubspot/limits", json!({ "search_per_sec": 6, "per_ten_secs": 100 })).await;
    world.run(Entity::Payments, None).await;
    world
        .control("hubspot/deals/bulk-edit", json!({ "count": 450, "properties": { "hs_priority": "low" } }))
        .await;
    world.later(120).await;
    world.control("requests", Value::Null).await;
    world.run(Entity::Payments, None).await;
    let log = world.control("requests", Value::Null).await;
    let refused =
        log["last"].as_array().unwrap().iter().filter(|line| line.as_str().unwrap().ends_with("429"));
    assert_eq!(refused.count(), 0, "{log}");
    world.assert_complete().await;
}

#[tokio::test]
async fn a_place_that_is_gone_begins_again() {
    let mut world = World::new(options()).await;
    world.run(Entity::Payments, None).await;
    for deal in &world.live_deals().await[..3] {
        world.control(&format!("hubspot/deals/{deal}/archive"), json!({})).await;
    }
    let began_ms = SystemClock.now().timestamp_millis() - 60_000;
    let lost = json!({ "phase": "listing", "began_ms": began_ms, "windows": [], "bin_after": "lost" });
    world.cursors.insert(Entity::Payments, Cursor::new(lost));
    let ran = world.run(Entity::Payments, None).await;
    assert!(ran.error.is_none(), "{ran:?}");
    assert_eq!(ran.records, 3);
}

#[tokio::test]
async fn wrong_settings_are_told() {
    let configured = |values: &[(&str, &str)]| {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::new(values);
        let connector = configure(&mut settings).is_some();
        (connector, settings.problems().iter().map(|problem| problem.name).collect::<Vec<_>>())
    };
    assert_eq!(configured(&[]), (false, vec![]));
    assert_eq!(configured(&[("HUBSPOT_ENABLED", "true")]), (false, vec!["HUBSPOT_ACCESS_TOKEN"]));
    assert_eq!(configured(&[("HUBSPOT_ACCESS_TOKEN", "x"), ("HUBSPOT_ENABLED", "false")]), (false, vec![]));
    drop(rustls::crypto::ring::default_provider().install_default());
    let (_, problems) = configured(&[
        ("HUBSPOT_ACCESS_TOKEN", "x"),
        ("HUBSPOT_API_VERSION", "v4"),
        ("HUBSPOT_API_BASE", "ftp://x"),
    ]);
    assert_eq!(problems, ["HUBSPOT_API_VERSION", "HUBSPOT_API_BASE"]);
}
