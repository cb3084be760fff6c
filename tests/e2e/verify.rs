//! Verification: what somebody changed behind the program's back is found, not served, and mended.

use serde_json::{Value, json};

use crate::harness::{World, terminate};
use crate::http::{KEY, get, serve};

async fn verify(world: &World, arguments: &[&str], code: i32) -> Value {
    let arguments = [&["verify", "--format", "json"], arguments].concat();
    world.buffalo(&arguments).await.expect(code).json()
}

async fn total(world: &World) -> Value {
    let asked = ["revenue", "summary", "--format", "json"];
    world.buffalo(&asked).await.expect(0).json()["totalRevenueCents"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_and_processed_is_as_it_should_be() {
    let world = World::with_charges(500).await;
    world.sync().await;
    let report = verify(&world, &[], 0).await;
    assert_eq!(report["wrongPayments"], 0);
    assert!(report["payments"].as_i64().unwrap() >= 500, "{report}");
    let asked = ["revenue", "daily", "--format", "json"];
    let answer = world.buffalo(&asked).await.expect(0).json();
    assert_eq!(
        answer["drift"]["verifiedAt"].as_str().map(str::len),
        Some("2026-11-21T00:00:00.000000Z".len())
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_somebody_changed_is_found_and_its_day_is_not_served() {
    let mut world = World::with_charges(0).await;
    world.charge(json!({"amount": 500, "currency": "usd", "at": 1_774_738_800})).await;
    world.charge(json!({"amount": 70, "currency": "usd", "at": 1_774_938_800})).await;
    world.sync().await;
    let before = total(&world).await;
    world.database.run("UPDATE payments SET amount_minor = 600 WHERE amount_minor = 500").await;

    let report = verify(&world, &[], 3).await;
    let field = &report["paymentSamples"][0]["fields"][0];
    assert_eq!(
        (&field["field"], &field["stored"], &field["expected"]),
        (&json!("amountCents"), &json!("600"), &json!("500"))
    );
    let table = world.buffalo(&["verify"]).await.expect(3).stdout;
    assert!(table.contains("amountCents") && table.contains("--repair"), "{table}");

    let (mut server, base) = serve(&mut world).await;
    let asked = async |path: &str| get(format!("{base}/metrics/revenue/{path}"), &[("x-api-key", KEY)]).await;
    let (status, answer, _) = asked("summary").await;
    assert_eq!((status, &answer["code"]), (500, &json!("METRIC_DRIFT")));
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("600") && message.contains("500"), "{message}");
    // Days that it does not touch are served.
    let (status, other, _) = asked("summary?startDate=2026-03-31&endDate=2026-03-31").await;
    assert_eq!((status, &other["totalRevenueCents"]), (200, &json!("70")));

    assert_eq!(verify(&world, &["--repair"], 3).await["repaired"], true);
    assert_eq!(asked("summary").await.1["totalRevenueCents"], before);
    assert_eq!(verify(&world, &[], 0).await["wrongFigures"], 0);
    let (_, metrics, _) = get(format!("{base}/metrics"), &[]).await;
    let metrics = metrics.as_str().unwrap();
    let drift = metrics.lines().find_map(|line| line.strip_prefix("buffalo_revenue_drift_total "));
    assert!(drift.unwrap().parse::<u64>().unwrap() >= 3, "{drift:?}");
    terminate(&server);
    assert!(server.wait().await.unwrap().success());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_that_were_changed_past_all_triggers_are_found_and_mended() {
    let world = World::with_charges(200).await;
    world.sync().await;
    let before = total(&world).await;
    // As a restore of a part of the tables would, or somebody who switched triggers off.
    for tampering in [
        "DO $$ BEGIN
             SET LOCAL session_replication_role = replica;
             DELETE FROM payments WHERE external_id =
                 (SELECT min(external_id) FROM payments WHERE status = 'COLLECTED' AND kind = 'charge');
         END $$",
        "UPDATE revenue_buckets SET amount = amount + 1",
        "INSERT INTO revenue_days SELECT min(quarter), min(quarter) + interval '1 day', '[]' FROM revenue_buckets",
        "DELETE FROM revenue_buckets WHERE quarter = (SELECT max(quarter) FROM revenue_buckets)",
    ] {
        total(&world).await;
        world.database.run(tampering).await;
        let found = verify(&world, &[], 3).await;
        assert!(found["wrongFigures"].as_i64().unwrap() > 0, "{tampering}: {found}");
        assert!(world.buffalo(&["revenue", "summary"]).await.expect(1).stderr.contains("buffalo verify"));
        verify(&world, &["--repair"], 3).await;
        verify(&world, &[], 0).await;
    }
    assert_eq!(total(&world).await, before, "a payment that was deleted is there again");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_deleted_by_hand_are_found_and_restored() {
    let mut world = World::with_charges(30).await;
    world.set_clock(-100_000).await;
    world.sync().await;
    let before = total(&world).await;
    assert_eq!(verify(&world, &[], 0).await["missingPayments"], 0);
    world
        .database
        .run(
            "DELETE FROM payments WHERE external_id IN
                 (SELECT external_id FROM payments WHERE status = 'COLLECTED' ORDER BY external_id LIMIT 2)",
        )
        .await;
    assert_ne!(total(&world).await, before);
    let report = verify(&world, &[], 3).await;
    assert_eq!((&report["missingPayments"], &report["repaired"]), (&json!(2), &json!(false)), "{report}");
    let field = &report["paymentSamples"][0]["fields"][0];
    assert_eq!((&field["field"], &field["stored"]), (&json!("payment"), &Value::Null));
    assert!(field["expected"].as_str().unwrap().starts_with("COLLECTED "), "{report}");
    let table = world.buffalo(&["verify"]).await.expect(3).stdout;
    assert!(table.contains("2 payments are missing"), "{table}");
    world.buffalo(&["revenue", "summary"]).await.expect(1);
    let report = verify(&world, &["--repair"], 3).await;
    assert_eq!((&report["missingPayments"], &report["repaired"]), (&json!(2), &json!(true)));
    assert_eq!(total(&world).await, before);
    assert_eq!(verify(&world, &[], 0).await["missingPayments"], 0);
    world.assert_complete().await;

    // An older state than what the source said last is as wrong, and nothing of it is in the outbox.
    let charge = world.charge(json!({"amount": 500, "currency": "usd", "capture": false})).await;
    world.set_clock(-80_000).await;
    world.sync().await;
    world.tell(&format!("charges/{charge}/capture"), json!({})).await;
    world.set_clock(-60_000).await;
    world.fetch().await.expect(0);
    world.database.run("DELETE FROM ingest_outbox").await;
    assert_eq!(verify(&world, &["--repair"], 3).await["missingPayments"], 1);
    assert_eq!(verify(&world, &[], 0).await["missingPayments"], 0);
    world.assert_complete().await;

    // What is waiting, or is a dead letter, is not missing.
    world.set("SUPPORTED_CURRENCIES", "USD");
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    world.charge(json!({"amount": 900, "currency": "jpy"})).await;
    world.charge(json!({"amount": 900, "currency": "usd"})).await;
    world.fetch().await.expect(0);
    verify(&world, &[], 0).await;
    world.process().await.expect(3);
    verify(&world, &[], 0).await;
    // Nor is what was discarded because its currency is not accepted.
    world.buffalo(&["dead-letters", "discard", "--reason", "unsupported_currency"]).await.expect(0);
    verify(&world, &[], 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_which_nothing_is_left_is_read_again() {
    let world = World::with_charges(20).await;
    world.sync().await;
    for forget in [
        "DELETE FROM payments WHERE external_id = (SELECT min(external_id) FROM record_heads WHERE external_id LIKE 'ch_%')",
        "DELETE FROM raw_records WHERE external_id = (SELECT min(external_id) FROM record_heads WHERE external_id LIKE 'ch_%')",
    ] {
        world.database.run(forget).await;
    }
    let report = verify(&world, &[], 3).await;
    assert_eq!((&report["missingPayments"], &report["lostPayments"]), (&json!(1), &json!(1)), "{report}");
    verify(&world, &["--repair"], 3).await;
    let wanted = "SELECT count(*) FROM refetch_requests WHERE part = 'record'";
    assert_eq!(world.database.number(wanted).await, 1);
    world.end().await;
}
