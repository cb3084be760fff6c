//! Log lines: whose they are, for people and for collectors.

use serde_json::{Value, json};

use crate::harness::{Outcome, World, kill};
use crate::http::{get, serve};

/// The lines that this program wrote in JSON, not the libraries.
fn lines(outcome: &Outcome) -> Vec<Value> {
    let lines = outcome.stderr.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"].as_str().unwrap().starts_with("buffalo_")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_run_says_whose_it_is() {
    let mut world = World::with_charges(250).await;
    world.set("LOG_FORMAT", "json");
    world.set("LOG_LEVEL", "debug");
    world.tell("faults", json!({"nth": 2, "kind": {"status": 500}})).await;
    let fetched = world.fetch().await.expect(0);
    let found = lines(&fetched);
    let said: Vec<_> = found.iter().map(|line| line["fields"]["message"].as_str().unwrap()).collect();
    // One of each task that a fetch consists of: reading, asking, writing.
    assert!(said.contains(&"asking again") && said.contains(&"stored"), "{said:?}");
    for line in &found {
        let span = &line["span"];
        assert_eq!(span["run_id"], fetched.run()["runId"], "{line}");
        assert_eq!((&span["source"], &span["entity"]), (&json!("stripe"), &json!("payments")), "{line}");
    }
    world.set("LOG_LEVEL", "warn");
    world.database.run("UPDATE raw_records SET payload = '{}' WHERE revision = 1").await;
    let processed = world.process().await.expect(0);
    let found = lines(&processed);
    assert!(found.iter().any(|line| line["fields"]["message"] == "row failed"), "{processed:?}");
    for line in &found {
        assert_eq!(line["span"]["run_id"], processed.run()["runId"], "{line}");
    }
    world.set("LOG_FORMAT", "text");
    world.database.run("UPDATE ingest_outbox SET available_at = now() - interval '1 minute'").await;
    let processed = world.process().await.expect(0);
    let run = format!("run{{run_id={} ", processed.run()["runId"].as_str().unwrap());
    let mut about_rows = processed.stderr.lines().filter(|line| line.contains("row failed"));
    assert!(about_rows.next().is_some() && about_rows.all(|line| line.contains(&run)), "{processed:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_is_found_by_its_id() {
    let mut world = World::with_charges(0).await;
    world.set("LOG_FORMAT", "json");
    world.set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let (mut server, base) = serve(&mut world).await;
    let headers = [("x-api-key", "0123456789abcdef"), ("x-request-id", "mine-1")];
    assert_eq!(get(format!("{base}/runs"), &headers).await.0, 503);
    kill(&mut server).await;
    let log = world.served();
    let found: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let failed = found.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!(failed["span"]["request_id"], "mine-1", "{failed}");
    world.end().await;
}

#[cfg(not(feature = "otlp"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_can_not_send_traces_says_so() {
    let mut world = World::with_charges(0).await;
    assert!(!world.fetch().await.expect(0).stderr.contains("OTEL"));
    world.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let fetched = world.fetch().await.expect(0);
    assert!(
        fetched.stderr.contains("OTEL_EXPORTER_OTLP_ENDPOINT is set, but no traces are sent"),
        "{fetched:?}"
    );
    world.end().await;
}

/// The harness looks through all that is printed and logged.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_logged_at_any_level() {
    let mut world = World::with_charges(10).await;
    world.set("LOG_LEVEL", "trace");
    world.set("HUBSPOT_ACCESS_TOKEN", "pat-na1-sandbox");
    world.set("HUBSPOT_API_BASE", world.sandbox.base_url());
    world.set("GOOGLE_ACCESS_TOKEN", "ya29.sandbox");
    world.set("GCAL_API_BASE", format!("{}/calendar/v3", world.sandbox.base_url()));
    world.set("STRIPE_WEBHOOK_SECRET", "whsec_not_to_be_told");
    let fetched = world.fetch().await.expect(0);
    assert!(fetched.stderr.contains("TRACE"), "the level is heard of");
    world.process().await.expect(0);
    let (mut server, base) = serve(&mut world).await;
    let headers = [("x-api-key", "0123456789abcdef"), ("x-admin-api-key", "fedcba9876543210")];
    assert_eq!(get(format!("{base}/runs"), &headers).await.0, 200);
    assert_eq!(get(format!("{base}/metrics/revenue/daily"), &headers).await.0, 200);
    kill(&mut server).await;
    assert!(world.served().contains("reader:default") || world.served().contains("admin:default"));
    world.end().await;
}
