//! Records that no vendor should send.

use serde_json::json;

use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn strange_records_harm_nobody_else() {
    let mut world = World::with_charges(0).await;
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    world.set("SUPPORTED_CURRENCIES", "USD,EUR");
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let huge: serde_json::Value = serde_json::from_str("{\"amount_captured\": 9223372036854775808}").unwrap();
    for patch in [huge, json!({"id": null}), json!({"customer": "cus_\u{0}"}), json!({"status": "settled"})] {
        let body = json!({"amount": 1, "currency": "usd", "raw_patch": patch});
        world.tell("charges", body).await;
    }
    world.charge(json!({"amount": 2, "currency": "gbp"})).await;
    world
        .charge(json!({"amount": 3, "currency": "usd", "raw_patch": {"description": "x".repeat(10_000_000)}}))
        .await;
    world.charge(json!({"amount": 7, "currency": "eur"})).await;
    world.fetch().await.expect(0);
    let run = world.process().await.expect(3).run();
    assert_eq!(run["counts"]["recordsDeadLettered"], 3, "{run}");
    assert_eq!(run["unmappedStatusesSeen"], json!(["settled"]));
    let reasons =
        world.database.text("SELECT string_agg(reason, E'\\n' ORDER BY reason) FROM dead_letters").await;
    for words in ["missing field `id`", "9223372036854775808", "unsupported_currency: GBP"] {
        assert!(reasons.contains(words), "{words} in {reasons}");
    }
    let revenue = world.buffalo(&["revenue", "summary", "--format", "json"]).await.expect(0).json();
    assert_eq!(revenue["totalRevenueCents"], "104", "all but the dead and the unknown");
    let status = world.buffalo(&["status", "--format", "json"]).await.expect(3).json();
    assert_eq!(status["unmappedStatuses"][0]["rawStatus"], "settled");
    world.end().await;
}

/// Texts that PostgreSQL refuses, and what is no text at all, wherever no figure needs them; and a vendor whose account of its
/// own failure can't be stored as it is.
#[tokio::test(flavor = "multi_thread")]
async fn no_text_costs_a_record_or_leaves_a_run_running() {
    let mut world = World::with_charges(0).await;
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    for patch in [
        json!({"billing_details": {"email": 5}}),
        json!({"billing_details": {"email": "a\u{0}b@example.com"}}),
        json!({"billing_details": {"email": format!("{}@example.com", "x".repeat(4_000))}}),
        json!({"billing_details": "none"}),
        json!({"receipt_email": {"a": 1}}),
        json!({"customer": "cus_\u{0}"}),
        json!({"customer": 5}),
        json!({"id": format!("ch_\u{0}")}),
        json!({"status": "settled\u{0}"}),
    ] {
        world.tell("charges", json!({"amount": 1, "currency": "usd", "raw_patch": patch})).await;
    }
    world.fetch().await.expect(0);
    let run = world.process().await.expect(0).run();
    assert_eq!(
        (&run["status"], &run["counts"]["recordsDeadLettered"]),
        (&json!("success"), &json!(0)),
        "{run}"
    );
    assert_eq!(run["unmappedStatusesSeen"], json!(["settled\u{fffd}"]));
    assert_eq!(world.database.number("SELECT count(*) FROM payments WHERE status = 'COLLECTED'").await, 8);

    let body = r#"{"error": {"type": "api_error", "message": "no\u0000thing"}}"#;
    world.tell("faults", json!({"times": 9, "kind": {"status": 403, "body": body}})).await;
    let run = world.fetch().await.expect(1).run();
    assert_eq!(run["status"], "failed", "{run}");
    assert_eq!(world.database.number("SELECT count(*) FROM sync_runs WHERE status = 'running'").await, 0);
    world.end().await;
}
