//! Answers for browsers: what every answer carries, and which pages may ask.

use serde_json::Value;

use crate::harness::{World, kill};
use crate::http::{KEY, get, serve};

#[tokio::test(flavor = "multi_thread")]
async fn answers_suit_browsers_and_only_the_pages_that_were_allowed() {
    let mut world = World::with_charges(0).await;
    world.set("CORS_ORIGINS", "https://dash.example.com");
    let (mut server, base) = serve(&mut world).await;
    let origin = |of: &'static str| [("x-api-key", KEY), ("origin", of)];
    let (_, _, headers) = get(format!("{base}/runs"), &origin("https://dash.example.com")).await;
    assert_eq!(headers["access-control-allow-origin"], "https://dash.example.com");
    assert_eq!(
        (&headers["x-content-type-options"], &headers["cache-control"]),
        (&"nosniff".parse().unwrap(), &"no-store".parse().unwrap())
    );
    let (_, _, headers) = get(format!("{base}/runs"), &origin("https://evil.example.com")).await;
    assert!(!headers.contains_key("access-control-allow-origin"), "{headers:?}");
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    let packed = plain.get(format!("{base}/metrics")).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_suit_browsers_as_well() {
    let mut world = World::with_charges(0).await;
    world.set("CORS_ORIGINS", "https://dash.example.com");
    world.set("HTTP_RATE_LIMIT_PER_MIN", "1");
    let (mut server, base) = serve(&mut world).await;
    let origin = ("origin", "https://dash.example.com");
    let key = ("x-api-key", KEY);
    for (path, sent, expected) in [
        ("/runs", &[origin][..], 401),
        ("/runs?limitt=1", &[origin, key], 400),
        ("/runs", &[origin, key], 429),
        ("/nowhere", &[origin], 404),
    ] {
        let (status, answer, headers) = get(format!("{base}{path}"), sent).await;
        assert_eq!(status, expected, "{answer}");
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("access-control-allow-origin"), Some("https://dash.example.com"), "{headers:?}");
        let exposed = header("access-control-expose-headers").unwrap_or_default();
        assert!(exposed.contains("retry-after") && exposed.contains("x-request-id"), "{headers:?}");
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{headers:?}");
        assert_eq!(header("cache-control"), Some("no-store"), "{headers:?}");
        assert_eq!(header("content-type"), Some("application/json"), "{headers:?}");
        assert_eq!(header("retry-after").is_some(), expected == 429, "{headers:?}");
    }
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_not_spoken_to_unless_some_are_allowed() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    for (path, expected, code) in [("/runs", 405, "METHOD_NOT_ALLOWED"), ("/nowhere", 404, "NOT_FOUND")] {
        let asking = reqwest::Client::new().request(reqwest::Method::OPTIONS, format!("{base}{path}"));
        let asking = asking.header("x-api-key", KEY).header("origin", "https://dash.example.com");
        let answer = asking.header("access-control-request-method", "GET").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected);
        let cors = answer.headers().keys().find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(cors, None);
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(answer["code"], code);
    }
    kill(&mut server).await;
    world.end().await;
}
