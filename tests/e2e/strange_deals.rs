//! Deals as people and their formulas leave them.

use serde_json::{Value, json};

use crate::harness::World;
use crate::http::{KEY, get, serve};

async fn won(world: &World, amount: &str, closes: &str) -> String {
    let properties = json!({"amount": amount, "deal_currency_code": "USD", "dealstage": "closedwon",
                            "pipeline": "default", "hs_is_closed_won": "true", "closedate": closes});
    let deal = world.tell("hubspot/deals", json!({"properties": properties})).await;
    deal["id"].as_str().unwrap().to_owned()
}

async fn synced(world: &World) {
    world.fetch().await.expect(0);
    let run = world.process().await.expect(0).run();
    assert_eq!(run["counts"]["recordsDeadLettered"], 0, "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_date_is_in_a_bucket_of_its_own_and_reported() {
    let mut world = World::with_hubspot(0, 0).await;
    world.set("REPORTING_TIMEZONE", "Europe/Berlin");
    world.maintain().await.expect(0);
    won(&world, "10", "2026-10-01T12:00:00Z").await;
    won(&world, "10", "2026-10-03T12:00:00Z").await;
    let outliers =
        ["0024-05-05T12:00:00Z", "2206-04-03T12:00:00Z", "9999-12-31T12:00:00Z", "+20260-04-03T12:00:00Z"];
    let mut ids = Vec::new();
    for closes in outliers {
        ids.push(won(&world, "7", closes).await);
    }
    synced(&world).await;
    for (granularity, pieces) in
        [("daily", 6), ("weekly", 5), ("monthly", 5), ("quarterly", 5), ("yearly", 5)]
    {
        for more in [&[][..], &["--as-of", "2099-01-01T00:00:00Z"], &["--basis", "payment"]] {
            let asked = [&["revenue", granularity, "--format", "json"], more].concat();
            let answer = world.buffalo(&asked).await.expect(0).json();
            let listed = answer["breakdown"].as_array().unwrap();
            assert_eq!(listed.len(), pieces, "{granularity}: {answer}");
            assert_eq!(answer["totalRevenueCents"], "4800");
        }
    }
    let answer = world.buffalo(&["revenue", "daily", "--fill", "--format", "json"]).await.expect(0).json();
    let days: Vec<&str> =
        answer["breakdown"].as_array().unwrap().iter().map(|row| row["date"].as_str().unwrap()).collect();
    let expected =
        ["0024-05-05", "2026-10-01", "2026-10-02", "2026-10-03", "2206-04-03", "9999-12-31", "+20260-04-03"];
    assert_eq!(days, expected);
    world.buffalo(&["revenue", "daily", "--chart", "revenue.svg"]).await.expect(0);
    for day in ["0024-05-05", "+20260-04-03"] {
        let rows = world.buffalo(&["revenue", "explain", day, "--format", "json"]).await.expect(0).json();
        assert_eq!(rows["rows"].as_array().unwrap().len(), 1, "{day}: {rows}");
    }
    world.buffalo(&["revenue", "changes", "--since", "2026-10-01"]).await.expect(0);
    world.buffalo(&["revenue", "overlaps"]).await.expect(0);
    world.buffalo(&["verify"]).await.expect(0);
    let status = world.buffalo(&["status", "--format", "json"]).await.expect(3).json();
    let concerns: Vec<&Value> = status["concerns"].as_array().unwrap().iter().collect();
    assert_eq!((concerns.len(), &concerns[0]["code"]), (1, &json!("mistyped_date")), "{status}");
    let message = concerns[0]["message"].as_str().unwrap();
    assert!(message.contains("4 payments of hubspot") && message.contains(&ids[0]), "{message}");
    assert!(message.contains("0024-05-05"), "{message}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_has_one_revenue_wherever_it_is_read() {
    let mut world = World::with_hubspot(0, 0).await;
    world.set("REPORTING_TIMEZONE", "America/New_York");
    // Still 30 September in New York.
    won(&world, "10", "2026-10-01T02:00:00Z").await;
    synced(&world).await;
    let (mut server, base) = serve(&mut world).await;
    for (day, cents) in [("2026-09-30", "1000"), ("2026-10-01", "0")] {
        let range = ["--start-date", day, "--end-date", day, "--format", "json"];
        let told = [
            world.buffalo(&[&["revenue", "summary"], &range[..]].concat()).await.expect(0).json(),
            world.buffalo(&[&["revenue", "daily"], &range[..]].concat()).await.expect(0).json(),
            world.buffalo(&["revenue", "explain", day, "--format", "json"]).await.expect(0).json()["totals"].clone(),
            world.buffalo(&["summary", "--date", day, "--format", "json"]).await.expect(0).json()["revenue"].clone(),
            get(format!("{base}/metrics/revenue/daily?startDate={day}&endDate={day}"), &[("x-api-key", KEY)]).await.1,
            get(format!("{base}/metrics/revenue/explain?date={day}"), &[("x-api-key", KEY)]).await.1["totals"].clone(),
        ];
        for answer in told {
            let found = (&answer["totalRevenueCents"], &answer["timezone"]);
            assert_eq!(found, (&json!(cents), &json!("America/New_York")), "{answer}");
        }
    }
    let changes =
        world.buffalo(&["revenue", "changes", "--since", "2026-10-01", "--format", "json"]).await.expect(0);
    assert_eq!(changes.json()["since"], "2026-10-01T04:00:00Z");
    let asked = ["revenue", "daily", "--timezone", "UTC", "--format", "json"];
    let answer = world.buffalo(&asked).await.expect(0).json();
    assert_eq!((&answer["timezone"], &answer["breakdown"][0]["date"]), (&json!("UTC"), &json!("2026-10-01")));
    crate::harness::kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn formulas_are_rounded_and_a_credit_reduces_revenue() {
    let world = World::with_hubspot(0, 0).await;
    won(&world, "1166.6666666666667", "2026-10-01T12:00:00Z").await;
    won(&world, "1.0E3", "2026-10-02T12:00:00Z").await;
    let credit = won(&world, "-166.67", "2026-10-03T12:00:00Z").await;
    synced(&world).await;
    for basis in ["event", "payment"] {
        let answer =
            world.buffalo(&["revenue", "daily", "--basis", basis, "--format", "json"]).await.expect(0).json();
        assert_eq!(
            (&answer["totalRevenueCents"], &answer["refundedCents"]),
            (&json!("216667"), &json!("16667"))
        );
        assert_eq!(
            (&answer["netRevenueCents"], &answer["unattributed"]),
            (&json!("200000"), &json!([])),
            "{basis}"
        );
        assert_eq!(answer["breakdown"][2]["netCents"], "-16667", "{answer}");
    }
    let rows =
        world.buffalo(&["revenue", "explain", "2026-10-03", "--format", "json"]).await.expect(0).json();
    let row = &rows["rows"][0];
    let told = ["externalId", "kind", "measure", "amountCents"].map(|name| row[name].clone());
    assert_eq!(told, [json!(credit), json!("credit"), json!("refunded"), json!("16667")], "{rows}");
    assert!(row["payload"].to_string().contains("-166.67"), "the raw value is kept: {row}");
    world.buffalo(&["verify"]).await.expect(0);
    world.buffalo(&["reconcile", "hubspot"]).await.expect(0);
    world.end().await;
}
