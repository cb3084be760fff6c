//! A database holds the data of one account in one mode, and nothing of another is ever mixed in.

use serde_json::json;

use crate::harness::World;
use crate::http::serve;
use crate::webhooks::{SECRET, events, post_event};

async fn version(world: &World) -> String {
    world.database.text("SELECT version || ' ' || state::text FROM sync_cursors").await
}

async fn identity(world: &World) -> String {
    world.database.text("SELECT coalesce(identity::text, 'null') FROM sync_cursors").await
}

/// A key of the long form, which names its account.
fn long_key(mode: &str, account: &str, rest: char) -> String {
    format!("sk_{mode}_5{account}{}", rest.to_string().repeat(82))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_key_on_test_data_is_refused_before_any_request() {
    let mut world = World::with_charges(5).await;
    world.sync().await;
    assert_eq!(identity(&world).await, r#"{"mode": "test"}"#);
    let (before, requests) = (version(&world).await, world.requests().await);
    world.set("STRIPE_API_KEY", "sk_live_sandbox_key");
    for command in [&["fetch"][..], &["fetch", "--mode", "full"], &["reconcile", "--repair"], &["check"]] {
        let refused = world.buffalo(command).await.expect(1);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        for words in ["of mode test", "of mode live", "another database or schema", "--forget-identity"] {
            assert!(said.contains(words), "{words} is not in {said}");
        }
    }
    assert_eq!(world.requests().await, requests);
    assert_eq!(version(&world).await, before);
    // Forgetting the position alone does not make it another account's database.
    world.buffalo(&["cursors", "reset", "stripe", "payments"]).await.expect(0);
    world.fetch().await.expect(1);
    assert_eq!(world.requests().await, requests);
    world.set("STRIPE_API_KEY", "sk_test_sandbox");
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_the_other_mode_are_never_stored() {
    let world = World::with_charges(5).await;
    world.sync().await;
    let before = version(&world).await;
    let live = json!({"amount": 100, "currency": "usd", "raw_patch": {"livemode": true}});
    world.charge(live).await;
    let run = world.fetch().await.expect(1).run();
    assert!(run["error"].as_str().unwrap().contains("of mode test"), "{run}");
    assert_eq!(version(&world).await, before);
    assert_eq!(world.database.number("SELECT count(*) FROM ingest_outbox").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_be_rotated_and_another_account_may_not_follow() {
    let mut world = World::with_charges(5).await;
    world.sync().await;
    let account = "1GqIC8HYgolSBA35";
    for rest in ['a', 'b'] {
        let key = long_key("test", account, rest);
        world.tell("settings", json!({"api_key": key})).await;
        world.set("STRIPE_API_KEY", key);
        world.sync().await;
        assert_eq!(identity(&world).await, format!(r#"{{"mode": "test", "account": "acct_{account}"}}"#));
    }
    let other = long_key("test", "1OtherAccount000", 'c');
    world.tell("settings", json!({"api_key": other})).await;
    world.set("STRIPE_API_KEY", other);
    let run = world.fetch().await.expect(1).run();
    let error = run["error"].as_str().unwrap();
    assert!(error.contains("acct_1GqIC8HYgolSBA35") && error.contains("acct_1OtherAccount000"), "{error}");

    world.buffalo(&["cursors", "reset", "stripe", "payments", "--forget-identity"]).await.expect(0);
    let run = world.sync().await;
    assert_eq!(run["mode"], "full");
    assert!(identity(&world).await.contains("acct_1OtherAccount000"));
    world.end().await;
}

/// As after an upgrade: cursors had no identity.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_before_takes_its_identity_from_what_is_stored() {
    let mut world = World::with_charges(5).await;
    world.sync().await;
    world.database.run("UPDATE sync_cursors SET identity = NULL").await;
    world.set("STRIPE_API_KEY", "sk_live_sandbox_key");
    world.fetch().await.expect(1);
    assert_eq!(identity(&world).await, r#"{"mode": "test"}"#);
    world.set("STRIPE_API_KEY", "sk_test_sandbox");
    world.database.run("UPDATE sync_cursors SET identity = NULL").await;
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_of_the_other_mode_is_refused() {
    let mut world = World::with_charges(5).await;
    world.sync().await;
    world.charge(json!({"amount": 100, "currency": "usd"})).await;
    let event = events(&world).await.pop().unwrap().replace(r#""livemode":false"#, r#""livemode":true"#);
    world.set("STRIPE_WEBHOOK_SECRET", SECRET);
    world.set("STRIPE_API_KEY", "sk_live_sandbox_key");
    let (server, base) = serve(&mut world).await;
    let (status, answer) = post_event(&base, &event).await;
    assert_eq!((status, answer["code"].as_str()), (400, Some("WRONG_MODE")), "{answer}");
    let taken = "SELECT (SELECT count(*) FROM webhook_events) + (SELECT count(*) FROM ingest_outbox)";
    assert_eq!(world.database.number(taken).await, 0);
    drop(server);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_says_nothing_of_whose_data_is_stored() {
    let mut world = World::with_charges(5).await;
    world.tell("faults", json!({"path": "/v1/charges", "kind": {"status": 401}})).await;
    world.set("STRIPE_API_KEY", "sk_live_mistyped");
    world.fetch().await.expect(1);
    assert_eq!(identity(&world).await, "{}");
    world.set("STRIPE_API_KEY", "sk_test_sandbox");
    world.clear_faults().await;
    world.sync().await;
    world.assert_complete().await;
    world.end().await;
}
