//! The figures: complete, by currency, in the reader's days.

use serde_json::json;

use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_gives_the_accounts_own_sums() {
    let world = World::with_charges(1_000).await;
    let run = world.sync().await;
    assert_eq!(run["mode"], "full");
    assert_eq!(run["fullBackfillReason"], "nothing was fetched so far");
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_begin_and_end_in_the_zone_that_is_asked_for() {
    let world = World::with_charges(0).await;
    // 2026-03-29 has 23 hours in Berlin: it lasts from 23:00 UTC the day before to 22:00 UTC.
    for (at, amount) in [(1_774_738_799, 1), (1_774_738_800, 10), (1_774_821_599, 100), (1_774_821_600, 1000)]
    {
        world.charge(json!({"amount": amount, "currency": "usd", "at": at})).await;
    }
    world.sync().await;
    let daily = async |zone: &str| {
        let asked = ["revenue", "daily", "--timezone", zone, "--format", "json"];
        let revenue = world.buffalo(&asked).await.expect(0).json();
        let rows = revenue["breakdown"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["date"].as_str().unwrap(), row["amountCents"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(daily("Europe/Berlin").await, ["2026-03-28 1", "2026-03-29 110", "2026-03-30 1000"]);
    assert_eq!(daily("UTC").await, ["2026-03-28 11", "2026-03-29 1100"]);
    // The end date is a whole day.
    let asked = ["--start-date", "2026-03-29", "--end-date", "2026-03-29", "--timezone", "Europe/Berlin"];
    let one = world
        .buffalo(&[&["revenue", "summary", "--format", "json"][..], &asked].concat())
        .await
        .expect(0)
        .json();
    assert_eq!(one["totalRevenueCents"], "110");
    let weekly = world.buffalo(&["revenue", "weekly", "--format", "json"]).await.expect(0).json();
    assert_eq!(weekly["breakdown"][0]["weekStartDate"], "2026-03-23");
    let monthly = world.buffalo(&["revenue", "monthly", "--format", "csv"]).await.expect(0).stdout;
    assert_eq!(
        monthly,
        "month,amountCents,count,refundedCents,disputedCents,netCents,currency\n2026-03,1111,4,0,0,1111,USD\n"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn currencies_are_never_added() {
    let world = World::with_charges(0).await;
    world.charge(json!({"amount": 500, "currency": "usd"})).await;
    world.charge(json!({"amount": 700, "currency": "jpy"})).await;
    world.sync().await;
    let usd = world.buffalo(&["revenue", "summary", "--format", "json"]).await.expect(0).json();
    assert_eq!(usd["totalRevenueCents"], "500");
    assert_eq!(usd["otherCurrencies"][0]["currency"], "JPY");
    assert_eq!(usd["otherCurrencies"][0]["totalRevenueCents"], "700");
    let table = world.buffalo(&["revenue", "summary"]).await.expect(0).stdout;
    assert!(table.contains(" 5.00 ") && table.contains(" 700 "), "{table}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_as_fresh_as_the_oldest_row_that_waits() {
    let world = World::with_charges(10).await;
    world.set_clock(-10_000).await;
    world.fetch().await.expect(0);
    let through = async || {
        let asked = ["revenue", "summary", "--format", "json"];
        world.buffalo(&asked).await.expect(0).json()["dataThrough"]["stripe"].clone()
    };
    world.process().await.expect(0);
    let after_backfill = through().await;
    world.set_clock(0).await;
    let charge = world.charge(json!({"amount": 5, "currency": "usd"})).await;
    world.fetch().await.expect(0);
    let while_waiting = through().await;
    world.process().await.expect(0);
    let after_processing = through().await;
    assert!(after_backfill.as_str() < after_processing.as_str(), "{after_backfill} {after_processing}");
    assert!(
        while_waiting.as_str() <= after_processing.as_str(),
        "{charge}: {while_waiting} {after_processing}"
    );
    world.end().await;
}
