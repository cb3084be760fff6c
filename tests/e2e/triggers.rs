//! Requests that change something: keys, idempotency, and the runs that they begin.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{World, kill, terminate};
use crate::http::{self, ADMIN_KEY, Answer, KEY, get, serve};

/// POSTs with the admin's key.
async fn post(url: String, key: &str, body: &str) -> Answer {
    http::post(url, &[("x-admin-api-key", ADMIN_KEY), ("idempotency-key", key)], body).await
}

/// The run as HTTP tells it, once it has ended.
async fn ended(world: &World, base: &str, run_id: &Value) -> Value {
    let url = format!("{base}/runs/{}", run_id.as_str().unwrap());
    let key = [("x-api-key", KEY)];
    world.until("the run has ended", async || get(url.clone(), &key).await.1["status"] != "running").await;
    get(url, &key).await.1
}

type Headers = &'static [(&'static str, &'static str)];

/// Keeps everybody from writing runs until it is rolled back.
async fn hold_runs(world: &World) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut lock = world.database.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE sync_runs IN EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    lock
}

const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
const RUNS: &str = "SELECT count(*) FROM sync_runs";
const BEGUN: &str = "SELECT count(*) FROM sync_runs WHERE NOT waiting";

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_fetches_and_a_drain_processes() {
    let mut world = World::with_charges(30).await;
    let (mut server, base) = serve(&mut world).await;
    let (status, accepted, _) = post(format!("{base}/trigger/stripe/incremental"), "fetch-1", "").await;
    assert_eq!((status, &accepted["status"]), (202, &json!("accepted")), "{accepted}");
    assert_eq!((&accepted["source"], &accepted["mode"]), (&json!("stripe"), &json!("incremental")));
    assert_eq!(accepted["runs"], json!([{"runId": accepted["runId"], "entity": "payments"}]));
    let run = ended(&world, &base, &accepted["runId"]).await;
    assert_eq!((&run["status"], &run["requestedBy"]), (&json!("success"), &json!("admin:default")), "{run}");
    let (status, accepted, _) = post(format!("{base}/process"), "process-1", "").await;
    assert_eq!((status, &accepted["source"]), (202, &json!("all")), "{accepted}");
    assert_eq!(
        ended(&world, &base, &accepted["runId"]).await["counts"]["recordsProcessed"],
        run["counts"]["recordsEnqueued"]
    );
    world.assert_complete().await;

    let (_, again, headers) = post(format!("{base}/process"), "process-1", "").await;
    assert_eq!((&again, headers["idempotent-replayed"].to_str().unwrap()), (&accepted, "true"));
    assert_eq!(world.database.number(RUNS).await, 2);
    let fetched_by_cli = world.fetch().await.expect(0).run();
    assert_eq!(fetched_by_cli["requestedBy"], Value::Null);
    terminate(&server);
    assert!(server.wait().await.unwrap().success());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_trigger_is_said_in_order() {
    const ADMIN: (&str, &str) = ("x-admin-api-key", ADMIN_KEY);
    const ONE: (&str, &str) = ("idempotency-key", "k1");
    let mut world = World::with_charges(1).await;
    let (mut server, base) = serve(&mut world).await;
    let url = |path: &str| format!("{base}{path}");
    let cases: [(&str, Headers, u16, &str); 11] = [
        ("/trigger/nowhere/never", &[], 401, "INVALID_ADMIN_KEY"),
        ("/trigger/stripe/full", &[("x-api-key", KEY), ONE], 401, "INVALID_ADMIN_KEY"),
        ("/trigger/stripe/full", &[ADMIN], 400, "IDEMPOTENCY_KEY_REQUIRED"),
        ("/trigger/nowhere/never", &[ADMIN], 400, "IDEMPOTENCY_KEY_REQUIRED"),
        ("/trigger/stripe/full?x=1", &[ADMIN], 400, "IDEMPOTENCY_KEY_REQUIRED"),
        ("/dead-letters/replay?dryRun=perhaps", &[ADMIN], 400, "IDEMPOTENCY_KEY_REQUIRED"),
        ("/trigger/stripe/full", &[ADMIN, ("idempotency-key", "a b")], 400, "VALIDATION_ERROR"),
        ("/trigger/nowhere/full", &[ADMIN, ONE], 400, "VALIDATION_ERROR"),
        ("/trigger/stripe/never", &[ADMIN, ONE], 400, "VALIDATION_ERROR"),
        ("/trigger/stripe/full?dryRun=true", &[ADMIN, ONE], 400, "VALIDATION_ERROR"),
        ("/trigger/hubspot/full", &[ADMIN, ONE], 400, "SOURCE_NOT_ENABLED"),
    ];
    for (path, headers, status, code) in cases {
        let (got, answer, _) = http::post(url(path), headers, "").await;
        assert_eq!((got, &answer["code"]), (status, &json!(code)), "{path} {answer}");
    }
    let (_, answer, _) = http::post(url("/trigger/hubspot/full"), &[ADMIN, ONE], "").await;
    assert!(answer["message"].as_str().unwrap().ends_with("enabled: stripe"), "{answer}");
    assert_eq!(world.database.number(RUNS).await, 0);

    // None of them has used the key up; the next one does.
    let (status, first, _) = post(url("/trigger/stripe/full"), "k1", "").await;
    assert_eq!(status, 202, "{first}");
    let (status, answer, _) = post(url("/trigger/stripe/incremental"), "k1", "").await;
    assert_eq!((status, &answer["code"]), (409, &json!("IDEMPOTENCY_KEY_MISMATCH")));
    let (status, answer, _) = post(url("/trigger/stripe/full"), "k1", "another body").await;
    assert_eq!((status, &answer["code"]), (409, &json!("IDEMPOTENCY_KEY_MISMATCH")));
    world.database.run("UPDATE idempotency_keys SET reserved_at = now() - interval '25 hours'").await;
    assert_eq!(post(url("/trigger/stripe/incremental"), "k1", "").await.0, 202, "forgotten after a day");
    let large = "x".repeat(70_000);
    let (status, answer, _) = post(url("/process"), "large", &large).await;
    assert_eq!((status, &answer["code"]), (413, &json!("PAYLOAD_TOO_LARGE")));
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_with_one_key_make_one_run() {
    let mut world = World::with_charges(30).await;
    world.set("ADMIN_API_KEY", format!("ops:{ADMIN_KEY},bot:another-key-of-16"));
    let (mut server, base) = serve(&mut world).await;
    let (mut second_server, second_base) = serve(&mut world).await;
    let asking = (0..8).map(|n| {
        let base = if n % 2 == 0 { &base } else { &second_base };
        post(format!("{base}/trigger/stripe/full"), "one", "")
    });
    let answers = futures_util::future::join_all(asking).await;
    let mut runs = BTreeSet::new();
    for (status, answer, _) in answers {
        match status {
            202 => drop(runs.insert(answer["runId"].to_string())),
            _ => assert_eq!((status, &answer["code"]), (409, &json!("IDEMPOTENCY_IN_PROGRESS"))),
        }
    }
    assert_eq!((runs.len(), world.database.number(RUNS).await), (1, 1));
    // Another caller's key is another key.
    let bot = [("x-admin-api-key", "another-key-of-16"), ("idempotency-key", "one")];
    let (status, answer, _) = http::post(format!("{base}/trigger/stripe/full"), &bot, "").await;
    assert_eq!((status, runs.contains(&answer["runId"].to_string())), (202, false));
    let run = ended(&world, &base, &answer["runId"]).await;
    assert_eq!(run["requestedBy"], "admin:bot");
    kill(&mut server).await;
    kill(&mut second_server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_process_died_is_free_after_its_lease() {
    let mut world = World::with_charges(1).await;
    let (mut server, base) = serve(&mut world).await;
    let lock = hold_runs(&world).await;
    let asking = tokio::spawn(
        reqwest::Client::new()
            .post(format!("{base}/trigger/stripe/full"))
            .header("x-admin-api-key", ADMIN_KEY)
            .header("idempotency-key", "k")
            .send(),
    );
    world.until("its run is being written", async || world.database.number(WAITING).await > 0).await;
    kill(&mut server).await;
    assert!(asking.await.unwrap().is_err());
    lock.rollback().await.unwrap();
    let (mut server, base) = serve(&mut world).await;
    let url = format!("{base}/trigger/stripe/full");
    let (status, answer, _) = post(url.clone(), "k", "").await;
    assert_eq!((status, &answer["code"]), (409, &json!("IDEMPOTENCY_IN_PROGRESS")));
    world.database.run("UPDATE idempotency_keys SET leased_until = now() - interval '1 s'").await;
    assert_eq!(post(url.clone(), "k", "other").await.1["code"], "IDEMPOTENCY_KEY_MISMATCH");
    assert_eq!(post(url.clone(), "k", "").await.0, 202);
    assert_eq!(post(url, "k", "").await.2["idempotent-replayed"], "true");
    assert_eq!(world.database.number(RUNS).await, 1, "what was not answered was not done");
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_kept_for_as_long_as_the_work_takes() {
    let mut world = World::with_charges(1).await;
    world.set("REQUEST_TIMEOUT_S", "1");
    let (mut server, base) = serve(&mut world).await;
    let url = format!("{base}/trigger/stripe/full");
    let lock = hold_runs(&world).await;
    let (status, answer, _) = post(url.clone(), "k", "").await;
    assert_eq!((status, &answer["code"]), (503, &json!("TIMEOUT")), "the work goes on all the same");
    world.database.run("UPDATE idempotency_keys SET leased_until = now()").await;
    let kept = "SELECT count(*) FROM idempotency_keys WHERE leased_until > now() + interval '1 minute'";
    world.until("the lease is renewed", async || world.database.number(kept).await == 1).await;
    let (status, answer, _) = post(url.clone(), "k", "").await;
    assert_eq!((status, &answer["code"]), (409, &json!("IDEMPOTENCY_IN_PROGRESS")));
    lock.rollback().await.unwrap();
    world.until("the work is done", async || post(url.clone(), "k", "").await.0 == 202).await;
    assert_eq!(world.database.number(RUNS).await, 1);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_asked_for_ends_as_abandoned_with_its_process() {
    let mut world = World::with_charges(300).await;
    world.set("TRIGGER_CONCURRENCY", "1");
    world.tell("faults", json!({"times": 1, "kind": {"latency_ms": 60_000}})).await;
    let (mut server, base) = serve(&mut world).await;
    let (_, first, _) = post(format!("{base}/trigger/stripe/full"), "a", "").await;
    let (_, waiting, _) = post(format!("{base}/process"), "b", "").await;
    // A fetch that takes the lock declares the one that held it abandoned, and leaves alone what has not begun.
    world.until("the first has begun", async || world.database.number(BEGUN).await == 1).await;
    kill(&mut server).await;
    world.clear_faults().await;
    world.fetch().await.expect(0);
    let run = async |id: &Value| world.buffalo_json(&["runs", id.as_str().unwrap()]).await;
    assert_eq!(run(&first["runId"]).await["status"], "abandoned");
    assert_eq!(run(&waiting["runId"]).await["status"], "running");
    world.database.run("UPDATE sync_runs SET heartbeat_at = heartbeat_at - interval '2 minutes'").await;
    assert_eq!(run(&waiting["runId"]).await["status"], "abandoned");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_trigger_of_the_same_source_is_skipped_not_lost() {
    let mut world = World::with_charges(300).await;
    world.tell("faults", json!({"times": 1, "kind": {"latency_ms": 60_000}})).await;
    let (mut server, base) = serve(&mut world).await;
    post(format!("{base}/trigger/stripe/full"), "a", "").await;
    world.until("the first has begun", async || world.database.number(BEGUN).await == 1).await;
    let (_, second, _) = post(format!("{base}/trigger/stripe/full"), "b", "").await;
    let second = ended(&world, &base, &second["runId"]).await;
    assert_eq!((&second["status"], &second["requestedBy"]), (&json!("skipped"), &json!("admin:default")));
    terminate(&server);
    assert!(
        server.wait().await.unwrap().success(),
        "the run that waits for the vendor ends when it is asked to"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_followed() {
    let mut world = World::with_charges(30).await;
    let (mut server, base) = serve(&mut world).await;
    let (_, accepted, _) = post(format!("{base}/trigger/stripe/full"), "a", "").await;
    let url = format!("{base}/runs/{}/events", accepted["runId"].as_str().unwrap());
    assert_eq!(get(url.clone(), &[]).await.0, 401);
    let (status, events, headers) = get(url, &[("x-api-key", KEY)]).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "text/event-stream"));
    let last = events.as_str().unwrap().lines().filter_map(|line| line.strip_prefix("data: ")).next_back();
    let last: Value = serde_json::from_str(last.unwrap()).unwrap();
    assert_eq!((&last["runId"], &last["status"]), (&accepted["runId"], &json!("success")), "{events}");
    let nobody = format!("{base}/runs/01a1fe43-1634-70f5-a2d2-988aec6a0ef8/events");
    assert_eq!(get(nobody, &[("x-api-key", KEY)]).await.0, 404);
    kill(&mut server).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_replayed_and_discarded() {
    let mut world = World::with_charges(0).await;
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    for _ in 0..3 {
        world.charge(json!({"amount": 1, "currency": "usd", "raw_patch": {"currency": "dollars"}})).await;
    }
    world.fetch().await.expect(0);
    world.process().await.expect(3);
    let (mut server, base) = serve(&mut world).await;
    let key = [("x-api-key", KEY)];
    let (_, list, _) = get(format!("{base}/dead-letters?limit=2"), &key).await;
    let printed = world.buffalo_json(&["dead-letters", "list", "--limit", "2"]).await;
    assert_eq!((list["deadLetters"].as_array().unwrap().len(), &list), (2, &printed));
    let id = list["deadLetters"][0]["id"].as_str().unwrap();
    let (_, letter, _) = get(format!("{base}/dead-letters/{id}"), &key).await;
    assert!(letter["payload"].as_str().unwrap().contains("dollars"), "{letter}");
    assert_eq!(get(format!("{base}/dead-letters/nobody"), &key).await.1["code"], "DEAD_LETTER_NOT_FOUND");

    let one = format!("{base}/dead-letters/{id}");
    let (status, counted, _) = post(format!("{one}/replay?dryRun=true"), "a", "").await;
    assert_eq!(
        (status, &counted["dryRun"], &counted["failing"]),
        (200, &json!(true), &json!(1)),
        "{counted}"
    );
    assert_eq!(post(format!("{one}/discard?dryRun=perhaps"), "a", "").await.0, 400);
    let (status, done, _) = post(format!("{one}/discard"), "a", "").await;
    assert_eq!((status, &done["discarded"]), (202, &json!(1)), "{done}");
    assert_eq!(post(format!("{one}/discard"), "b", "").await.1["code"], "DEAD_LETTER_NOT_FOUND");
    assert_eq!(post(format!("{one}/discard"), "a", "").await.1, done, "the first answer again");

    let all = format!("{base}/dead-letters/replay");
    for (body, code) in [
        ("", "NOTHING_CHOSEN"),
        ("{\"all\":true,\"source\":\"stripe\"}", "NOTHING_CHOSEN"),
        ("{\"source\":\"nowhere\"}", "UNKNOWN_SOURCE"),
    ] {
        let (status, answer, _) = post(all.clone(), "c", body).await;
        assert_eq!((status, &answer["details"][0]["code"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(post(all.clone(), "c", "{\"sauce\":\"stripe\"}").await.0, 400);
    let (status, done, _) = post(all, "c", "{\"source\":\"stripe\"}").await;
    assert_eq!((status, &done["replayed"]), (202, &json!(2)), "{done}");
    let (_, outbox, _) = get(format!("{base}/outbox"), &key).await;
    assert_eq!(
        (&outbox["depth"], &outbox["sources"][0]["byStatus"]["pending"]),
        (&json!(2), &json!(2)),
        "{outbox}"
    );
    kill(&mut server).await;
    world.end().await;
}
