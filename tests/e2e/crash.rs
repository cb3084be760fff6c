//! Killed at any moment, everything is there exactly once in the end.

use std::time::Duration;

use crate::harness::{World, kill};

#[tokio::test(flavor = "multi_thread")]
async fn thirty_kills_lose_and_repeat_nothing() {
    let mut world = World::with_charges(5_000).await;
    // Spreads the backfill over about two seconds, so that kills hit all of its parts.
    world.set("STRIPE_RATE_LIMIT_PER_SEC", "40");
    world.set("OUTBOX_BATCH_SIZE", "50");
    for _ in 0..30 {
        let mut fetch = world.start(&["fetch"]);
        let mut process = world.start(&["process", "--watch"]);
        // The moment itself is what is random here; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(5..250))).await;
        kill(&mut fetch).await;
        kill(&mut process).await;
    }
    // Enough for the rest and for finding that there is nothing more.
    world.set("STRIPE_RATE_LIMIT_PER_SEC", "0");
    world.fetch().await.expect(0);
    let run = world.fetch().await.expect(0).run();
    assert_eq!(run["mode"], "incremental", "{run}");
    world.process().await.expect(0);
    world.assert_complete().await;
    let changed = "SELECT count(*) FROM record_heads WHERE revision <> 1";
    assert_eq!(world.database.number(changed).await, 0, "states that never were");
    // Killed runs are known as such, once somebody has taken their place.
    let abandoned = "SELECT count(*) FROM sync_runs WHERE status = 'abandoned' AND mode <> 'process'";
    assert!(world.database.number(abandoned).await > 0);
    let running = "SELECT count(*) FROM sync_runs WHERE status = 'running' AND mode <> 'process'";
    assert_eq!(world.database.number(running).await, 0);
    world.end().await;
}
