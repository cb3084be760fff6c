//! `status`: whoever reads its exit code knows whether to read more.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::World;

impl World {
    /// The codes of what needs a person.
    pub async fn concerns(&self) -> BTreeSet<String> {
        let outcome = self.buffalo(&["status", "--format", "json"]).await;
        let document = outcome.json();
        let concerns = document["concerns"].as_array().unwrap();
        assert_eq!(outcome.code, if concerns.is_empty() { 0 } else { 3 }, "{document}");
        let code = |concern: &serde_json::Value| concern["code"].as_str().unwrap().to_owned();
        concerns.iter().map(code).collect()
    }
}

fn codes<const N: usize>(codes: [&str; N]) -> BTreeSet<String> {
    codes.map(str::to_owned).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_nobody_is_needed() {
    let world = World::with_charges(30).await;
    world.maintain().await.expect(0);
    let empty = world.buffalo(&["status"]).await.expect(0);
    assert!(empty.stdout.contains("Nothing was fetched so far."), "{empty:?}");
    world.sync().await;
    let status = world.buffalo(&["status"]).await.expect(0);
    for words in ["stripe payments", "success, ", "Nothing needs a person."] {
        assert!(status.stdout.contains(words), "{words} in {status:?}");
    }
    let document = world.buffalo(&["status", "--format", "json"]).await.expect(0).json();
    let line = &document["fetches"][0];
    assert_eq!((&line["source"], &line["lastStatus"]), (&json!("stripe"), &json!("success")));
    assert!(line["succeededAt"].is_string() && line["dataThrough"].is_string(), "{line}");
    assert_eq!((&line["failingSince"], &document["nextFetchAt"]), (&json!(null), &json!(null)));
    let csv = world.buffalo(&["status", "--format", "csv"]).await.expect(0);
    assert!(csv.stdout.lines().nth(1).unwrap().starts_with("stripe,payments,success,20"), "{csv:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_needs_somebody_until_it_goes_well_again() {
    let mut world = World::with_charges(30).await;
    world.maintain().await.expect(0);
    world.set("CIRCUIT_BREAKER_THRESHOLD", "1");
    world.set("CIRCUIT_BREAKER_COOLDOWN_MS", "1");
    world.set("MAX_RETRIES", "0");
    world.tell("faults", json!({"path": "/v1/charges", "times": 1, "kind": {"status": 503}})).await;
    world.fetch().await.expect(1);
    assert_eq!(world.concerns().await, codes(["circuit_open", "fetch_failing"]));
    let status = world.buffalo(&["status"]).await.expect(3);
    let told = "- The last fetch of stripe payments failed, for ";
    assert!(status.stdout.contains("Needs a person:") && status.stdout.contains(told), "{status:?}");
    assert!(status.stdout.contains("never"), "it never succeeded: {status:?}");

    // Where only another source is enabled, this one is nobody's business.
    world.unset("STRIPE_API_KEY");
    world.set("HUBSPOT_ACCESS_TOKEN", "pat-na1-sandbox");
    assert_eq!(world.concerns().await, codes([]));
    // Where no source is known, it may be.
    world.unset("HUBSPOT_ACCESS_TOKEN");
    assert_eq!(world.concerns().await, codes(["circuit_open", "fetch_failing"]));

    world.set("STRIPE_API_KEY", "sk_test_sandbox");
    world.sync().await;
    assert_eq!(world.concerns().await, codes([]));
    world.database.run("UPDATE sync_runs SET finished_at = finished_at - interval '27 hours'").await;
    assert_eq!(world.concerns().await, codes(["fetch_overdue"]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_lie_about_need_somebody() {
    let mut world = World::with_charges(30).await;
    world.maintain().await.expect(0);
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    world.charge(json!({"amount": 1, "currency": "usd", "raw_patch": {"status": "settled"}})).await;
    world.charge(json!({"amount": 1, "currency": "usd", "raw_patch": {"currency": "dollars"}})).await;
    world.fetch().await.expect(0);
    assert_eq!(world.concerns().await, codes([]), "they have not waited long");
    world.database.run("UPDATE ingest_outbox SET available_at = now() - interval '31 minutes'").await;
    assert_eq!(world.concerns().await, codes(["outbox_stuck"]));
    world.process().await.expect(3);
    assert_eq!(world.concerns().await, codes(["dead_letters", "unmapped_status"]));
    world.buffalo(&["dead-letters", "discard", "--all"]).await.expect(0);
    world.database.run("DELETE FROM payments WHERE status = 'UNKNOWN' OR kind = 'refund'").await;
    world.buffalo(&["reconcile"]).await.expect(3);
    assert_eq!(world.concerns().await, codes(["reconciliation_differs"]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_is_at_work_says_when_it_fetches_next() {
    let world = World::with_charges(1).await;
    world.sync().await;
    let ticks = [
        ("INSERT INTO schedule_ticks (job, due_at, fired_at) SELECT 'fetch', now(), now()", true),
        ("UPDATE schedule_ticks SET due_at = now() - interval '1 hour'", false),
    ];
    for (tick, known) in ticks {
        world.database.run(tick).await;
        let document = world.buffalo(&["status", "--format", "json"]).await.json();
        assert_eq!(document["nextFetchAt"].is_string(), known, "{document}");
    }
    world.end().await;
}
