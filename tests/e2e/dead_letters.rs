//! What could not be processed: looked at, replayed once its cause is gone, or thrown away.

use serde_json::{Value, json};

use crate::harness::{Outcome, World, kill};

const LETTERS: &str = "SELECT count(*) FROM dead_letters";
const QUEUED: &str = "SELECT count(*) FROM ingest_outbox";

impl World {
    /// `dead-letters` with these arguments, in JSON; must succeed.
    async fn letters(&self, arguments: &[&str]) -> Value {
        let arguments = [&["dead-letters"], arguments, &["--format", "json"]].concat();
        self.buffalo(&arguments).await.expect(0).json()
    }

    /// The ids of all dead letters, newest first.
    async fn letter_ids(&self) -> Vec<String> {
        let list = self.letters(&["list", "--limit", "100"]).await;
        let letters = list["deadLetters"].as_array().unwrap();
        letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn revenue(&self, currency: &str) -> Value {
        let arguments = ["revenue", "summary", "--currency", currency, "--format", "json"];
        self.buffalo(&arguments).await.expect(0).json()
    }

    /// Charges in euros that are dead letters after one attempt, as only dollars are accepted.
    async fn with_dead_euros(charges: u64) -> Self {
        let mut world = Self::with_charges(0).await;
        world.set("SUPPORTED_CURRENCIES", "USD");
        world.set("OUTBOX_MAX_ATTEMPTS", "1");
        for n in 0..charges {
            world.charge(json!({"amount": 100 + n, "currency": "eur"})).await;
        }
        world.fetch().await.expect(0);
        world.process().await.expect(3);
        world
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_failed_five_times_is_mended_and_counts_once() {
    let mut world = World::with_charges(0).await;
    let charge = world.charge(json!({"amount": 500, "currency": "eur", "status": "pending"})).await;
    world.sync().await;
    world.set("SUPPORTED_CURRENCIES", "USD");
    world.set_clock(100).await;
    world.tell(&format!("charges/{charge}/succeed"), json!({})).await;
    world.fetch().await.expect(0);
    for attempt in 1..=5 {
        world.process().await.expect(if attempt < 5 { 0 } else { 3 });
        world.database.run("UPDATE ingest_outbox SET available_at = now()").await;
    }
    let list = world.letters(&["list"]).await;
    let letter = &list["deadLetters"][0];
    assert_eq!((&letter["attempts"], &letter["revision"]), (&json!(5), &json!(2)), "{list}");
    assert_eq!(letter["reason"], "unsupported_currency: EUR");
    assert!(letter.get("payload").is_none() && list["nextCursor"].is_null(), "{list}");
    let id = letter["id"].as_str().unwrap();
    let shown = world.letters(&["show", id]).await;
    assert!(shown["payload"].as_str().unwrap().contains(&charge), "{shown}");
    assert_eq!(
        (&shown["stored"]["status"], &shown["stored"]["amountMinor"]),
        (&json!("PENDING"), &json!("500"))
    );

    // As long as the cause is there, a replay would bring nothing.
    let preview = world.letters(&["replay", id, "--dry-run"]).await;
    assert_eq!((&preview["failing"], &preview["changing"]), (&json!(1), &json!(0)), "{preview}");
    assert_eq!(preview["letters"][0]["reason"], "unsupported_currency: EUR");

    world.set("SUPPORTED_CURRENCIES", "USD,EUR");
    let preview = world.letters(&["replay", "--all", "--dry-run"]).await;
    assert_eq!((&preview["changing"], &preview["replayed"]), (&json!(1), &json!(1)), "{preview}");
    let change = json!({"field": "status", "old": "PENDING", "new": "COLLECTED"});
    assert!(preview["letters"][0]["changes"].as_array().unwrap().contains(&change), "{preview}");
    let table = world.buffalo(&["dead-letters", "replay", id, "--dry-run"]).await.expect(0).stdout;
    assert!(table.contains("stored now") && !table.contains("amount_minor"), "only what differs: {table}");
    assert_eq!((world.database.number(LETTERS).await, world.database.number(QUEUED).await), (1, 0));
    assert_eq!(world.revenue("EUR").await["count"], 0);

    let done = world.letters(&["replay", "--all"]).await;
    assert_eq!(done, json!({"dryRun": false, "replayed": 1, "alreadyNewer": 0, "notFound": []}));
    let again = world.buffalo(&["dead-letters", "replay", id]).await.expect(1);
    assert!(again.stderr.contains(&format!("there is no dead letter {id}")), "{again:?}");
    world.process().await.expect(0);
    let revenue = world.revenue("EUR").await;
    assert_eq!((&revenue["totalRevenueCents"], &revenue["count"]), (&json!("500"), &json!(1)));
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_data_is_not_touched_by_an_older_letter() {
    let mut world = World::with_charges(0).await;
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    world.set("SUPPORTED_CURRENCIES", "USD");
    let charge = world.charge(json!({"amount": 500, "currency": "eur", "status": "pending"})).await;
    world.fetch().await.expect(0);
    world.process().await.expect(3);
    world.set("SUPPORTED_CURRENCIES", "*");
    world.set_clock(100).await;
    world.tell(&format!("charges/{charge}/succeed"), json!({})).await;
    world.sync().await;
    let row = "SELECT p::text FROM payments p";
    let newer = world.database.text(row).await;
    let preview = world.letters(&["replay", "--all", "--dry-run"]).await;
    assert_eq!((&preview["alreadyNewer"], &preview["replayed"]), (&json!(1), &json!(0)), "{preview}");
    assert_eq!(preview["letters"][0]["storedRevision"], 2);
    let done = world.letters(&["replay", "--all"]).await;
    assert_eq!((&done["alreadyNewer"], &done["replayed"]), (&json!(1), &json!(0)), "{done}");
    world.process().await.expect(0);
    assert_eq!(world.database.text(row).await, newer);
    assert_eq!(world.database.number(LETTERS).await, 0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_chosen_by_filters_and_never_by_leaving_everything_out() {
    let mut world = World::with_dead_euros(2).await;
    world.tell("charges", json!({"amount": 1, "currency": "usd", "raw_patch": {"id": null}})).await;
    world.fetch().await.expect(0);
    world.process().await.expect(3);
    let count = async |filter: &[&str]| {
        let list = world.letters(&[&["list"], filter].concat()).await;
        list["deadLetters"].as_array().unwrap().len()
    };
    assert_eq!(count(&["--reason", "CURRENCY: eur", "--source", "stripe", "--entity", "payments"]).await, 2);
    assert_eq!(count(&["--entity", "events"]).await, 0);
    assert_eq!(count(&["--since", "2026-01-01"]).await, 3);
    assert_eq!(count(&["--since", "9026-01-01T00:00:00+02:00"]).await, 0);

    let cases: [(&[&str], &str); 8] = [
        (&["replay"], "choose dead letters by"),
        (&["discard", "--dry-run"], "choose dead letters by"),
        (&["discard", "--all", "--source", "stripe"], "one of the three"),
        (&["replay", "--reason", ""], "--reason: must not be empty"),
        (&["replay", "--source", "paypal"], "--source: unknown source `paypal`"),
        (&["list", "--entity", "deals", "--limit", "101"], "--limit: must be a whole number"),
        (&["list", "--since", "yesterday"], "--since: `yesterday` is not a date"),
        (&["list", "--cursor", "1"], "--cursor: must be a nextCursor"),
    ];
    for (arguments, words) in cases {
        let outcome = world.buffalo(&[&["dead-letters"], arguments].concat()).await.expect(2);
        assert!(outcome.stderr.contains(words), "{arguments:?}: {outcome:?}");
    }
    assert_eq!(world.database.number(LETTERS).await, 3);

    world.set("SUPPORTED_CURRENCIES", "*");
    assert_eq!(world.letters(&["replay", "--reason", "unsupported"]).await["replayed"], 2);
    world.process().await.expect(0);
    assert_eq!(world.revenue("EUR").await["totalRevenueCents"], "201");
    let discard = ["discard", "--source", "stripe"];
    let foreseen = world.letters(&[&discard[..], &["--dry-run"]].concat()).await;
    assert_eq!(foreseen, json!({"dryRun": true, "discarded": 1, "notFound": []}));
    assert_eq!(world.database.number(LETTERS).await, 1);
    assert_eq!(world.letters(&discard).await["discarded"], 1);
    assert_eq!(world.database.number(LETTERS).await, 0);
    assert_eq!(world.database.number("SELECT count(*) FROM raw_records").await, 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_page_by_page_and_an_unknown_id_is_named() {
    let world = World::with_dead_euros(5).await;
    let ids = world.letter_ids().await;
    let first = world.letters(&["list", "--limit", "3"]).await;
    // What was read is thrown away, and the list goes on all the same.
    world.letters(&["discard", &ids[1], &ids[2]]).await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = world.letters(&["list", "--limit", "3", "--cursor", cursor]).await;
    let shown = [&first, &rest].map(|list| list["deadLetters"].as_array().unwrap().clone()).concat();
    assert_eq!(shown.iter().map(|letter| letter["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    assert!(rest["nextCursor"].is_null());

    let some = world.buffalo(&["dead-letters", "discard", &ids[0], &ids[1]]).await.expect(3);
    assert!(some.stderr.contains(&ids[1]) && !some.stderr.contains(&ids[0]), "{some:?}");
    for command in [&["show"][..], &["replay"], &["discard", "--dry-run"]] {
        let outcome = world.buffalo(&[&["dead-letters"], command, &[&ids[0]]].concat()).await.expect(1);
        assert!(outcome.stderr.contains(&format!("there is no dead letter {}", ids[0])), "{outcome:?}");
    }
    world.buffalo(&["dead-letters", "show", "ch_1"]).await.expect(2);
    let csv = world.buffalo(&["dead-letters", "list", "--format", "csv"]).await.expect(0).stdout;
    assert!(csv.starts_with("id,source,entity,externalId,") && csv.lines().count() == 3, "{csv}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_wrote_does_nothing_to_a_terminal() {
    let mut world = World::with_charges(0).await;
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    let patch = json!({"currency": "\u{1b}]0;owned\u{7}\u{9b}31m", "description": "\u{9b}2J\u{202e}"});
    world.charge(json!({"amount": 1, "currency": "usd", "raw_patch": patch})).await;
    world.fetch().await.expect(0);
    world.process().await.expect(3);
    let id = &world.letter_ids().await[0];
    for command in [&["list"][..], &["show", id], &["replay", id, "--dry-run"]] {
        let shown = world.buffalo(&[&["dead-letters"], command].concat()).await.expect(0).stdout;
        let obeyed = shown.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(obeyed, None, "{shown:?}");
    }
    let shown = world.buffalo(&["dead-letters", "show", id]).await.expect(0).stdout;
    assert!(shown.contains("\n  \"description\": \"\\u009b2J\\u202e\""), "{shown}");
    assert!(shown.contains("Nothing is stored of this record."), "{shown}");
    // A program gets every byte.
    let payload = world.letters(&["show", id]).await["payload"].as_str().unwrap().to_owned();
    let stored = world.database.text("SELECT payload FROM raw_records").await;
    assert_eq!(payload, stored);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_rows_that_fail_together_have_one_attempt_each_and_healthy_ones_land_at_once() {
    let mut world = World::with_charges(0).await;
    world.set("SUPPORTED_CURRENCIES", "USD");
    world.set("OUTBOX_BATCH_SIZE", "7");
    for _ in 0..60 {
        world.charge(json!({"amount": 100, "currency": "eur"})).await;
    }
    world.fetch().await.expect(0);
    world.charge(json!({"amount": 7, "currency": "usd"})).await;
    world.fetch().await.expect(0);
    let run = world.process().await.expect(0).run();
    assert_eq!(
        (&run["counts"]["recordsProcessed"], &run["counts"]["recordsFailed"]),
        (&json!(1), &json!(60))
    );
    let once = "SELECT count(*) FROM ingest_outbox WHERE attempts = 1";
    assert_eq!((world.database.number(once).await, world.database.number(LETTERS).await), (60, 0));
    assert_eq!(world.revenue("USD").await["totalRevenueCents"], "7");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_replayed_after_its_raw_record_was_dropped() {
    let mut world = World::with_dead_euros(3).await;
    world.database.run("DELETE FROM raw_records").await;
    world.set("SUPPORTED_CURRENCIES", "*");
    assert_eq!(world.letters(&["replay", "--all"]).await["replayed"], 3);
    world.process().await.expect(0);
    world.assert_complete().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_thousands_is_killed_and_doubled_and_each_letter_is_replayed_once() {
    let world = World::with_dead_euros(1).await;
    world
        .database
        .run(
            "INSERT INTO dead_letters
                 (id, source, entity, external_id, revision, raw_id, observed_at, attempts, stage, reason, payload,
                  enqueued_at, dead_at)
             SELECT gen_random_uuid(), source, entity, 'ch_' || n, 1, 1000000 + n, observed_at, attempts, stage, reason,
                    payload, enqueued_at, dead_at - n * interval '1 ms'
             FROM dead_letters, generate_series(1, 8999) AS n",
        )
        .await;
    let once = "SELECT count(*) FROM (SELECT raw_id FROM ingest_outbox UNION ALL SELECT raw_id FROM dead_letters) AS every";
    let mut first = world.start(&["dead-letters", "replay", "--all"]);
    world.until("a part of it is replayed", async || world.database.number(QUEUED).await > 0).await;
    kill(&mut first).await;
    // PostgreSQL ends the statement that it has begun.
    let sessions = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'buffalo'";
    world.until("the killed one is gone", async || world.database.number(sessions).await == 0).await;
    assert_eq!(world.database.number(once).await, 9_000);
    let left = u64::try_from(world.database.number(LETTERS).await).unwrap();
    let replay = ["dead-letters", "replay", "--all", "--format", "json"];
    let both = [world.start(&replay), world.start(&replay)];
    let mut replayed = 0;
    for child in both {
        let done = Outcome::from(child.wait_with_output().await.unwrap()).expect(0).json();
        replayed += done["replayed"].as_u64().unwrap();
    }
    assert_eq!(replayed, left);
    assert_eq!((world.database.number(LETTERS).await, world.database.number(QUEUED).await), (0, 9_000));
    let raw = "SELECT count(DISTINCT id) FROM raw_records";
    assert_eq!(world.database.number(raw).await, 9_000);
    world.end().await;
}
