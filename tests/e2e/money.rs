//! What counts is the money that moved, as Stripe tells it.

use serde_json::{Value, json};

use crate::harness::World;

/// A summary in a currency, once all that was said so far is in it. The sandbox's clock goes on, so that what follows comes
/// after all that was read.
async fn summary(world: &World, step: &mut i64, currency: &str) -> Value {
    world.sync().await;
    *step += 1;
    world.set_clock(*step * 10_000 - 100_000).await;
    world.buffalo_json(&["revenue", "summary", "--currency", currency]).await
}

/// An account to which nothing has happened, some time ago.
async fn world() -> World {
    let world = World::with_charges(0).await;
    world.set_clock(-100_000).await;
    world
}

fn told<const N: usize>(summary: &Value, fields: [&str; N]) -> [String; N] {
    fields.map(|field| summary[field].as_str().unwrap_or_else(|| panic!("{field} in {summary}")).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_is_captured_in_parts_counts_as_far_as_it_is() {
    let world = world().await;
    let fields = ["totalRevenueCents", "pendingCents", "refundedCents", "netRevenueCents"];
    let mut step = 0;
    let part = json!({"captured": false, "amount_captured": 700});
    let charge = world.charge(json!({"amount": 1000, "currency": "usd", "raw_patch": part})).await;
    let now = summary(&world, &mut step, "USD").await;
    assert_eq!(told(&now, fields), ["700", "300", "0", "700"]);

    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 200})).await;
    let now = summary(&world, &mut step, "USD").await;
    assert_eq!(told(&now, fields), ["700", "300", "200", "500"]);

    let whole = json!({"raw_patch": {"captured": true, "amount_captured": 900}});
    world.tell(&format!("charges/{charge}/update"), whole).await;
    let now = summary(&world, &mut step, "USD").await;
    assert_eq!(told(&now, fields), ["900", "0", "200", "700"]);

    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 700})).await;
    let now = summary(&world, &mut step, "USD").await;
    assert_eq!(told(&now, fields), ["900", "0", "900", "0"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_takes_what_its_balance_transactions_moved_in_their_currency() {
    let world = world().await;
    let charge = world.charge(json!({"amount": 10_000, "currency": "usd"})).await;
    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 3_000})).await;
    let lost = json!([{"amount": -10_000, "currency": "usd"}, {"amount": 3_000, "currency": "usd"}]);
    let dispute = json!({"status": "lost", "raw_patch": {"balance_transactions": lost}});
    world.tell(&format!("charges/{charge}/dispute"), dispute).await;
    let other = world.charge(json!({"amount": 500, "currency": "gbp"})).await;
    let prevented = json!([{"amount": -580, "currency": "eur"}]);
    let dispute = json!({"status": "prevented", "raw_patch": {"balance_transactions": prevented}});
    world.tell(&format!("charges/{other}/dispute"), dispute).await;
    let fields = ["totalRevenueCents", "refundedCents", "disputedCents", "netRevenueCents"];
    let mut step = 0;
    let dollars = summary(&world, &mut step, "USD").await;
    assert_eq!(told(&dollars, fields), ["10000", "3000", "7000", "0"]);
    let pounds = world.buffalo_json(&["revenue", "summary", "--currency", "GBP"]).await;
    assert_eq!(told(&pounds, fields), ["500", "0", "0", "500"]);
    let euros = world.buffalo_json(&["revenue", "summary", "--currency", "EUR"]).await;
    assert_eq!(told(&euros, fields), ["0", "0", "580", "-580"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_never_was_a_payment_is_no_refund_of_revenue() {
    let world = world().await;
    let charge = world.charge(json!({"amount": 1000, "currency": "usd"})).await;
    let of_balance = json!({"amount": 400, "raw_patch": {"charge": null, "payment_intent": null}});
    world.tell(&format!("charges/{charge}/refund"), of_balance).await;
    let now = summary(&world, &mut 0, "USD").await;
    let fields = ["refundedCents", "refundsWithoutPaymentCents", "netRevenueCents"];
    assert_eq!(told(&now, fields), ["0", "400", "1000"]);
    let table = world.buffalo(&["revenue", "summary"]).await.expect(0);
    let line = "4.00 USD of refunds of money that never was a payment";
    assert!(table.stdout.contains(line) || table.stderr.contains(line), "{table:?}");
    world.end().await;
}

/// Whether figures are said to lack refunds or disputes that a charge tells of.
async fn lacks_returns(world: &World, arguments: &[&str]) -> bool {
    let answer = world.buffalo_json(&[&["revenue", "summary"], arguments].concat()).await;
    let reasons = answer["incompleteBecause"].as_array().unwrap();
    let lacks = reasons.iter().any(|reason| reason["code"] == "RETURNS_MISSING");
    assert!(!lacks || answer["complete"] == false, "{answer}");
    lacks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_with_a_missing_refund_is_followed_up() {
    let world = world().await;
    let charge = world.charge(json!({"amount": 1000, "currency": "usd"})).await;
    let mut step = 0;
    summary(&world, &mut step, "USD").await;
    // The refund is there, and no event tells of it; one tells of the charge.
    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 400, "silent": true})).await;
    world.tell(&format!("charges/{charge}/update"), json!({"metadata": {"told": "now"}})).await;
    let now = summary(&world, &mut step, "USD").await;
    assert_eq!(told(&now, ["refundedCents", "netRevenueCents"]), ["0", "1000"]);
    assert!(lacks_returns(&world, &[]).await);
    assert!(!lacks_returns(&world, &["--end-date", "2020-01-31"]).await);
    let report = world.buffalo(&["verify", "--format", "json"]).await.expect(3).json();
    assert_eq!(report["missingReturns"], 1, "{report}");
    assert_eq!(report["missingReturnSamples"][0]["externalId"], json!(charge));
    assert!(world.buffalo(&["verify"]).await.expect(3).stdout.contains("says that money went back"));

    // One request for what is new, as ever, and one each for the refunds and disputes of that charge.
    let idle = async || {
        let before = world.requests().await;
        world.sync().await;
        world.requests().await - before
    };
    assert_eq!(idle().await, 3);
    let now = world.buffalo_json(&["revenue", "summary"]).await;
    assert_eq!(told(&now, ["refundedCents", "netRevenueCents"]), ["400", "600"]);
    assert!(!lacks_returns(&world, &[]).await);
    assert_eq!(world.buffalo(&["verify", "--format", "json"]).await.expect(0).json()["missingReturns"], 0);
    assert_eq!(idle().await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_was_disputed_without_a_word_is_followed_up() {
    let world = world().await;
    let charge = world.charge(json!({"amount": 1000, "currency": "usd"})).await;
    let mut step = 0;
    summary(&world, &mut step, "USD").await;
    let dispute = json!({"status": "lost", "silent": true});
    world.tell(&format!("charges/{charge}/dispute"), dispute).await;
    world.tell(&format!("charges/{charge}/update"), json!({"metadata": {"told": "now"}})).await;
    let now = summary(&world, &mut step, "USD").await;
    assert_eq!(told(&now, ["disputedCents"]), ["0"]);
    assert!(lacks_returns(&world, &[]).await);
    let now = summary(&world, &mut step, "USD").await;
    assert_eq!(told(&now, ["disputedCents", "netRevenueCents"]), ["1000", "0"]);
    assert!(!lacks_returns(&world, &[]).await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_is_not_interrupted_by_refunds_that_it_has_not_read_yet() {
    let world = World::with_charges(300).await;
    world.set_clock(-100_000).await;
    let run = world.sync().await;
    assert_eq!(run["mode"], "full");
    assert_eq!(world.database.number("SELECT count(*) FROM refetch_requests").await, 0);
    assert!(!lacks_returns(&world, &[]).await);
    // Two workers that wrote a charge and its refund at once did not see each other; the next run forgets what they noted.
    let requests = world.requests().await;
    world.sync().await;
    assert_eq!(world.requests().await - requests, 1);
    assert_eq!(world.database.number("SELECT count(*) FROM missing_returns").await, 0);
    assert_eq!(world.database.number("SELECT count(*) FROM refetch_requests").await, 0);
    world.end().await;
}
