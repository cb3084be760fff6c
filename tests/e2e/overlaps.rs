//! Overlaps: a deal and the charge that paid it, from finding them to figures in which the sale is once.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::harness::{UNTIL, World, kill};
use crate::http::{KEY, get, serve};

/// An account of each vendor, in which two deals of three were paid through Stripe.
async fn shop() -> World {
    let mut world = World::with_charges(0).await;
    world.set("HUBSPOT_API_BASE", world.sandbox.base_url());
    world.set("HUBSPOT_ACCESS_TOKEN", "pat-na1-sandbox");
    world.set("HUBSPOT_RATE_LIMIT_PER_SEC", "0");
    world.set("HUBSPOT_SEARCH_RATE_LIMIT_PER_SEC", "0");
    for (amount, day) in [(9_900, 0), (9_900, 1), (5_000, 2)] {
        world
            .charge(json!({"amount": amount, "currency": "usd", "at": UNTIL - 864_000 + day * 86_400}))
            .await;
    }
    for (amount, day) in [("99.00", 0), ("99.00", 2), ("70.00", 2)] {
        let closed = DateTime::from_timestamp(UNTIL - 864_000 + day * 86_400 + 3_600, 0).unwrap();
        let properties = json!({"amount": amount, "deal_currency_code": "USD", "dealstage": "closedwon",
                                "pipeline": "default", "hs_is_closed_won": "true", "hs_is_closed": "true",
                                "closedate": closed.to_rfc3339_opts(SecondsFormat::Millis, true)});
        world.tell("hubspot/deals", json!({"properties": properties})).await;
    }
    world.sync().await;
    world
}

/// Gross, and what was left out.
async fn figures(world: &World) -> (String, String) {
    let summary = world.buffalo_json(&["revenue", "summary"]).await;
    let text = |name: &str| summary[name].as_str().unwrap().to_owned();
    (text("totalRevenueCents"), text("excludedCents"))
}

fn of(gross: &str, excluded: &str) -> (String, String) {
    (gross.to_owned(), excluded.to_owned())
}

fn payment(overlap: &Value, at: usize) -> String {
    overlap["payments"][at]["payment"].as_str().unwrap().to_owned()
}

/// Figures say how much comes from where, `status` how much may be counted twice, and `check` what to set.
async fn assert_sources_are_told_apart(world: &World) {
    for granularity in ["summary", "daily"] {
        for more in [&[][..], &["--as-of", "2099-01-01T00:00:00Z"]] {
            let answer = world.buffalo_json(&[&["revenue", granularity][..], more].concat()).await;
            let of = |at: usize| {
                let part = &answer["bySource"][at];
                ["source", "currency", "totalRevenueCents", "netRevenueCents"].map(|name| part[name].clone())
            };
            assert_eq!(of(0), [json!("hubspot"), json!("USD"), json!("26800"), json!("26800")], "{answer}");
            assert_eq!(of(1), [json!("stripe"), json!("USD"), json!("24800"), json!("24800")], "{answer}");
        }
    }
    let by_source = "By source: hubspot 268.00 USD (268.00 net), stripe 248.00 USD (248.00 net).";
    let table = world.buffalo(&["revenue", "summary"]).await.expect(0).stdout;
    assert!(table.contains(by_source), "{table}");
    let alone = world.buffalo(&["revenue", "summary", "--source", "stripe"]).await.expect(0).stdout;
    assert!(!alone.contains("By source"), "{alone}");
    let day = DateTime::from_timestamp(UNTIL - 864_000, 0).unwrap().date_naive().to_string();
    let mail = world.buffalo(&["summary", "--date", &day]).await.expect(0).stdout;
    assert!(
        mail.contains("By source: hubspot 99.00 USD (99.00 net); stripe 99.00 USD (99.00 net)"),
        "{mail}"
    );
    let status = world.buffalo(&["status", "--format", "json"]).await.expect(3).json();
    let concerns = status["concerns"].as_array().unwrap();
    let overlaps = concerns.iter().find(|concern| concern["code"] == "overlaps_likely").unwrap();
    let message = overlaps["message"].as_str().unwrap();
    assert!(message.starts_with("2 pairs of payments") && message.contains("198.00 USD"), "{message}");
    let check = world.buffalo(&["check", "--format", "json"]).await.expect(0).json();
    let advice =
        check["checks"].as_array().unwrap().iter().find(|check| check["check"] == "revenue").unwrap();
    assert_eq!(advice["ok"], true);
    assert!(advice["message"].as_str().unwrap().contains("set REVENUE_SOURCES"), "{advice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_two_vendors_know_is_counted_once() {
    let world = shop().await;
    assert_eq!(figures(&world).await, of("51600", "0"));
    let list = world.buffalo_json(&["revenue", "overlaps"]).await;
    assert_eq!((&list["count"], &list["totals"][0]["amountCents"]), (&json!(2), &json!("19800")), "{list}");
    assert_sources_are_told_apart(&world).await;
    let overlap = &list["overlaps"][0];
    assert_eq!(overlap["explanation"], "same amount, a day apart; the nearest of 2 that fit");
    assert_eq!(
        (&overlap["certainty"], &overlap["payments"][0]["kind"]),
        (&json!("possible"), &json!("deal"))
    );
    let (deal, charge) = (payment(overlap, 0), payment(overlap, 1));
    let table = world.buffalo(&["revenue", "overlaps"]).await.expect(0).stdout;
    assert!(table.contains(&format!("overlaps exclude {deal} --counted {charge}")), "{table}");

    let exclude = ["revenue", "overlaps", "exclude", &deal, "--counted", &charge, "--reason", "invoice 17"];
    world.buffalo(&[&exclude[..], &["--dry-run"]].concat()).await.expect(0);
    assert_eq!(figures(&world).await, of("51600", "0"));
    let done = world.buffalo(&[&exclude[..], &["--by", "bookkeeping"]].concat()).await.expect(0).stdout;
    assert!(done.contains("is left out"), "{done}");
    assert_eq!(figures(&world).await, of("41700", "9900"));
    let repeated = world.buffalo(&exclude).await.expect(0).stdout;
    assert!(repeated.contains("was left out before"), "{repeated}");
    let other_way = ["revenue", "overlaps", "exclude", &charge, "--counted", &deal];
    let refused = world.buffalo(&other_way).await.expect(1).stderr;
    assert!(refused.contains(&format!("{deal} is left out already")), "{refused}");

    let decisions = world.buffalo_json(&["revenue", "overlaps", "decisions"]).await;
    let decision = &decisions["decisions"][0];
    assert_eq!((&decision["decidedBy"], &decision["reason"]), (&json!("bookkeeping"), &json!("invoice 17")));
    let id = decision["id"].as_str().unwrap();
    world.buffalo(&["revenue", "overlaps", "revoke", id]).await.expect(0);
    assert_eq!(figures(&world).await, of("51600", "0"));
    world.buffalo(&["revenue", "overlaps", "revoke", id]).await.expect(1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_deals_that_were_paid_are_left_out_at_once() {
    let world = shop().await;
    let exclude_all = ["revenue", "overlaps", "exclude-all", "hubspot"];
    assert_eq!(
        world.buffalo_json(&exclude_all).await["count"],
        0,
        "nothing but amount and time speaks for it"
    );
    let possible = [&exclude_all[..], &["--at-least", "possible"]].concat();
    let tried = world.buffalo_json(&[&possible[..], &["--dry-run"]].concat()).await;
    assert_eq!(
        (&tried["count"], &tried["totals"][0]["amountCents"]),
        (&json!(2), &json!("19800")),
        "{tried}"
    );
    assert_eq!(figures(&world).await, of("51600", "0"));
    world.buffalo(&possible).await.expect(0);
    assert_eq!(figures(&world).await, of("31800", "19800"));
    let nothing = world.buffalo(&["revenue", "overlaps"]).await.expect(0).stdout;
    assert!(nothing.contains("No payments look like one sale."), "{nothing}");

    // The charge is refused in the end, and the deal for it is left out: the sale is in no figure, which must be told.
    let needs_nobody = world.concerns().await;
    let counted = "UPDATE payments SET status = 'FAILED' WHERE source = 'stripe' AND amount_minor = 9900";
    world.database.run(counted).await;
    let list = world.buffalo_json(&["revenue", "overlaps"]).await;
    assert_eq!(list["doubtful"][0]["doubt"], "counted_payment_not_collected", "{list}");
    let table = world.buffalo(&["revenue", "overlaps"]).await.expect(0).stdout;
    assert!(table.contains("Decisions to look at again"), "{table}");
    let needs_somebody = world.concerns().await;
    let new: Vec<_> = needs_somebody.difference(&needs_nobody).collect();
    assert_eq!(new, ["overlap_decision_doubtful"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_lists_the_same_pairs() {
    let mut world = shop().await;
    let (mut server, base) = serve(&mut world).await;
    let url = format!("{base}/metrics/revenue/overlaps");
    let (status, list, _) = get(format!("{url}?limit=1"), &[("x-api-key", KEY)]).await;
    assert_eq!((status, &list), (200, &world.buffalo_json(&["revenue", "overlaps", "--limit", "1"]).await));
    assert_eq!((&list["count"], list["overlaps"].as_array().unwrap().len()), (&json!(2), 1));
    let (status, refused, _) = get(format!("{url}?days=0&limit=0&startDate=x"), &[("x-api-key", KEY)]).await;
    assert_eq!((status, refused["details"].as_array().unwrap().len()), (400, 3), "{refused}");
    assert_eq!(get(url, &[]).await.0, 401);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sales_of_the_same_amount_are_not_asked_about_again() {
    let world = shop().await;
    let list = world.buffalo_json(&["revenue", "overlaps"]).await;
    let (one, other) = (payment(&list["overlaps"][0], 0), payment(&list["overlaps"][0], 1));
    world.buffalo(&["revenue", "overlaps", "distinct", &other, &one]).await.expect(0);
    let left = world.buffalo_json(&["revenue", "overlaps"]).await;
    let keys =
        left["overlaps"].as_array().unwrap().iter().map(|overlap| (payment(overlap, 0), payment(overlap, 1)));
    assert!(keys.into_iter().all(|pair| pair != (one.clone(), other.clone())), "{left}");
    assert_eq!(figures(&world).await, of("51600", "0"));
    for wrong in
        [["distinct", &one, "nonsense"], ["distinct", &one, &one], ["distinct", &one, "stripe:ch_none"]]
    {
        let outcome = world.buffalo(&[&["revenue", "overlaps"][..], &wrong].concat()).await;
        assert!(outcome.code == 1 || outcome.code == 2, "{outcome:?}");
    }
    world.end().await;
}
