//! Vendors that do not answer as they should.

use serde_json::{Value, json};

use crate::harness::World;

/// A fault that passes is not noticed; one that stays fails the run with one line that names request and fault, and
/// leaves nothing half done.
async fn passes_or_fails(kind: Value, words: &str) {
    let mut world = World::with_charges(120).await;
    world.set("HTTP_TIMEOUT_MS", "500");
    world.set("MAX_RETRIES", "2");
    world.tell("faults", json!({"path": "/v1/charges", "times": 2, "kind": kind})).await;
    let run = world.fetch().await.expect(0).run();
    assert_eq!(run["status"], "success");
    world.process().await.expect(0);
    world.assert_complete().await;

    world.buffalo(&["cursors", "reset", "stripe", "payments"]).await.expect(0);
    world.tell("faults", json!({"path": "/v1/charges", "times": 1_000, "kind": kind})).await;
    let failed = world.fetch().await.expect(1);
    let run = failed.run();
    assert_eq!(run["status"], "failed");
    assert_eq!(run["counts"]["requestsMade"], 3, "one attempt and two retries");
    let error = run["error"].as_str().unwrap();
    assert!(error.contains("stripe: GET /v1/charges") && error.contains(words), "{error}");
    assert_eq!(failed.stderr.lines().filter(|line| line.starts_with("buffalo:")).count(), 1, "{failed:?}");
    assert_eq!(run["cursorAfter"], json!(null));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_429() {
    passes_or_fails(json!({"status": 429}), "failed with 429 after 3 attempts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_500() {
    passes_or_fails(json!({"status": 500}), "failed with 500 after 3 attempts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout() {
    passes_or_fails(json!({"latency_ms": 2_000}), "no whole answer within 500 ms").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection() {
    passes_or_fails(json!({"drop": true}), "the connection broke").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_body() {
    passes_or_fails(json!({"truncate": true}), "the connection broke").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn html_in_place_of_json() {
    passes_or_fails(json!({"html": true}), "can't be read (text/html").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_fail_loudly_and_leave_the_cursor_alone() {
    for status in [401, 403] {
        let world = World::with_charges(5).await;
        world.sync().await;
        let before = world.database.text("SELECT state::text || version FROM sync_cursors").await;
        world.tell("faults", json!({"path": "/v1/events", "times": 100, "kind": {"status": status}})).await;
        let failed = world.fetch().await.expect(1);
        let run = failed.run();
        assert_eq!(run["status"], "failed");
        assert_eq!(run["counts"]["requestsMade"], 1, "asking again does not help");
        assert!(run["error"].as_str().unwrap().contains(&format!("refused with {status}: ")), "{run}");
        assert_eq!(
            (&run["staleCursorDetected"], &run["fullBackfillTriggered"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(world.database.text("SELECT state::text || version FROM sync_cursors").await, before);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_never_repeated() {
    let mut world = World::with_charges(5).await;
    world.set("STRIPE_API_KEY", "sk_live_VerySecretIndeed0123456789");
    let failed = world.fetch().await.expect(1);
    assert!(failed.stderr.contains("Invalid API Key"), "{failed:?}");
    let everything =
        format!("{failed:?}{}", world.database.text("SELECT string_agg(r::text, '') FROM sync_runs r").await);
    assert!(!everything.contains("VerySecret"), "{everything}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_wait_ends_the_run() {
    let world = World::with_charges(5).await;
    let kind = json!({"status": 429, "headers": {"Retry-After": "3600"}});
    world.tell("faults", json!({"path": "/v1/charges", "times": 100, "kind": kind})).await;
    let run = world.fetch().await.expect(1).run();
    assert_eq!(run["counts"]["requestsMade"], 1);
    assert!(run["error"].as_str().unwrap().contains("wait 3600 s"), "{run}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_is_complete() {
    let world = World::with_charges(0).await;
    let run = world.sync().await;
    assert_eq!(run["status"], "success");
    assert!(run["dataThrough"].is_string());
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_comes_back_is_asked_once_and_goes_on() {
    let mut world = World::with_charges(450).await;
    world.set("CIRCUIT_BREAKER_THRESHOLD", "3");
    world.set("CIRCUIT_BREAKER_COOLDOWN_MS", "20");
    world.set("MAX_RETRIES", "8");
    // The circuit opens at the third failure; two probes fail, the third finds the source back.
    world.tell("faults", json!({"path": "/v1/charges", "times": 5, "kind": {"status": 500}})).await;
    let run = world.fetch().await.expect(0).run();
    assert_eq!(run["status"], "success");
    let status = world.buffalo(&["status", "--format", "json"]).await.json();
    assert_eq!(status["circuits"][0]["state"], "closed", "{status}");
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_stays_away_is_left_alone() {
    let mut world = World::with_charges(450).await;
    world.set("CIRCUIT_BREAKER_THRESHOLD", "2");
    world.set("CIRCUIT_BREAKER_COOLDOWN_MS", "3600000");
    world.tell("faults", json!({"path": "/v1/charges", "times": 100, "kind": {"status": 503}})).await;
    let run = world.fetch().await.expect(1).run();
    assert_eq!(run["counts"]["requestsMade"], 2, "{run}");
    assert!(run["error"].as_str().unwrap().contains("too many requests failed in a row"), "{run}");
    let status = world.buffalo(&["status", "--format", "json"]).await.json();
    assert_eq!(status["circuits"][0]["state"], "open", "{status}");
    assert!(status["circuits"][0]["retryAt"].is_string(), "{status}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_before_the_next_one_begins() {
    let mut world = World::with_charges(1_000).await;
    world.set("FETCH_DEADLINE_S", "1");
    world.set("BACKFILL_CONCURRENCY", "1");
    world.tell("faults", json!({"path": "/v1/charges", "times": 4, "kind": {"latency_ms": 300}})).await;
    let run = world.fetch().await.expect(3).run();
    assert_eq!(run["status"], "partial");
    assert!(run["error"].as_str().unwrap().contains("not at its end after 1 s"), "{run}");
    world.unset("FETCH_DEADLINE_S");
    world.fetch().await.expect(0);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_fails_and_the_others_do_not_notice() {
    let mut world = World::with_hubspot(120, 30).await;
    world.set("STRIPE_API_KEY", "sk_test_sandbox");
    world.tell("faults", json!({"path": "/v1/charges", "times": 100, "kind": {"status": 401}})).await;
    let table = world.buffalo(&["fetch"]).await.expect(3);
    let line = |source: &str, entity: &str| {
        let found = table.stdout.lines().find(|line| line.contains(source) && line.contains(entity));
        found.unwrap_or_else(|| panic!("no {source} {entity} in {table:?}")).to_owned()
    };
    assert!(line("stripe", "payments").contains("failed"), "{table:?}");
    assert!(line("hubspot", "payments").contains("success"), "{table:?}");
    assert!(line("hubspot", "contacts").contains("success"), "{table:?}");
    assert!(
        table
            .stderr
            .contains("buffalo: stripe payments: failed: stripe: GET /v1/charges was refused with 401")
    );
    world.end().await;
}
