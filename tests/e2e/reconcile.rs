//! The proof that nothing is missing.

use serde_json::{Value, json};

use crate::harness::World;

/// The result of the entity that comes last: the only one of Stripe and Google Calendar, the contacts of HubSpot.
async fn reconcile(world: &World, more: &[&str], code: i32) -> Value {
    let arguments = [&["reconcile", "--format", "json"], more].concat();
    let results = world.buffalo(&arguments).await.expect(code).json()["reconciliations"].clone();
    results.as_array().unwrap().last().unwrap().clone()
}

fn counts(result: &Value) -> [i64; 4] {
    ["missing", "different", "extra", "repaired"].map(|name| result[name].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_the_source_has_it_is_found_and_mended() {
    let world = World::with_charges(350).await;
    world.buffalo(&["reconcile"]).await.expect(1);
    world.sync().await;
    let result = reconcile(&world, &[], 0).await;
    assert_eq!(counts(&result), [0, 0, 0, 0], "{result}");
    assert!(result["listed"].as_i64().unwrap() >= 350);
    for total in result["totals"].as_array().unwrap() {
        assert_eq!(total["listedCents"], total["storedCents"], "{total}");
        assert_eq!(total["listedCount"], total["storedCount"], "{total}");
    }
    let status = world.buffalo(&["status"]).await;
    assert!(status.stdout.contains("equal, "), "{}", status.stdout);

    // A charge whose event never came, and rows that somebody deleted, changed and made up.
    let first = world
        .database
        .text("SELECT external_id FROM payments WHERE kind = 'charge' AND status = 'COLLECTED' ORDER BY occurred_at LIMIT 1")
        .await;
    world.tell(&format!("charges/{first}/fail"), json!({"silent": true})).await;
    for wrong in [
        "DELETE FROM payments WHERE external_id = (SELECT external_id FROM payments ORDER BY external_id DESC LIMIT 1)",
        "UPDATE payments SET amount_minor = amount_minor + 1
         WHERE external_id = (SELECT external_id FROM payments WHERE kind = 'refund' ORDER BY external_id LIMIT 1)",
        "INSERT INTO payments SELECT (jsonb_populate_record(p, '{\"external_id\": \"ch_made_up\", \"revision\": 0}')).*
         FROM payments p WHERE kind = 'charge' LIMIT 1",
    ] {
        world.database.run(wrong).await;
    }
    let result = reconcile(&world, &[], 3).await;
    assert_eq!(counts(&result), [1, 2, 1, 0], "{result}");
    assert_eq!(result["samples"].as_array().unwrap().len(), 4, "{result}");
    assert_eq!(
        world.database.number("SELECT count(*) FROM ingest_outbox").await,
        0,
        "nothing was asked to be mended"
    );

    let repaired = reconcile(&world, &["--repair"], 3).await;
    assert_eq!(counts(&repaired), [1, 2, 1, 4], "{repaired}");
    world.process().await.expect(0);
    assert_eq!(counts(&reconcile(&world, &[], 0).await), [0, 0, 0, 0]);
    let gone = "SELECT count(*) FROM payments WHERE external_id = 'ch_made_up' AND deleted_at IS NOT NULL";
    assert_eq!(world.database.number(gone).await, 1);
    world.database.run("DELETE FROM payments WHERE external_id = 'ch_made_up'").await;
    world.assert_complete().await;
    // It touched no cursor: the next run goes on as before.
    assert_eq!(world.sync().await["mode"], "incremental");
    world.end().await;
}

/// The only record in question: its id, and what is said of it.
fn only_sample(result: &Value) -> (&str, &str) {
    assert_eq!(counts(result)[..3], [0, 1, 0], "{result}");
    let sample = &result["samples"][0];
    (sample["externalId"].as_str().unwrap(), sample["what"].as_str().unwrap())
}

/// Finds the same again and mends it; afterwards all is equal.
async fn assert_mended(world: &World) {
    assert_eq!(counts(&reconcile(world, &["--repair"], 3).await), [0, 1, 0, 1]);
    world.process().await.expect(0);
    assert_eq!(counts(&reconcile(world, &[], 0).await), [0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_compared_by_what_is_known_of_them() {
    let world = World::with_hubspot(0, 150).await;
    world.sync().await;
    let result = reconcile(&world, &[], 0).await;
    assert_eq!((&result["entity"], counts(&result)), (&json!("contacts"), [0, 0, 0, 0]), "{result}");

    let changed = world.database.text("SELECT max(external_id) FROM contacts WHERE deleted_at IS NULL").await;
    let known = "SELECT concat_ws(',', email, last_name) FROM contacts
                 WHERE external_id = (SELECT max(external_id) FROM contacts WHERE deleted_at IS NULL)";
    let as_listed = world.database.text(known).await;
    world
        .database
        .run(
            "UPDATE contacts SET email = 'somebody@else.example', last_name = NULL
             WHERE external_id = (SELECT max(external_id) FROM contacts WHERE deleted_at IS NULL)",
        )
        .await;
    let result = reconcile(&world, &[], 3).await;
    // Which fields, and nothing of what is in them.
    assert_eq!(only_sample(&result), (changed.as_str(), "differs in e-mail, last name"));

    assert_mended(&world).await;
    assert_eq!(world.database.text(known).await, as_listed);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_compared_by_what_is_known_of_them() {
    let world = World::with_calendars(1_000, 2).await;
    let meeting = json!({"id": "meeting", "summary": "Salaries", "location": "Room 4",
                         "description": "x".repeat(10_000), "organizer": {"email": "boss@example.com"},
                         "start": {"dateTime": "2026-11-23T09:00:00.5+01:00", "timeZone": "Europe/Berlin"},
                         "end": {"dateTime": "2026-11-23T10:00:00+01:00", "timeZone": "Europe/Berlin"}});
    world.tell("gcal/events/primary", meeting).await;
    let off = json!({"id": "off", "summary": "Called off", "start": {"date": "2026-11-24"}, "end": {"date": "2026-11-25"}});
    world.tell("gcal/events/primary", off).await;
    world.sync().await;
    world.tell("gcal/events/primary/off/cancel", json!({})).await;
    world.sync().await;
    assert_eq!(counts(&reconcile(&world, &[], 0).await), [0, 0, 0, 0]);

    // Of what is gone, the source may say nothing but that: what is kept of it is compared with nothing.
    world.database.run("UPDATE events SET title = 'Kept' WHERE deleted_at IS NOT NULL").await;
    world
        .database
        .run(
            "UPDATE events SET title = 'Wages', starts_at = NULL, start_date = '2026-11-23', time_zone = repeat('Z', 99)
             WHERE external_id = 'primary/meeting'",
        )
        .await;
    let result = reconcile(&world, &[], 3).await;
    let zone = format!("{}…", "Z".repeat(40));
    let what = format!(
        "differs in title, start (listed as 2026-11-23T08:00:00.500Z, stored as 2026-11-23), \
         time zone (listed as Europe/Berlin, stored as {zone})"
    );
    assert_eq!(only_sample(&result), ("primary/meeting", what.as_str()));
    let kept = "SELECT string_agg(samples::text, '') FROM reconciliations";
    assert!(!world.database.text(kept).await.contains("Wages"));

    assert_mended(&world).await;
    let mended = "SELECT concat_ws(' ', title, starts_at IS NOT NULL, start_date, time_zone) FROM events
                  WHERE external_id = 'primary/meeting'";
    assert_eq!(world.database.text(mended).await, "Salaries t Europe/Berlin");
    assert!(world.database.number("SELECT count(*) FROM events WHERE title = 'Kept'").await > 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_census_may_be_of_the_last_days_only() {
    let world = World::with_charges(400).await;
    world.sync().await;
    let whole = reconcile(&world, &[], 0).await;
    let since = world
        .database
        .text("SELECT (percentile_disc(0.7) WITHIN GROUP (ORDER BY occurred_at))::date::text FROM payments")
        .await;
    let part = reconcile(&world, &["--since", &since], 0).await;
    assert_eq!(counts(&part), [0, 0, 0, 0], "{part}");
    assert!(part["listed"].as_i64().unwrap() < whole["listed"].as_i64().unwrap() / 2, "{part}");
    world.buffalo(&["reconcile", "--since", "2026-02-30"]).await.expect(2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_listed_twice_counts_once() {
    let world = World::with_hubspot(0, 350).await;
    world.sync().await;
    // The third page is refused, so the list is begun anew.
    let fault = json!({"path": "/crm/objects/2026-09/contacts", "query": "after=", "nth": 2, "kind": {"status": 400}});
    world.tell("faults", fault).await;
    let result = reconcile(&world, &[], 0).await;
    assert_eq!((&result["listed"], counts(&result)), (&json!(350), [0, 0, 0, 0]), "{result}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_everything_that_is_there() {
    let world = World::with_hubspot(120, 0).await;
    world.sync().await;
    let deals = world.ask("hubspot/objects?kind=deals").await;
    let live: Vec<_> = deals.as_array().unwrap().iter().filter(|deal| deal["archived"] == false).collect();
    let odd = json!({"properties": {"amount": "12abc", "dealstage": "closedwon", "pipeline": "default"}});
    let changed = format!("hubspot/deals/{}", live[0]["id"].as_str().unwrap());
    world.tell(&changed, odd.clone()).await;
    world.tell("hubspot/deals", odd).await;
    let payments = async |more: &[&str]| {
        let arguments = [&["reconcile", "--format", "json"], more].concat();
        world.buffalo(&arguments).await.expect(3).json()["reconciliations"][0].clone()
    };
    let result = payments(&[]).await;
    assert_eq!(counts(&result), [1, 1, 0, 0], "{result}");
    for sample in result["samples"].as_array().unwrap() {
        assert!(sample["what"].as_str().unwrap().contains("can't be read"), "{sample}");
    }
    // Writing it again would mend nothing.
    assert_eq!(counts(&payments(&["--repair"]).await), [1, 1, 0, 0]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_ends_at_its_deadline_or_where_a_list_leads_nowhere() {
    let mut world = World::with_hubspot(350, 0).await;
    world.sync().await;
    let failed = async |world: &World| {
        let done = world.buffalo(&["reconcile", "--format", "json"]).await.expect(3).json();
        assert_eq!(done["runs"][0]["status"], "failed", "{done}");
        done["runs"][0].clone()
    };
    let path = "/crm/objects/2026-09/deals";
    let place = "after=";
    world
        .tell("faults", json!({"path": path, "query": place, "times": 1_000_000, "kind": {"status": 400}}))
        .await;
    let run = failed(&world).await;
    assert!(run["error"].as_str().unwrap().contains("refused with 400"), "{run}");
    world.clear_faults().await;

    world.set("RECONCILE_DEADLINE_S", "1");
    world.tell("faults", json!({"path": path, "times": 9, "kind": {"latency_ms": 50_000}})).await;
    let run = failed(&world).await;
    assert!(run["error"].as_str().unwrap().contains("RECONCILE_DEADLINE_S"), "{run}");
    world.clear_faults().await;
    world.set("RECONCILE_DEADLINE_S", "60");
    world.buffalo(&["reconcile"]).await.expect(0);
    world.end().await;
}
