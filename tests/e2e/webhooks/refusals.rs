//! What webhooks refuse, and what they ignore.

use buffalo_store::embedded::EmbeddedPostgres;
use serde_json::{Value, json};

use super::{SECRET, events, post, post_event, stripe_header};
use crate::database::TestDatabase;
use crate::harness::{World, kill};
use crate::http::{get, serve};

async fn raw_records(world: &World) -> i64 {
    world.database.number("SELECT count(*) FROM raw_records").await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_stripe_signed_is_taken() {
    let mut world = World::with_charges(0).await;
    world.set("STRIPE_WEBHOOK_SECRET", format!("whsec_new,{SECRET}"));
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let event = events(&world).await.pop().unwrap();
    let (mut server, base) = serve(&mut world).await;
    let url = format!("{base}/webhooks/stripe");
    let (status, answer) = post(&url, &[("x-request-id", "mine".to_owned())], event.clone()).await;
    assert_eq!((status, &answer["code"]), (400, &json!("MISSING_SIGNATURE")));
    assert_eq!((&answer["requestId"], &answer["details"]), (&json!("mine"), &json!([])));
    let good = stripe_header(SECRET, 0, &event);
    for (header, body) in [
        (stripe_header("whsec_other", 0, &event), event.clone()),
        (stripe_header(SECRET, -301, &event), event.clone()),
        (stripe_header(SECRET, 310, &event), event.clone()),
        (good.clone(), format!("{event}\n")),
        ("nonsense".to_owned(), event.clone()),
    ] {
        let (status, answer) = post(&url, &[("stripe-signature", header.clone())], body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("INVALID_SIGNATURE")), "{header}");
    }
    assert_eq!(raw_records(&world).await, 0);
    let of_three = format!("{},v1={},v1=", good.replace("v1=", "v1=00,v1="), "0".repeat(64));
    for header in [of_three, stripe_header("whsec_new", 0, &event)] {
        assert_eq!(post(&url, &[("stripe-signature", header)], event.clone()).await.0, 200);
    }
    assert_eq!(raw_records(&world).await, 1);
    assert_eq!(get(url, &[]).await.0, 405);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_none_of_ours_is_refused_or_ignored() {
    let mut world = World::with_charges(0).await;
    world.set("STRIPE_WEBHOOK_SECRET", SECRET);
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let event: Value = serde_json::from_str(&events(&world).await.pop().unwrap()).unwrap();
    let (mut server, base) = serve(&mut world).await;
    let with = |name: &str, value: Value| {
        let mut event = event.clone();
        event[name] = value;
        event.to_string()
    };
    let (status, answer) = post_event(&base, &with("livemode", json!(true))).await;
    assert_eq!((status, &answer["code"]), (400, &json!("WRONG_MODE")));
    let (status, answer) = post_event(&base, "{\"id\":").await;
    assert_eq!((status, &answer["code"]), (400, &json!("INVALID_PAYLOAD")));
    let (status, answer) = post_event(&base, &with("account", json!("acct_of_somebody_else"))).await;
    assert_eq!((status, &answer["type"]), (200, &json!("charge.succeeded")));
    let (status, answer) = post_event(&base, &with("type", json!("customer.created"))).await;
    assert_eq!((status, answer), (200, json!({"received": true, "type": "customer.created"})));
    for table in ["SELECT count(*) FROM raw_records", "SELECT count(*) FROM webhook_events"] {
        assert_eq!(world.database.number(table).await, 0);
    }
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_taken_up_to_a_mebibyte() {
    let mut world = World::with_charges(0).await;
    world.set("STRIPE_WEBHOOK_SECRET", SECRET);
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let mut event: Value = serde_json::from_str(&events(&world).await.pop().unwrap()).unwrap();
    let (mut server, base) = serve(&mut world).await;
    event["data"]["object"]["description"] = json!("x".repeat(900 * 1_024));
    assert_eq!(post_event(&base, &event.to_string()).await.0, 200);
    assert_eq!(raw_records(&world).await, 1);
    let padded = |bytes: usize| format!("{event}{}", " ".repeat(bytes - event.to_string().len()));
    assert_eq!(post_event(&base, &padded(1 << 20)).await.0, 200);
    let (status, answer) = post_event(&base, &padded((1 << 20) + 1)).await;
    assert_eq!((status, &answer["code"]), (413, &json!("PAYLOAD_TOO_LARGE")));
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_enabled_or_has_no_secret_takes_nothing() {
    let mut world = World::with_charges(0).await;
    let (mut server, base) = serve(&mut world).await;
    let (status, answer) = post_event(&base, "{}").await;
    assert_eq!((status, &answer["code"]), (503, &json!("WEBHOOK_NOT_CONFIGURED")));
    for source in ["hubspot", "gcal", "nobody"] {
        let (status, answer) = post(&format!("{base}/webhooks/{source}"), &[], "{}").await;
        assert_eq!((status, &answer["code"]), (404, &json!("NOT_FOUND")), "{source}");
    }
    kill(&mut server).await;
    world.set("STRIPE_ENABLED", "false");
    world.set("STRIPE_WEBHOOK_SECRET", SECRET);
    let (mut server, base) = serve(&mut world).await;
    assert_eq!(post_event(&base, "{}").await.0, 404);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_gone_the_vendor_is_asked_to_come_again() {
    let directory = std::env::temp_dir().join(format!("buffalo-webhooks-{}", std::process::id()));
    let postgres = EmbeddedPostgres::start(&directory).await.unwrap();
    let url = postgres.url().to_owned();
    let mut world = World::on(TestDatabase::at(&url).await, 0).await;
    world.set("STRIPE_WEBHOOK_SECRET", SECRET);
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let event = events(&world).await.pop().unwrap();
    let (mut server, base) = serve(&mut world).await;
    world.database.pool.close().await;
    postgres.stop().await.unwrap();
    let (status, answer) = post_event(&base, &event).await;
    assert_eq!((status, &answer["code"]), (503, &json!("DATABASE_UNAVAILABLE")));
    assert_eq!(get(format!("{base}/healthz"), &[]).await.0, 200);

    let postgres = EmbeddedPostgres::start(&directory).await.unwrap();
    assert_eq!(postgres.url(), url);
    assert_eq!(post_event(&base, &event).await.0, 200);
    world.process().await.expect(0);
    let paid = world.buffalo(&["revenue", "summary", "--format", "json"]).await.expect(0).json();
    assert_eq!(paid["totalRevenueCents"], "100");
    kill(&mut server).await;
    world.sandbox.stop().await;
    postgres.stop().await.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}
