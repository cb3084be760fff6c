//! Hints: a post that only points leads to a fetch, and none is lost while one is under way.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{hmac_of, post, unix_ms};
use crate::harness::{Outcome, World, kill, terminate};
use crate::http::{serve, serve_by};

const SECRET: &str = "hubspot-client-secret";
/// Where HubSpot believes us to be; a proxy has brought the post here.
const PUBLIC_URL: &str = "https://buffalo.example.com";

async fn world(deals: u64) -> World {
    let mut world = World::with_hubspot(deals, 0).await;
    world.set("HUBSPOT_WEBHOOK_SECRET", SECRET);
    world.set("PUBLIC_URL", PUBLIC_URL);
    world.set("HINT_INTERVAL_S", "0");
    for schedule in ["FETCH_SCHEDULE", "PROCESS_SCHEDULE", "RECONCILE_SCHEDULE", "SUMMARY_SCHEDULE"] {
        world.set(schedule, "off");
    }
    world
}

/// Posts events as HubSpot does, to an address with a query that it decodes before it signs.
async fn post_events(base: &str, events: &Value) -> (u16, Value) {
    let (body, at_ms) = (events.to_string(), unix_ms().to_string());
    let address = format!("POST{PUBLIC_URL}/webhooks/hubspot?of=deals@example.com");
    let signature = hmac_of(SECRET, &[address.as_bytes(), body.as_bytes(), at_ms.as_bytes()]);
    let headers = [
        ("x-hubspot-signature-v3", BASE64_STANDARD.encode(signature)),
        ("x-hubspot-request-timestamp", at_ms),
    ];
    post(&format!("{base}/webhooks/hubspot?of=deals%40example.com"), &headers, body).await
}

fn deal_changed() -> Value {
    json!([{"eventId": 1, "subscriptionType": "deal.propertyChange", "objectId": 1, "propertyName": "amount"}])
}

/// Changes a deal, at a time that searches see already; its id.
async fn change_a_deal(world: &World, amount: &str) -> String {
    let deals = world.ask("hubspot/objects?kind=deals").await;
    let live = deals.as_array().unwrap().iter().find(|deal| deal["archived"] == false).unwrap();
    let id = live["id"].as_str().unwrap().to_owned();
    let change =
        json!({"at_ms": unix_ms() - 5_000, "properties": {"amount": amount, "deal_currency_code": "USD"}});
    world.tell(&format!("hubspot/deals/{id}"), change).await;
    id
}

async fn amount(world: &World, id: &str) -> i64 {
    sqlx::query_scalar("SELECT amount_minor FROM payments WHERE external_id = $1")
        .bind(id)
        .fetch_one(&world.database.pool)
        .await
        .unwrap()
}

const FETCHES: &str = "SELECT count(*) FROM sync_runs WHERE mode IN ('incremental', 'full') AND entity = 'payments' AND status = 'success'";
const DUE_LATER: &str = "SELECT count(*) FROM fetch_hints WHERE due_at > now()";

#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_leads_to_a_fetch() {
    let mut world = world(20).await;
    world.sync().await;
    let (everything, base) = serve_by(&mut world, "run").await;
    let id = change_a_deal(&world, "777.77").await;
    let (status, answer) = post_events(&base, &deal_changed()).await;
    assert_eq!((status, &answer), (200, &json!({"received": true, "type": "deal.propertyChange"})));
    world.until("the change has arrived", async || amount(&world, &id).await == 77_777).await;
    world.until("the fetch has ended", async || world.database.number(FETCHES).await == 2).await;
    let once_more = "SELECT count(*) FROM fetch_hints WHERE due_at BETWEEN begun_at + interval '59 s' AND begun_at + interval '61 s'";
    world.until("it is fetched once more later", async || world.database.number(once_more).await == 1).await;
    let contacts = "SELECT count(*) FROM sync_runs WHERE entity = 'contacts'";
    assert_eq!(world.database.number(contacts).await, 1, "nobody asked for contacts");
    terminate(&everything);
    Outcome::from(everything.wait_with_output().await.unwrap()).expect(0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_comes_during_a_fetch_leads_to_another_one() {
    let mut world = world(20).await;
    world.sync().await;
    let (mut server, base) = serve(&mut world).await;
    let watchers = [world.start(&["process", "--watch"]), world.start(&["schedule"])];
    world.tell("faults", json!({"times": 2, "kind": {"latency_ms": 1_500}})).await;
    assert_eq!(post_events(&base, &deal_changed()).await.0, 200);
    let running = "SELECT count(*) FROM sync_runs WHERE status = 'running' AND mode = 'incremental'";
    world.until("it is being fetched", async || world.database.number(running).await == 1).await;
    for _ in 0..5 {
        assert_eq!(post_events(&base, &deal_changed()).await.0, 200);
    }
    world.until("it was fetched again", async || world.database.number(FETCHES).await == 3).await;
    // Not the one for what searches show later: that is still to come.
    world.until("nothing is due now", async || world.database.number(DUE_LATER).await == 1).await;
    assert_eq!(world.database.number(FETCHES).await, 3, "five hints are answered by one fetch");
    let skipped = "SELECT count(*) FROM sync_runs WHERE status = 'skipped'";
    assert_eq!(world.database.number(skipped).await, 0, "each hint is followed by one of the two");
    for watcher in watchers {
        terminate(&watcher);
        Outcome::from(watcher.wait_with_output().await.unwrap()).expect(0);
    }
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_outlives_whoever_followed_it() {
    let mut world = world(20).await;
    world.sync().await;
    let (mut server, base) = serve(&mut world).await;
    let mut watcher = world.start(&["process", "--watch"]);
    world.tell("faults", json!({"times": 9, "kind": {"latency_ms": 60_000}})).await;
    let id = change_a_deal(&world, "123.45").await;
    assert_eq!(post_events(&base, &deal_changed()).await.0, 200);
    let running = "SELECT count(*) FROM sync_runs WHERE status = 'running' AND mode = 'incremental'";
    world.until("it is being fetched", async || world.database.number(running).await == 1).await;
    kill(&mut watcher).await;
    let kept =
        "SELECT count(*) FROM fetch_hints WHERE due_at > now() AND due_at < now() + interval '1 minute'";
    assert_eq!(world.database.number(kept).await, 1, "somebody else follows it a minute later");
    let faults = format!("{}/_sandbox/faults", world.sandbox.base_url());
    assert!(reqwest::Client::new().delete(faults).send().await.unwrap().status().is_success());
    // What cron starts answers it as well.
    world.sync().await;
    assert_eq!(amount(&world, &id).await, 12_345);
    let answered = "SELECT count(*) FROM fetch_hints WHERE lag_s = 0 AND raised = begun";
    assert_eq!(world.database.number(answered).await, 1);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fetch_is_tried_again_later() {
    let mut world = world(5).await;
    world.sync().await;
    let (mut server, base) = serve(&mut world).await;
    let watcher = world.start(&["process", "--watch"]);
    world.tell("faults", json!({"times": 50, "kind": {"status": 401}})).await;
    assert_eq!(post_events(&base, &deal_changed()).await.0, 200);
    let failed = "SELECT count(*) FROM sync_runs WHERE status = 'failed'";
    world.until("the fetch has failed", async || world.database.number(failed).await == 1).await;
    let later = "SELECT count(*) FROM fetch_hints WHERE postponed_until > now() + interval '4 minutes'";
    world.until("it is put off", async || world.database.number(later).await == 1).await;
    assert_eq!(post_events(&base, &deal_changed()).await.0, 200);
    assert_eq!(world.database.number(failed).await, 1);
    terminate(&watcher);
    Outcome::from(watcher.wait_with_output().await.unwrap()).expect(0);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_hubspot_signed_is_taken() {
    let mut world = world(0).await;
    let (mut server, base) = serve(&mut world).await;
    let url = format!("{base}/webhooks/hubspot");
    let (status, answer) = post(&url, &[], "[]").await;
    assert_eq!((status, &answer["code"]), (400, &json!("MISSING_SIGNATURE")));
    let headers = [
        ("x-hubspot-signature-v3", BASE64_STANDARD.encode([0; 32])),
        ("x-hubspot-request-timestamp", unix_ms().to_string()),
    ];
    let (status, answer) = post(&url, &headers, "[]").await;
    assert_eq!((status, &answer["code"]), (400, &json!("INVALID_SIGNATURE")));
    let others = json!([{"eventId": 1, "subscriptionType": "company.creation", "objectId": 1}]);
    assert_eq!(post_events(&base, &others).await.0, 200);
    assert_eq!(world.database.number("SELECT count(*) FROM fetch_hints").await, 0);
    kill(&mut server).await;
    world.unset("PUBLIC_URL");
    let (mut server, base) = serve(&mut world).await;
    let (status, answer) = post_events(&base, &deal_changed()).await;
    assert_eq!((status, &answer["code"]), (503, &json!("WEBHOOK_NOT_CONFIGURED")));
    assert!(answer["message"].as_str().unwrap().contains("PUBLIC_URL"), "{answer}");
    kill(&mut server).await;
    world.end().await;
}

/// No search tells of it: its date is that of its last edit.
#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_came_back_and_one_that_searches_show_an_hour_late_are_read_by_their_ids() {
    let mut world = world(20).await;
    world.set_clock(-600).await;
    world.sync().await;
    world.set_clock(0).await;
    let deals = world.ask("hubspot/objects?kind=deals").await;
    let live: Vec<String> =
        deals.as_array().unwrap().iter().map(|deal| deal["id"].as_str().unwrap().to_owned()).collect();
    let at_ms = unix_ms() - 60_000;
    world.tell(&format!("hubspot/deals/{}/archive", live[0]), json!({"at_ms": at_ms})).await;
    world.sync().await;
    let gone = "SELECT count(*) FROM payments WHERE deleted_at IS NOT NULL";
    assert_eq!(world.database.number(gone).await, 1);
    world.tell(&format!("hubspot/deals/{}/restore", live[0]), json!({"unedited": true})).await;
    world.tell("hubspot/search-lag", json!({"lag_ms": 3_600_000})).await;
    let change = json!({"properties": {"amount": "777.77", "deal_currency_code": "USD"}});
    world.tell(&format!("hubspot/deals/{}", live[1]), change).await;
    let before = world.requests().await;
    world.sync().await;
    let idle = world.requests().await - before;
    let (mut server, base) = serve(&mut world).await;
    let id = |place: usize| live[place].parse::<u64>().unwrap();
    let events = json!([{"subscriptionType": "deal.restore", "objectId": id(0)},
                        {"subscriptionType": "deal.propertyChange", "objectId": id(1)},
                        {"subscriptionType": "object.deletion", "objectTypeId": "0-3", "objectId": 999_999_999}]);
    assert_eq!(post_events(&base, &events).await.0, 200);
    world.sync().await;
    assert_eq!(world.database.number(gone).await, 1, "only what HubSpot never had");
    assert_eq!(amount(&world, &live[1]).await, 77_777);
    // What was named was read once: the next run asks for no more than before.
    let before = world.requests().await;
    world.sync().await;
    assert_eq!(world.requests().await - before, idle);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_deleted_for_privacys_sake_is_erased() {
    let mut world = World::with_hubspot(0, 30).await;
    world.set("HUBSPOT_WEBHOOK_SECRET", SECRET);
    world.set("PUBLIC_URL", PUBLIC_URL);
    world.sync().await;
    let person =
        json!({"properties": {"email": "ann@secret.example", "firstname": "Ann", "phone": "+49 30 1234567"}});
    let made = world.tell("hubspot/contacts", person).await["id"].as_str().unwrap().to_owned();
    world.sync().await;
    world.tell(&format!("hubspot/contacts/{made}"), json!({"properties": {"lastname": "Secret-Name"}})).await;
    world.sync().await;
    world.tell(&format!("hubspot/contacts/{made}"), json!({"properties": {"company": "Secret-Name"}})).await;
    // One state waits in the outbox, one is a dead letter.
    world.fetch().await.expect(0);
    world
        .database
        .run(
            "INSERT INTO dead_letters (id, source, entity, external_id, revision, raw_id, observed_at, attempts, stage,
                                       reason, payload, enqueued_at, dead_at)
             SELECT gen_random_uuid(), source, entity, external_id, revision, id, observed_at, 5, 'normalise', 'ann@secret.example',
                    payload, fetched_at, now() FROM raw_records WHERE payload LIKE '%ann@secret%' ORDER BY revision LIMIT 1",
        )
        .await;
    let about = "SELECT (SELECT count(*) FROM raw_records WHERE payload ~ 'secret|Secret|1234567')
                      + (SELECT count(*) FROM dead_letters) + (SELECT count(*) FROM ingest_outbox)
                      + (SELECT count(*) FROM contacts c WHERE to_json(c)::text ~ 'secret|Secret|1234567')";
    assert!(world.database.number(about).await >= 5);

    world.tell(&format!("hubspot/contacts/{made}/vanish"), json!({})).await;
    let (mut server, base) = serve(&mut world).await;
    let events =
        json!([{"subscriptionType": "contact.privacyDeletion", "objectId": made.parse::<u64>().unwrap()}]);
    assert_eq!(post_events(&base, &events).await.0, 200);
    world.sync().await;
    assert_eq!(world.database.number(about).await, 0);
    let tombstone = "SELECT concat_ws(' ', external_id, deleted_at IS NOT NULL, email, first_name, last_name, phone, company)
                     FROM contacts WHERE deleted_at IS NOT NULL";
    assert_eq!(world.database.text(tombstone).await, format!("{made} t"));
    // Whatever still shows it: nothing of it is taken any more.
    world.buffalo(&["fetch", "--mode", "full"]).await.expect(0);
    world.process().await.expect(0);
    world.buffalo(&["reconcile", "--repair"]).await.expect(0);
    world.process().await.expect(0);
    assert_eq!(world.database.number(about).await, 0);
    assert_eq!(world.database.text(tombstone).await, format!("{made} t"));
    kill(&mut server).await;
    world.end().await;
}
