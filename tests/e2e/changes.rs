//! What restated days that had ended.

use serde_json::json;

use crate::harness::{World, kill};
use crate::http::{assert_refused, pages, serve};

/// 2026-10-15T12:00:00Z.
const AT: i64 = 1_792_065_600;

#[tokio::test(flavor = "multi_thread")]
async fn a_late_refund_restates_its_day() {
    let mut world = World::with_charges(0).await;
    // It is yesterday at the source until what is fetched restates it.
    world.set_clock(-86_400).await;
    let charge = world.charge(json!({"amount": 5000, "currency": "usd", "at": AT})).await;
    world.charge(json!({"amount": 700, "currency": "eur", "at": AT})).await;
    world.sync().await;
    // By the clock of the source the refunds below would be older than the end of its first fetch.
    let fetched = "UPDATE sync_runs SET finished_at = '2026-10-01' WHERE mode <> 'process'";
    sqlx::query(fetched).execute(&world.database.pool).await.unwrap();
    let now = world.buffalo_json(&["revenue", "summary"]).await;
    let since = now["drift"]["checkedAt"].as_str().unwrap().to_owned();
    let changes = ["revenue", "changes", "--since", &since];
    let nothing = world.buffalo_json(&changes).await;
    assert_eq!((&nothing["days"], &nothing["rows"]), (&json!([]), &json!([])));
    let table = world.buffalo(&changes).await.expect(0).stdout;
    assert_eq!(table, "No day was restated.\n");

    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 1500})).await;
    world.tell(&format!("charges/{charge}/refund"), json!({"amount": 250})).await;
    world.set_clock(0).await;
    world.sync().await;
    let found = world.buffalo_json(&changes).await;
    let sum = json!({
        "date": found["rows"][0]["date"], "currency": "USD", "measure": "refunded", "differenceCents": "1750", "payments": 2,
    });
    assert_eq!(found["days"], json!([sum]));
    let rows = found["rows"].as_array().unwrap();
    let mut amounts: Vec<_> = rows.iter().map(|row| row["afterCents"].as_str().unwrap()).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, ["1500", "250"]);
    assert!(rows.iter().all(|row| row["reason"] == "LATE" && row["beforeCents"] == "0"), "{found}");

    let table = world.buffalo(&changes).await.expect(0).stdout;
    assert!(table.contains(" 17.50 ") && table.contains(" 15.00 ") && table.contains("LATE"), "{table}");
    let csv = world.buffalo(&[&changes[..], &["--format", "csv"]].concat()).await.expect(0).stdout;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let euros = world.buffalo_json(&[&changes[..], &["--currency", "EUR"]].concat()).await;
    assert_eq!(euros["days"], json!([]));
    world.buffalo(&["revenue", "changes"]).await.expect(2);
    world.buffalo(&["revenue", "changes", "--since", "2026-02-30"]).await.expect(2);

    let (mut server, base) = serve(&mut world).await;
    let pages = pages(&format!("{base}/metrics/revenue/changes?since={since}&limit=1")).await;
    assert!(pages.iter().all(|page| page["days"] == found["days"]), "{pages:?}");
    let paged: Vec<_> = pages.iter().flat_map(|page| page["rows"].as_array().unwrap().clone()).collect();
    assert_eq!(&paged, rows);
    assert_refused(
        &format!("{base}/metrics/revenue/changes"),
        &[
            "",
            "?since=2026-02-30",
            "?since=yesterday",
            "?since=2020-01-01",
            "?since=2999-01-01",
            "?since=2026-10-15&until=2026-10-14",
            "?since=2026-10-15&timezone=Mars",
            "?since=2026-10-15&currency=dollars",
            "?since=2026-10-15&source=nobody",
            "?since=2026-10-15&limit=0",
            "?since=2026-10-15&cursor=1",
            "?since=2026-10-15&basis=payment",
        ],
    )
    .await;
    kill(&mut server).await;
    world.end().await;
}
