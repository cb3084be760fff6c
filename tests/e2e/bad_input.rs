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
    assert_eq!(run["counts"]["recordsDeadLettered"], 4, "{run}");
    assert_eq!(run["unmappedStatusesSeen"], json!(["settled"]));
    let reasons =
        world.database.text("SELECT string_agg(reason, E'\\n' ORDER BY reason) FROM dead_letters").await;
    for words in ["missing field `id`", "9223372036854775808", "unsupported_currency: GBP", "SQLSTATE 22"] {
        assert!(reasons.contains(words), "{words} in {reasons}");
    }
    let revenue = world.buffalo(&["revenue", "summary", "--format", "json"]).await.expect(0).json();
    assert_eq!(revenue["totalRevenueCents"], "103", "the healthy one and the one of ten megabytes");
    let status = world.buffalo(&["status", "--format", "json"]).await.expect(3).json();
    assert_eq!(status["unmappedStatuses"][0]["rawStatus"], "settled");
    world.end().await;
}
