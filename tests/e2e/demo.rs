//! The demo: everything, with nothing set up.

use crate::harness::{World, kill};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_start_finds_everything_and_survives_a_kill() {
    let mut world = World::with_charges(0).await;
    world.unset("DATABASE_URL");
    world.unset("STRIPE_API_KEY");
    world.unset("STRIPE_API_BASE");
    // Not below the test's own directory: a server started by root belongs to another user, who must get there.
    let parent = std::env::temp_dir().join(format!("buffalo-demo-{}", std::process::id()));
    let directory = parent.to_str().unwrap();
    let demo = ["demo", "--once", "--format", "json", "--data-dir", directory];
    let first = world.buffalo(&[&demo[..], &["--charges", "300"]].concat()).await.expect(0).json();
    assert_eq!(first["runs"][0]["mode"], "full");
    assert!(first["elapsedMs"].is_u64());
    // Both sources that have payments were fetched to their end; a calendar has none.
    let fresh = first["revenue"]["dataThrough"].as_object().unwrap();
    assert_eq!(fresh.keys().collect::<Vec<_>>(), ["hubspot", "stripe"]);
    assert!(fresh.values().all(serde_json::Value::is_string), "{fresh:?}");
    let total = first["revenue"]["totalRevenueCents"].as_str().unwrap();
    assert!(total.parse::<u64>().unwrap() > 0);

    // Leaves a server without its parent, which the next start has to deal with.
    let mut serving = world.start(&["demo", "--data-dir", directory, "--port", "0"]);
    let key = parent.join("api-key");
    world.until("the demo serves", async || key.exists()).await;
    kill(&mut serving).await;

    let second = world.buffalo(&demo).await.expect(0).json();
    assert_eq!(second["runs"][0]["mode"], "incremental");
    assert_eq!(second["runs"][0]["counts"]["recordsEnqueued"], 0);
    assert_eq!(second["revenue"]["totalRevenueCents"], total);
    let other = world.buffalo(&["demo", "--once", "--data-dir", directory, "--charges", "5"]).await.expect(2);
    assert!(other.stderr.contains("holds an account of 300 charges"), "{other:?}");
    std::fs::remove_dir_all(&parent).unwrap();
    world.end().await;
}
