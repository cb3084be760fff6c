//! The proof that nothing is missing.

use serde_json::{Value, json};

use crate::harness::World;

async fn reconcile(world: &World, more: &[&str], code: i32) -> Value {
    let arguments = [&["reconcile", "--format", "json"], more].concat();
    world.buffalo(&arguments).await.expect(code).json()["reconciliations"][0].clone()
}

fn counts(result: &Value) -> [i64; 4] {
    ["missing", "different", "extra", "repaired"].map(|name| result[name].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_the_source_has_it_is_found_and_mended() {
    let world = World::with_charges(350).await;
    world.buffalo(&["reconcile"]).await.expect(1);
    world.sync().await;
    let result = reconcile(&world, &[], 0).await;
    assert_eq!(counts(&result), [0, 0, 0, 0], "{result}");
    assert!(result["listed"].as_i64().unwrap() >= 350);
    for total in result["totals"].as_array().unwrap() {
        assert_eq!(total["listedCents"], total["storedCents"], "{total}");
        assert_eq!(total["listedCount"], total["storedCount"], "{total}");
    }
    let status = world.buffalo(&["status"]).await.expect(0);
    assert!(status.stdout.contains("equal, "), "{}", status.stdout);

    // A charge whose event never came, and rows that somebody deleted, changed and made up.
    let first = world
        .database
        .text("SELECT external_id FROM payments WHERE kind = 'charge' AND status = 'COLLECTED' ORDER BY occurred_at LIMIT 1")
        .await;
    world.tell(&format!("charges/{first}/fail"), json!({"silent": true})).await;
    for wrong in [
        "DELETE FROM payments WHERE external_id = (SELECT external_id FROM payments ORDER BY external_id DESC LIMIT 1)",
        "UPDATE payments SET amount_minor = amount_minor + 1
         WHERE external_id = (SELECT external_id FROM payments WHERE kind = 'refund' ORDER BY external_id LIMIT 1)",
        "INSERT INTO payments SELECT (jsonb_populate_record(p, '{\"external_id\": \"ch_made_up\", \"revision\": 0}')).*
         FROM payments p WHERE kind = 'charge' LIMIT 1",
    ] {
        world.database.run(wrong).await;
    }
    let result = reconcile(&world, &[], 3).await;
    assert_eq!(counts(&result), [1, 2, 1, 0], "{result}");
    assert_eq!(result["samples"].as_array().unwrap().len(), 4, "{result}");
    assert_eq!(
        world.database.number("SELECT count(*) FROM ingest_outbox").await,
        0,
        "nothing was asked to be mended"
    );

    let repaired = reconcile(&world, &["--repair"], 3).await;
    assert_eq!(counts(&repaired), [1, 2, 1, 4], "{repaired}");
    world.process().await.expect(0);
    assert_eq!(counts(&reconcile(&world, &[], 0).await), [0, 0, 0, 0]);
    let gone = "SELECT count(*) FROM payments WHERE external_id = 'ch_made_up' AND deleted_at IS NOT NULL";
    assert_eq!(world.database.number(gone).await, 1);
    world.database.run("DELETE FROM payments WHERE external_id = 'ch_made_up'").await;
    world.assert_complete().await;
    // It touched no cursor: the next run goes on as before.
    assert_eq!(world.sync().await["mode"], "incremental");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_census_may_be_of_the_last_days_only() {
    let world = World::with_charges(400).await;
    world.sync().await;
    let whole = reconcile(&world, &[], 0).await;
    let since = world
        .database
        .text("SELECT (percentile_disc(0.7) WITHIN GROUP (ORDER BY occurred_at))::date::text FROM payments")
        .await;
    let part = reconcile(&world, &["--since", &since], 0).await;
    assert_eq!(counts(&part), [0, 0, 0, 0], "{part}");
    assert!(part["listed"].as_i64().unwrap() < whole["listed"].as_i64().unwrap() / 2, "{part}");
    world.buffalo(&["reconcile", "--since", "2026-02-30"]).await.expect(2);
    world.end().await;
}
