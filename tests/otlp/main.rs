//! Traces, as a collector gets them from a binary with the feature `otlp`.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails should say so at once"
)]

#[path = "../support/database.rs"]
mod database;
#[path = "../e2e/harness.rs"]
#[expect(dead_code, reason = "the other end-to-end tests use the rest of it")]
mod harness;
#[path = "../support/sinks.rs"]
#[expect(dead_code, reason = "nobody is told anything here")]
mod sinks;

use harness::{Outcome, World, terminate};
use sinks::HttpSink;

/// A world whose traces go to this collector, when the process ends and not before.
async fn traced(charges: u64, collector: &str) -> World {
    let mut world = World::with_charges(charges).await;
    world.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
    world.set("OTEL_BSP_SCHEDULE_DELAY", "600000");
    world
}

/// Whether spans of that name were received. In protobuf a text comes after its length, and the name is field 5.
fn has_span(collector: &HttpSink, name: &str) -> bool {
    let field = format!("\x2a{}{name}", char::from(u8::try_from(name.len()).unwrap()));
    received(collector).contains(&field)
}

/// All that was received, as far as it is text.
fn received(collector: &HttpSink) -> String {
    collector.requests().into_iter().map(|request| request.body).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_a_span_that_says_which_run_it_is() {
    let collector = HttpSink::answering(&[(200, "")]).await;
    let mut world = traced(30, &format!("{}/", collector.base)).await;
    world.set("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20token-1,x-team=books");
    // Spans are there at every level of the log.
    world.set("LOG_LEVEL", "warn");
    let fetched = world.fetch().await.expect(0);
    let requests = collector.requests();
    assert!(!requests.is_empty());
    for request in &requests {
        assert_eq!(request.path, "/v1/traces");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        assert_eq!(request.headers["authorization"], "Bearer token-1");
        assert_eq!(request.headers["x-team"], "books");
    }
    let text = received(&collector);
    let run_id = fetched.run()["runId"].as_str().unwrap().to_owned();
    for said in [&run_id, "stripe", "payments", "service.name", "buffalo"] {
        assert!(text.contains(said), "no {said} in {text:?}");
    }
    assert!(has_span(&collector, "run"), "{text:?}");
    assert_eq!(fetched.stderr, "");

    world.set("OTEL_SERVICE_NAME", "ledger");
    let processed = world.process().await.expect(0);
    let text = received(&collector);
    assert!(text.contains(processed.run()["runId"].as_str().unwrap()) && text.contains("ledger"), "{text:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_did_is_sent_when_it_is_asked_to_end() {
    let collector = HttpSink::answering(&[(200, "")]).await;
    let mut world = traced(0, &collector.base).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    world.set("HOST", "127.0.0.1");
    world.set("PORT", port.to_string());
    world.set("API_KEY", "0123456789abcdef");
    world.set("ADMIN_API_KEY", "fedcba9876543210");
    let server = world.start(&["serve"]);
    let client = reqwest::Client::new();
    let alive = || client.get(format!("http://127.0.0.1:{port}/healthz")).header("x-request-id", "mine-1");
    world.until("it serves", async || alive().send().await.is_ok()).await;
    assert!(collector.requests().is_empty());
    terminate(&server);
    Outcome::from(server.wait_with_output().await.unwrap()).expect(0);
    assert!(has_span(&collector, "request") && received(&collector).contains("mine-1"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_is_worse_for_a_collector_that_does_not_work() {
    let [silent, refusing, babbling] = [&[(0, "")], &[(401, "token-1 is wrong")], &[(200, "not protobuf")]]
        .map(|told| HttpSink::answering(told));
    let (silent, refusing, babbling) = tokio::join!(silent, refusing, babbling);
    for (collector, said) in [
        ("http://127.0.0.1:1", "the collector does not take them"),
        (&silent.base, "did not take them within 3s"),
        (&refusing.base, "status code: 401"),
        // It did accept them.
        (&babbling.base, ""),
    ] {
        let mut world = traced(30, collector).await;
        world.set("OTEL_EXPORTER_OTLP_HEADERS", "authorization=token-1");
        let fetched = world.fetch().await.expect(0);
        world.process().await.expect(0);
        world.assert_complete().await;
        assert!(fetched.stderr.contains(said) && !fetched.stderr.contains("token-1"), "{fetched:?}");
        assert_eq!(fetched.stderr.contains("traces"), !said.is_empty(), "{fetched:?}");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_make_no_sense_are_told_like_all_others() {
    let mut world = traced(0, "collector:4318").await;
    world.set("OTEL_EXPORTER_OTLP_HEADERS", "token-1");
    let outcome = world.fetch().await.expect(1);
    for name in
        ["OTEL_EXPORTER_OTLP_ENDPOINT must be an address", "OTEL_EXPORTER_OTLP_HEADERS must be a list"]
    {
        assert!(outcome.stderr.contains(name) && !outcome.stderr.contains("token-1"), "{outcome:?}");
    }
    world.end().await;
}
