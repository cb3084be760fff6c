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
    assert_eq!((ran.pages, ran.requests), (1, 5), "{ran:?}");
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

/// Requests until a listing ends or fails; a listing without an end fails the test.
async fn listed(pages: &mut dyn Pages) -> Result<usize, SourceError> {
    let mut records = 0;
    while let Some(page) = pages.next().await? {
        records += page.records.len();
        assert!(pages.requests().made < 40, "no end");
    }
    Ok(records)
}

#[tokio::test]
async fn a_list_whose_own_places_are_refused_ends() {
    let mut world = World::new(SandboxOptions { deals: 700, ..options() }).await;
    world.run(Entity::Payments, None).await;
    for deal in &world.live_deals().await[..250] {
        world.control(&format!("hubspot/deals/{deal}/archive"), json!({})).await;
    }
    let (now, entity) = (world.now(), Entity::Payments);
    let changes = json!({ "phase": "changes", "through_ms": now.timestamp_millis(), "bin_after": "lost" });
    let changes = Cursor::new(changes);
    let places = [place_of(&world, "", 2).await, place_of(&world, "archived=true&", 2).await];
    for (query, census, backfill) in [
        // Any place: a page, the next one refused, the page again, refused again. One restart a run.
        ("after=".to_owned(), 4, 1 + 4),
        // One of them, which a list that is begun anew comes to as well.
        (format!("after={}", places[0]), 6, 1 + 6),
        (format!("after={}", places[1]), 5 + 6, 1 + 5 + 6),
    ] {
        let fault = json!({ "path": DEALS, "query": query, "times": 1_000_000, "kind": { "status": 400 } });
        world.control("faults", fault).await;
        for (mut pages, requests) in [
            (world.connector.census(entity, None, now), census),
            (world.connector.open(entity, Plan::Backfill, now), backfill),
        ] {
            let ended = listed(&mut *pages).await;
            let made = pages.requests().made;
            assert!(made >= requests && made < requests + 4, "{query}: {made} requests, {ended:?}");
            let refused = matches!(ended, Err(SourceError::Refused { status: 400, .. }));
            assert!(refused, "{query}: {ended:?}");
        }
        // A run that follows changes looks at the beginning of the bin instead.
        let mut pages = world.connector.open(entity, Plan::Continue(&changes), now);
        listed(&mut *pages).await.unwrap();
        let faults = format!("{}/_sandbox/faults", world.sandbox.base_url());
        world.control.delete(faults).send().await.unwrap();
    }
}

/// The place that a list gives out with one of its pages.
async fn place_of(world: &World, query: &str, page: usize) -> String {
    let mut place = String::new();
    for _ in 0..page {
        let after = if place.is_empty() { String::new() } else { format!("after={place}&") };
        let url = format!("{}{DEALS}?{query}{after}limit=100", world.sandbox.base_url());
        let answer = world.control.get(url).bearer_auth(TOKEN).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        place = answer["paging"]["next"]["after"].as_str().unwrap().to_owned();
    }
    place
}

#[tokio::test]
async fn an_empty_page_that_says_where_it_goes_on_is_followed() {
    let mut world = World::new(options()).await;
    let odd = || world.control("hubspot/oddities", json!({ "empty_pages": 1 }));
    odd().await;
    let mut pages = world.connector.census(Entity::Payments, None, world.now());
    assert_eq!(listed(&mut *pages).await.unwrap(), 450);
    odd().await;
    world.run(Entity::Payments, None).await;
    world.assert_complete().await;
    let deals = world.live_deals().await;
    let win = json!({ "properties": { "amount": "7", "dealstage": "closedwon", "pipeline": "default" } });
    world.control(&format!("hubspot/deals/{}", deals[3]), win).await;
    world.later(120).await;
    world.control("hubspot/oddities", json!({ "empty_pages": 1 })).await;
    let ran = world.run(Entity::Payments, None).await;
    assert!(ran.error.is_none() && ran.records >= 1, "{ran:?}");
    world.assert_complete().await;
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
