//! Answers for browsers: what every answer carries, and which pages may ask.

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
