//! Order, repetition, and rows that can't be processed.

use serde_json::json;

use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_processed_first_the_newest_state_stays() {
    let mut world = World::with_charges(0).await;
    world.set("OUTBOX_BATCH_SIZE", "1");
    world.set_clock(-100_000).await;
    let charge = world.charge(json!({"amount": 100, "currency": "usd", "status": "pending"})).await;
    world.fetch().await.expect(0);
    world.set_clock(0).await;
    world.tell(&format!("charges/{charge}/succeed"), json!({})).await;
    world.fetch().await.expect(0);
    assert_eq!(world.database.number("SELECT count(*) FROM ingest_outbox").await, 2);
    // The newer state first.
    world
        .database
        .run("UPDATE ingest_outbox SET available_at = available_at - interval '1 day' WHERE revision = 2")
        .await;
    world.process().await.expect(0);
    world.assert_complete().await;
    // And the older one once more, as a replay would.
    world
        .database
        .run(
            "INSERT INTO ingest_outbox (raw_id, source, entity, external_id, revision, observed_at, payload_bytes,
                                        available_at, enqueued_at)
             SELECT id, source, entity, external_id, revision, observed_at, 1, now(), fetched_at FROM raw_records
             WHERE revision = 1",
        )
        .await;
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_b_a_is_three_changes() {
    let world = World::with_charges(0).await;
    let charge = world.charge(json!({"amount": 100, "currency": "usd", "metadata": {"state": "a"}})).await;
    for (offset_s, metadata) in [(100, "b"), (200, "a")] {
        world.sync().await;
        world.set_clock(offset_s).await;
        world.tell(&format!("charges/{charge}/update"), json!({"metadata": {"state": metadata}})).await;
    }
    world.sync().await;
    let states =
        "SELECT string_agg(payload::jsonb->'metadata'->>'state', '' ORDER BY revision) FROM raw_records";
    assert_eq!(world.database.text(states).await, "aba");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_row_is_alone_and_dies_after_five_attempts() {
    let world = World::with_charges(20).await;
    let poison =
        world.charge(json!({"amount": 100, "currency": "usd", "raw_patch": {"currency": "dollars"}})).await;
    world.fetch().await.expect(0);
    for attempt in 1..=5 {
        let outcome = world.process().await.expect(if attempt < 5 { 0 } else { 3 });
        let run = outcome.run();
        assert_eq!(run["counts"]["recordsFailed"], 1, "attempt {attempt}");
        assert_eq!(run["failedRecords"][0]["externalId"], poison);
        if attempt < 5 {
            let attempts = world.database.number("SELECT attempts::bigint FROM ingest_outbox").await;
            assert_eq!(attempts, attempt);
            let waits = "SELECT count(*) FROM ingest_outbox WHERE available_at > now() + interval '10 s'";
            assert_eq!(world.database.number(waits).await, 1, "it is not due at once");
            assert_eq!(world.process().await.expect(0).run()["counts"]["recordsFailed"], 0);
            world.database.run("UPDATE ingest_outbox SET available_at = now()").await;
        }
    }
    let letter = "SELECT external_id || ' ' || attempts || ' ' || reason FROM dead_letters";
    let letter = world.database.text(letter).await;
    assert!(letter.starts_with(&format!("{poison} 5 ")) && letter.contains("`currency`"), "{letter}");
    let verbatim =
        "SELECT count(*) FROM dead_letters d JOIN raw_records r ON r.id = d.raw_id AND r.payload = d.payload";
    assert_eq!(world.database.number(verbatim).await, 1);
    assert_eq!(world.database.number("SELECT count(*) FROM ingest_outbox").await, 0);
    let status = world.buffalo(&["status", "--format", "json"]).await.expect(3).json();
    assert_eq!(status["deadLetters"][0]["count"], 1);
    world.end().await;
}
