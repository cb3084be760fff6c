//! What people type, and what is wrong with it.

use crate::harness::{World, terminate};
use crate::http::serve_by;

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_the_configuration_is_told_at_once() {
    let mut world = World::with_charges(0).await;
    world.unset("DATABASE_URL");
    world.set("STRIPE_API_KEY", "pk_wrong");
    world.set("STRIPE_INCREMENTAL", "sometimes");
    world.set("OUTBOX_BATCH_SIZE", "0");
    world.set("SUPPORTED_CURRENCIES", "USD,EURO");
    world.set("LOG_FORMAT", "xml");
    world.set("NOTIFY_ON", "failure,everything");
    world.set("REPORTING_TIMEZONE", "Mars/Olympus");
    world.set("NOTIFY_WEBHOOK_URL", "https://example.com/hook");
    world.set("NOTIFY_WEBHOOK_SECRET", "whsec_pk_wrong");
    let outcome = world.buffalo(&["fetch"]).await.expect(1);
    for name in [
        "DATABASE_URL",
        "STRIPE_API_KEY",
        "STRIPE_INCREMENTAL",
        "OUTBOX_BATCH_SIZE",
        "SUPPORTED_CURRENCIES",
        "LOG_FORMAT",
        "NOTIFY_ON",
        "REPORTING_TIMEZONE",
        "NOTIFY_WEBHOOK_SECRET",
    ] {
        let about = format!("buffalo: {name} ");
        assert_eq!(outcome.stderr.lines().filter(|line| line.starts_with(&about)).count(), 1, "{outcome:?}");
    }
    assert!(!outcome.stderr.contains("pk_wrong"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let mut world = World::with_charges(0).await;
    world.set("DATABASE_URL", "postgres://someone:hunter2@127.0.0.1:1/nothing");
    for command in [&["fetch"][..], &["process"], &["revenue", "summary"], &["runs"], &["migrate"]] {
        let outcome = world.buffalo(command).await.expect(1);
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        assert!(outcome.stderr.contains("the database at 127.0.0.1:1 can't be reached"), "{outcome:?}");
        assert!(!outcome.stderr.contains("hunter2"));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_is_told_from_a_broken_one() {
    let world = World::with_charges(0).await;
    world
        .database
        .run("DROP TABLE payments, sync_runs, sync_cursors, ingest_outbox, _sqlx_migrations CASCADE")
        .await;
    let outcome = world.buffalo(&["revenue", "summary"]).await.expect(1);
    assert!(outcome.stderr.contains("run `buffalo migrate`"), "{outcome:?}");
    let check = world.buffalo(&["check"]).await.expect(1);
    assert!(check.stdout.contains("run `buffalo migrate`"), "{check:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_told_from_failure() {
    let world = World::with_charges(0).await;
    let cases: [(&[&str], &str); 7] = [
        (&["fetch", "paypal"], "unknown source `paypal`; there are: stripe, hubspot, gcal"),
        (&["revenue", "daily", "--start-date", "2026-02-30"], "--start-date: `2026-02-30` is not a date"),
        (&["revenue", "daily", "--start-date", "2026-02-02", "--end-date", "2026-02-01"], "ends before that"),
        (&["revenue", "daily", "--timezone", "Mars/Olympus"], "--timezone: `Mars/Olympus`"),
        (&["revenue", "daily", "--currency", "dollars"], "--currency: `dollars`"),
        (&["runs", "--status", "happy"], "--status: unknown status `happy`"),
        (&["runs", "--limit", "0"], "--limit: must be a whole number"),
    ];
    for (arguments, words) in cases {
        let outcome = world.buffalo(arguments).await.expect(2);
        assert!(outcome.stderr.contains(words), "{arguments:?}: {outcome:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_what_works() {
    let mut world = World::with_charges(0).await;
    world.buffalo(&["check"]).await.expect(0);
    world.set("STRIPE_API_KEY", "sk_test_other");
    let outcome = world.buffalo(&["check"]).await.expect(1);
    assert!(outcome.stdout.contains("refused with 401"), "{outcome:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_page_by_page() {
    let world = World::with_charges(5).await;
    for _ in 0..3 {
        world.sync().await;
    }
    let first = world.buffalo(&["runs", "--limit", "4", "--format", "json"]).await.expect(0).json();
    assert_eq!(first["runs"].as_array().unwrap().len(), 4);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = world
        .buffalo(&["runs", "--limit", "4", "--cursor", cursor, "--format", "json"])
        .await
        .expect(0)
        .json();
    assert_eq!(rest["runs"].as_array().unwrap().len(), 2);
    assert!(rest["nextCursor"].is_null());
    let one = rest["runs"][1]["runId"].as_str().unwrap();
    let shown = world.buffalo(&["runs", one, "--format", "json"]).await.expect(0).json();
    assert_eq!(shown["mode"], "full");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_names_the_commit() {
    let world = World::with_charges(0).await;
    let said = world.buffalo(&["--version"]).await.expect(0).stdout;
    let git = std::process::Command::new("git").args(["rev-parse", "HEAD"]).output();
    // A source archive has no commit to name.
    let commit = match git {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        _ => String::new(),
    };
    let commit = std::env::var("BUFFALO_COMMIT").unwrap_or(commit);
    let expected = match commit.get(..12) {
        Some(commit) => format!("buffalo {} ({commit})\n", env!("CARGO_PKG_VERSION")),
        None => format!("buffalo {}\n", env!("CARGO_PKG_VERSION")),
    };
    assert_eq!(said, expected);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_a_server_that_lives_from_one_that_does_not() {
    let mut world = World::with_charges(0).await;
    let (mut server, _) = serve_by(&mut world, "run").await;
    world.buffalo(&["health"]).await.expect(0);
    world.set("HOST", "0.0.0.0");
    world.buffalo(&["health"]).await.expect(0);
    terminate(&server);
    server.wait().await.unwrap();
    let gone = world.buffalo(&["health"]).await.expect(1);
    assert!(gone.stderr.contains("does not answer"), "{gone:?}");
    // Something else that listens there.
    let port = world.sandbox.base_url().rsplit(':').next().unwrap().to_owned();
    world.set("PORT", port);
    let other = world.buffalo(&["health"]).await.expect(1);
    assert!(other.stderr.contains("is not well"), "{other:?}");
    world.end().await;
}
