//! What a monitoring system sees.

use crate::harness::{World, kill};
use crate::http::{get, serve};
use crate::sinks::HttpSink;

const METRICS_KEY: &str = "metrics-key-of-16-or-more";

/// The samples of a scrape, as lines.
async fn scrape(base: &str) -> Vec<String> {
    let (status, body, headers) = get(format!("{base}/metrics"), &[]).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    body.as_str().unwrap().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[track_caller]
fn assert_sample(samples: &[String], sample: &str) {
    assert!(samples.iter().any(|line| line == sample), "no `{sample}` in {samples:#?}");
}

/// The value of the only sample that begins so.
#[track_caller]
fn value(samples: &[String], series: &str) -> f64 {
    let mut found = samples.iter().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = found.next().unwrap_or_else(|| panic!("no `{series}` in {samples:#?}"));
    assert_eq!(found.next(), None, "{series} twice");
    value.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_for_who_has_the_key() {
    let mut world = World::with_charges(0).await;
    for app_env in ["", "production"] {
        world.set("APP_ENV", app_env);
        world.set("METRICS_API_KEY", METRICS_KEY);
        let (mut server, base) = serve(&mut world).await;
        let url = format!("{base}/metrics");
        let right = format!("Bearer {METRICS_KEY}");
        let cases =
            [(&*right, 200), ("bearer metrics-key-of-16-or-more", 200), ("Bearer wrong", 401), ("", 401)];
        for (sent, expected) in cases {
            assert_eq!(get(url.clone(), &[("authorization", sent)]).await.0, expected, "{app_env} {sent}");
        }
        let (status, answer, _) = get(url, &[("x-api-key", "0123456789abcdef")]).await;
        assert_eq!((status, answer["code"].as_str()), (401, Some("INVALID_METRICS_KEY")));
        kill(&mut server).await;
    }
    world.unset("METRICS_API_KEY");
    let (mut server, base) = serve(&mut world).await;
    assert_eq!(get(format!("{base}/metrics"), &[]).await.0, 401, "production without a key");
    kill(&mut server).await;
    world.unset("APP_ENV");
    let (mut server, base) = serve(&mut world).await;
    scrape(&base).await;
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_tells_how_things_stand() {
    let mut world = World::with_charges(30).await;
    let (mut server, base) = serve(&mut world).await;
    assert_sample(&scrape(&base).await, "buffalo_database_up 1");
    world.fetch().await.expect(0);
    let waiting = world.database.number("SELECT count(*) FROM ingest_outbox").await;
    let samples = scrape(&base).await;
    assert_sample(
        &samples,
        &format!("buffalo_outbox_depth{{source=\"stripe\",entity=\"payments\"}} {waiting}"),
    );
    assert!(value(&samples, "buffalo_outbox_oldest_age_seconds{source=\"stripe\"}") > 0.0);
    let age = value(&samples, "buffalo_data_through_age_seconds{source=\"stripe\",entity=\"payments\"}");
    assert!((0.0..600.0).contains(&age), "{age}");
    for (state, is) in [("closed", 1), ("open", 0), ("half-open", 0)] {
        assert_sample(
            &samples,
            &format!("buffalo_circuit_state{{source=\"stripe\",state=\"{state}\"}} {is}"),
        );
    }
    assert_sample(&samples, "buffalo_dead_letters{source=\"stripe\"} 0");
    world.database.run("UPDATE raw_records SET payload = '{}' WHERE revision = 1 AND id % 2 = 0").await;
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    world.process().await.expect(3);
    let dead = world.database.number("SELECT count(*) FROM dead_letters").await;
    let samples = scrape(&base).await;
    assert_sample(&samples, "buffalo_outbox_depth{source=\"stripe\",entity=\"payments\"} 0");
    assert_sample(&samples, "buffalo_outbox_oldest_age_seconds{source=\"stripe\"} 0");
    assert_sample(&samples, &format!("buffalo_dead_letters{{source=\"stripe\"}} {dead}"));
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_circuit_is_seen_from_another_process() {
    let mut world = World::with_charges(0).await;
    world.set("CIRCUIT_BREAKER_THRESHOLD", "3");
    // Longer than a run waits.
    world.set("CIRCUIT_BREAKER_COOLDOWN_MS", "600000");
    world.tell("faults", serde_json::json!({"times": 100, "kind": {"status": 500}})).await;
    world.fetch().await.expect(1);
    let (mut server, base) = serve(&mut world).await;
    let samples = scrape(&base).await;
    assert_sample(&samples, "buffalo_circuit_state{source=\"stripe\",state=\"open\"} 1");
    assert_sample(&samples, "buffalo_circuit_state{source=\"stripe\",state=\"closed\"} 0");
    kill(&mut server).await;
    world.end().await;
}

/// The sum of a metric over all series whose labels contain each of `labels`.
fn total(samples: &[String], metric: &str, labels: &[&str]) -> f64 {
    let of_metric = samples.iter().filter_map(|line| line.strip_prefix(metric)?.strip_prefix('{'));
    of_metric
        .filter(|rest| labels.iter().all(|label| rest.contains(label)))
        .map(|rest| rest.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_processes_did_that_are_gone_is_counted() {
    let mut world = World::with_charges(250).await;
    let (mut server, base) = serve(&mut world).await;
    for (nth, status) in [(1, 429), (2, 500)] {
        world.tell("faults", serde_json::json!({"nth": nth, "kind": {"status": status}})).await;
    }
    world.sync().await;
    let first = scrape(&base).await;
    let run = world.buffalo(&["runs", "--format", "json"]).await.json()["runs"][1].clone();
    let counts = &run["counts"];
    let records = |samples: &[String], outcome: &str| {
        let series =
            format!("buffalo_records_total{{source=\"stripe\",entity=\"payments\",outcome=\"{outcome}\"}}");
        value(samples, &series)
    };
    for (outcome, count) in [
        ("fetched", &counts["recordsFetched"]),
        ("enqueued", &counts["recordsEnqueued"]),
        ("processed", &counts["recordsEnqueued"]),
    ] {
        assert_eq!(Some(records(&first, outcome)), count.as_f64(), "{outcome}");
    }
    assert_eq!(records(&first, "failed"), 0.0);
    let pages = total(&first, "buffalo_pages_total", &["stripe"]);
    assert_eq!(Some(pages), counts["pagesFetched"].as_f64());
    let requests = |outcome| total(&first, "buffalo_vendor_requests_total", &[outcome]);
    assert_eq!((requests("throttled"), requests("failed"), requests("refused")), (1.0, 1.0, 0.0));
    assert_eq!(Some(requests("stripe")), counts["requestsMade"].as_f64());
    assert_eq!(total(&first, "buffalo_vendor_retries_total", &["stripe"]), 2.0);
    let full = ["source=\"stripe\"", "mode=\"full\"", "status=\"success\""];
    assert_eq!(total(&first, "buffalo_runs_total", &full), 1.0);
    assert_eq!(total(&first, "buffalo_runs_total", &["mode=\"process\"", "status=\"success\""]), 1.0);
    assert!(value(&first, "buffalo_batch_duration_seconds_count") >= 1.0);
    assert!(value(&first, "buffalo_claim_duration_seconds_sum") > 0.0);

    world.charge(serde_json::json!({"amount": 500, "currency": "usd"})).await;
    world.sync().await;
    // Rows of runs may go: what was counted stays counted.
    world.database.run("DELETE FROM sync_runs").await;
    let second = scrape(&base).await;
    let processed = records(&second, "processed");
    assert!(processed > records(&first, "processed"), "{processed}");
    for line in &first {
        let (series, before) = line.rsplit_once(' ').unwrap();
        if series.contains("_total") || series.contains("_count") || series.contains("_bucket") {
            assert!(value(&second, series) >= before.parse().unwrap(), "{series} went back");
        }
    }
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_counted_as_abandoned_once() {
    let mut world = World::with_charges(50).await;
    world.tell("faults", serde_json::json!({"times": 100, "kind": {"latency_ms": 60_000}})).await;
    let mut fetch = world.start(&["fetch"]);
    world.until("it runs", async || world.database.number("SELECT count(*) FROM sync_runs").await == 1).await;
    kill(&mut fetch).await;
    world.database.run("UPDATE sync_runs SET heartbeat_at = heartbeat_at - interval '1 hour'").await;
    let (mut server, base) = serve(&mut world).await;
    for _ in 0..2 {
        let samples = scrape(&base).await;
        assert_eq!(total(&samples, "buffalo_runs_total", &["status=\"abandoned\""]), 1.0);
    }
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_to_tell_people_are_counted_by_channel() {
    let mut world = World::with_charges(0).await;
    let slack = HttpSink::answering(&[(503, "later")]).await;
    let hook = HttpSink::answering(&[(204, "")]).await;
    world.set("NOTIFY_ON", "success");
    world.set("SLACK_WEBHOOK_URL", &slack.base);
    world.set("NOTIFY_WEBHOOK_URL", &hook.base);
    world.set("NOTIFY_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    world.fetch().await.expect(0);
    let (mut server, base) = serve(&mut world).await;
    for (of_slack, of_hook) in [([0, 1, 0], [1, 0, 0]), ([0, 1, 1], [1, 0, 0])] {
        let samples = scrape(&base).await;
        for (channel, counts) in [("slack", of_slack), ("webhook", of_hook)] {
            for (outcome, count) in ["delivered", "failed", "given_up"].into_iter().zip(counts) {
                let series =
                    format!("buffalo_notifications_total{{channel=\"{channel}\",outcome=\"{outcome}\"}}");
                assert_sample(&samples, &format!("{series} {count}"));
            }
        }
        // The next attempt is the last.
        world.database.run("UPDATE notification_deliveries SET attempts = 11, available_at = now()").await;
        world.buffalo(&["notify"]).await;
    }
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_counted_by_route_and_never_by_address() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    let key = [("x-api-key", "0123456789abcdef")];
    for id in ["0199a2b4-0000-7000-8000-000000000000", "0199a2b4-0000-7000-8000-000000000001"] {
        assert_eq!(get(format!("{base}/runs/{id}"), &key).await.0, 404);
    }
    assert_eq!(get(format!("{base}/made/up"), &[]).await.0, 404);
    assert_eq!(get(format!("{base}/runs"), &[]).await.0, 401);
    let samples = scrape(&base).await;
    for (route, status, count) in [("/runs/{runId}", 404, 2), ("none", 404, 1), ("/runs", 401, 1)] {
        let series = format!("buffalo_http_requests_total{{route=\"{route}\",status=\"{status}\"}}");
        assert_sample(&samples, &format!("{series} {count}"));
    }
    assert_sample(&samples, "buffalo_http_request_duration_seconds_count{route=\"/runs/{runId}\"} 2");
    assert!(!samples.iter().any(|line| line.contains("0199a2b4") || line.contains("made")), "{samples:#?}");
    assert_eq!(value(&samples, "buffalo_database_connections_max"), 10.0);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_is_answered_while_the_database_is_out() {
    let mut world = World::with_charges(0).await;
    world.set("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let (mut server, base) = serve(&mut world).await;
    let samples = scrape(&base).await;
    assert_sample(&samples, "buffalo_database_up 0");
    assert!(!samples.iter().any(|line| line.starts_with("buffalo_outbox")), "{samples:#?}");
    kill(&mut server).await;
    world.end().await;
}
