//! What is behind a figure: its payments, and what it was before.

use serde_json::{Value, json};

use crate::harness::{World, kill};
use crate::http::{assert_refused, checked_whenever, pages, serve};

/// 2026-10-15T12:00:00Z.
const AT: i64 = 1_792_065_600;

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_is_explained_by_what_the_vendor_said() {
    let mut world = World::with_charges(0).await;
    let charge = world.charge(json!({"amount": 5000, "currency": "usd", "at": AT})).await;
    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 1500, "at": AT + 60})).await;
    world.charge(json!({"amount": 700, "currency": "usd", "at": AT + 120})).await;
    world.charge(json!({"amount": 900, "currency": "usd", "at": AT + 86_400})).await;
    let run = world.sync().await;
    let day = "2026-10-15";
    let summary = world.buffalo_json(&["revenue", "summary", "--start-date", day, "--end-date", day]).await;
    let explained = world.buffalo_json(&["revenue", "explain", day]).await;
    assert_eq!(checked_whenever(explained["totals"].clone()), checked_whenever(summary.clone()));
    let rows = explained["rows"].as_array().unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| format!("{} {}", row["measure"].as_str().unwrap(), row["amountCents"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["collected 5000", "refunded 1500", "collected 700"]);
    assert_eq!(
        (&rows[0]["payload"]["id"], &rows[0]["payload"]["object"]),
        (&json!(charge), &json!("charge"))
    );
    assert_eq!((&rows[0]["runId"], &rows[0]["rawDropped"]), (&run["runId"], &json!(false)));
    assert_eq!(rows[1]["parentExternalId"], charge.as_str());

    let table = world.buffalo(&["revenue", "explain", day]).await.expect(0).stdout;
    assert!(table.contains(&charge) && table.contains(" 50.00 "), "{table}");
    let csv = world.buffalo(&["revenue", "explain", day, "--format", "csv"]).await.expect(0).stdout;
    assert_eq!(csv.lines().count(), 4, "{csv}");

    let (mut server, base) = serve(&mut world).await;
    let pages = pages(&format!("{base}/metrics/revenue/explain?startDate={day}&limit=1")).await;
    let paged: Vec<_> = pages.iter().flat_map(|page| page["rows"].as_array().unwrap().clone()).collect();
    assert_eq!(&paged, rows);
    assert_refused(
        &format!("{base}/metrics/revenue/explain"),
        &[
            "",
            "?date=2026-02-30",
            "?date=2026-10-15&startDate=2026-10-15",
            "?startDate=2026-01-01&endDate=2027-01-02",
            "?date=2026-10-15&measure=net",
            "?date=2026-10-15&limit=101",
            "?date=2026-10-15&cursor=1",
            "?date=2026-10-15&fill=true",
        ],
    )
    .await;
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_is_told_as_it_was_known_then() {
    let world = World::with_charges(3).await;
    let charge = world.charge(json!({"amount": 5000, "currency": "usd", "at": AT})).await;
    world.sync().await;
    let daily = ["revenue", "daily", "--timezone", "Asia/Kathmandu"];
    let then = world.buffalo_json(&daily).await;
    let instant = then["drift"]["checkedAt"].as_str().unwrap().to_owned();
    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 1500})).await;
    world.tell(&format!("charges/{charge}/dispute"), json!({"amount": 2000})).await;
    world.sync().await;
    let figures = |answer: &Value| {
        let totals = ["totalRevenueCents", "refundedCents", "disputedCents", "pendingReturnsCents"];
        (totals.map(|name| answer[name].clone()), answer["breakdown"].clone())
    };
    let now = world.buffalo_json(&daily).await;
    assert_ne!(figures(&now), figures(&then));
    let again = world.buffalo_json(&[&daily[..], &["--as-of", &instant]].concat()).await;
    assert_eq!(figures(&again), figures(&then));
    let explained =
        world.buffalo_json(&["revenue", "explain", "2026-10-15", "--as-of", "2026-01-01T00:00:00Z"]).await;
    assert_eq!((&explained["rows"], &explained["totals"]["count"]), (&json!([]), &json!(0)));
    world.end().await;
}
