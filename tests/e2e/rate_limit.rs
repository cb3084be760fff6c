//! How often somebody may ask.

use serde_json::Value;

use crate::harness::{World, kill};
use crate::http::{KEY, get, serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let mut world = World::with_charges(0).await;
    world.set("HTTP_RATE_LIMIT_PER_MIN", "3");
    world.set("API_KEY", format!("dash:{KEY},grafana:another-key-of-16"));
    let (mut server, base) = serve(&mut world).await;
    let runs = format!("{base}/runs");
    for _ in 0..3 {
        assert_eq!(get(runs.clone(), &[("x-api-key", KEY)]).await.0, 200);
    }
    let (status, answer, headers) = get(runs.clone(), &[("x-api-key", KEY)]).await;
    assert_eq!((status, &answer["code"]), (429, &Value::from("RATE_LIMITED")));
    let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(get(runs.clone(), &[("x-api-key", "another-key-of-16")]).await.0, 200, "another client");
    let mut guesses = Vec::new();
    for n in 0..5 {
        guesses.push(get(runs.clone(), &[("x-api-key", &format!("guess-{n}"))]).await.0);
    }
    assert_eq!(guesses, [401, 401, 401, 429, 429]);
    assert_eq!(get(format!("{base}/healthz"), &[]).await.0, 200);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_counted_by_their_address_and_probes_are_not() {
    let mut world = World::with_charges(0).await;
    world.set("HTTP_RATE_LIMIT_PER_MIN", "3");
    world.set("METRICS_API_KEY", "metrics-key-of-16");
    let (mut server, base) = serve(&mut world).await;
    let metrics = format!("{base}/metrics");
    let mut guesses = Vec::new();
    for n in 0..3 {
        guesses.push(get(metrics.clone(), &[("authorization", &format!("Bearer guess-{n}"))]).await.0);
    }
    assert_eq!(guesses, [401, 401, 401]);
    for path in ["/metrics", "/openapi.json", "/docs"] {
        let (status, answer, headers) = get(format!("{base}{path}"), &[]).await;
        assert_eq!((status, &answer["code"]), (429, &Value::from("RATE_LIMITED")), "{path}");
        assert!(headers.contains_key("retry-after"));
    }
    for _ in 0..5 {
        let key = [("authorization", "Bearer metrics-key-of-16")];
        assert_eq!(get(metrics.clone(), &key).await.0, 200, "who has the key is no stranger");
        for path in ["/healthz", "/readyz", "/api/health"] {
            assert_eq!(get(format!("{base}{path}"), &[]).await.0, 200, "{path}");
        }
    }
    kill(&mut server).await;
    world.end().await;
}
