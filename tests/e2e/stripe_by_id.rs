//! Stripe's objects, read by their ids: what was requested is read, what is gone is gone, and nothing else is believed.

use serde_json::{Value, json};

use crate::harness::World;
use crate::http::serve;
use crate::webhooks::{SECRET, events, post_event};

async fn request(world: &World, id: &str, part: &str) {
    let row = "INSERT INTO refetch_requests (source, entity, external_id, part, reason, requested_at, due_at)
               VALUES ('stripe', 'payments', $1, $2, 'a test', now(), now())";
    sqlx::query(row).bind(id).bind(part).execute(&world.database.pool).await.unwrap();
}

async fn requests(world: &World) -> String {
    let sql = "SELECT coalesce(string_agg(part || ' ' || attempts, ', ' ORDER BY part), 'none') FROM refetch_requests";
    world.database.text(sql).await
}

async fn object(world: &World, id: &str) -> Value {
    let url = format!("{}/v1/charges/{id}", world.sandbox.base_url());
    let response = reqwest::Client::new().get(url).bearer_auth("sk_test_sandbox").send().await.unwrap();
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_and_its_returns_are_read_without_any_event() {
    let world = World::with_charges(5).await;
    let now = world.tell("clock", json!({"offset_s": 0})).await["now"].as_i64().unwrap();
    let charge = world.charge(json!({"amount": 900, "currency": "usd", "at": now - 100})).await;
    world.sync().await;
    for amount in [100, 200] {
        world.tell(&format!("charges/{charge}/refund"), json!({"amount": amount, "silent": true})).await;
    }
    world.tell(&format!("charges/{charge}/dispute"), json!({"amount": 300, "silent": true})).await;
    request(&world, &charge, "record").await;
    request(&world, &charge, "returns").await;
    let run = world.sync().await;
    assert_eq!(run["counts"]["requestsMade"], 4, "the charge, its refunds, its disputes, events: {run}");
    assert_eq!(requests(&world).await, "none");
    world.assert_complete().await;
    let idle = world.sync().await;
    assert_eq!(idle["counts"]["requestsMade"], 1, "{idle}");
    world.end().await;
}

/// Only Stripe's own word about that very id makes a record gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_stripe_does_not_know_is_gone_and_what_a_proxy_does_not_know_is_not() {
    let mut world = World::with_charges(0).await;
    world.set("STRIPE_WEBHOOK_SECRET", SECRET);
    world.set("MAX_RETRIES", "0");
    world.sync().await;
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let event = events(&world).await.pop().unwrap();
    let mut event: Value = serde_json::from_str(&event).unwrap();
    event["data"]["object"]["id"] = "ch_unknown".into();
    let (server, base) = serve(&mut world).await;
    assert_eq!(post_event(&base, &event.to_string()).await.0, 200);
    drop(server);
    world.process().await.expect(0);
    let gone = "SELECT count(*) FROM payments WHERE external_id = 'ch_unknown' AND deleted_at IS NOT NULL";
    let other = json!({"error": {"code": "resource_missing", "message": "No such charge: 'ch_other'", "param": "id",
                                 "type": "invalid_request_error"}});
    for (body, refusals) in [("<html>".to_owned(), 1), (other.to_string(), 2)] {
        if refusals == 1 {
            request(&world, "ch_unknown", "record").await;
        }
        world.database.run("UPDATE refetch_requests SET due_at = now()").await;
        let fault = json!({"path": "/v1/charges/", "kind": {"status": 404, "body": body}});
        world.tell("faults", fault).await;
        world.sync().await;
        assert_eq!(requests(&world).await, format!("record {refusals}"));
        assert_eq!(world.database.number(gone).await, 0);
    }
    world.database.run("UPDATE refetch_requests SET due_at = now()").await;
    world.sync().await;
    assert_eq!((requests(&world).await.as_str(), world.database.number(gone).await), ("none", 1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_something_else_is_never_stored() {
    let mut world = World::with_charges(0).await;
    world.set("MAX_RETRIES", "0");
    let asked = world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let other = world.charge(json!({"amount": 70_000, "currency": "usd"})).await;
    world.sync().await;
    let another_charge = object(&world, &other).await.to_string();
    let of_another_kind = json!({"id": asked, "object": "refund", "amount": 1}).to_string();
    let list = |object: &str| format!(r#"{{"object":"list","has_more":false,"data":[{object}]}}"#);
    let refund = world.tell(&format!("charges/{other}/refund"), json!({"amount": 5})).await;
    world.sync().await;
    let before = world.database.number("SELECT count(*) FROM raw_records").await;
    for (path, part, body) in [
        ("/v1/charges/", "record", another_charge.clone()),
        ("/v1/charges/", "record", of_another_kind),
        ("/v1/charges/", "record", r#"{"ok":true}"#.to_owned()),
        ("/v1/refunds", "returns", list(&another_charge)),
        ("/v1/refunds", "returns", list(&refund.to_string())),
    ] {
        request(&world, &asked, part).await;
        let fault = json!({"path": path, "kind": {"status": 200, "body": body}});
        world.tell("faults", fault).await;
        world.sync().await;
        assert_eq!(requests(&world).await, format!("{part} 1"), "{body}");
        assert_eq!(world.database.number("SELECT count(*) FROM raw_records").await, before, "{body}");
        world.database.run("DELETE FROM refetch_requests").await;
    }
    // Another attempt is answered as it should be, so the run is none the worse for it.
    world.set("MAX_RETRIES", "2");
    world.buffalo(&["cursors", "reset", "stripe", "payments"]).await.expect(0);
    let fault = json!({"path": "/v1/refunds", "kind": {"status": 200, "body": list(&another_charge)}});
    world.tell("faults", fault).await;
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}

/// The fetch does not see the newer event yet, and its page is written last.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_writing_does_not_decide_a_tie() {
    let mut world = World::with_charges(0).await;
    world.set("STRIPE_WEBHOOK_SECRET", SECRET);
    world.sync().await;
    let second = world.tell("clock", json!({"offset_s": 0})).await["now"].as_i64().unwrap() - 30;
    let held = json!({"amount": 100, "currency": "usd", "capture": false, "at": second});
    let charge = world.charge(held).await;
    let mut event: Value = serde_json::from_str(&events(&world).await.pop().unwrap()).unwrap();
    world.tell(&format!("charges/{charge}/capture"), json!({"at": second, "silent": true})).await;
    event["id"] = "evt_of_the_capture".into();
    event["type"] = "charge.captured".into();
    event["data"]["object"] = object(&world, &charge).await;
    let (server, base) = serve(&mut world).await;
    assert_eq!(post_event(&base, &event.to_string()).await.0, 200);
    drop(server);
    let run = world.sync().await;
    assert_eq!(run["counts"]["requestsMade"], 2, "events, and the charge: {run}");
    let states = "SELECT status FROM payments";
    assert_eq!(world.database.text(states).await, "COLLECTED");
    world.assert_complete().await;
    let idle = world.sync().await;
    assert_eq!((&idle["counts"]["requestsMade"], &idle["counts"]["recordsEnqueued"]), (&json!(1), &json!(0)));
    world.end().await;
}
