//! The daily summary: its figures are those of revenue, and it is sent once for each day.

use serde_json::Value;

use crate::harness::{Outcome, World};
use crate::http::checked_whenever;
use crate::sinks::HttpSink;

async fn summary(world: &World, arguments: &[&str]) -> Outcome {
    world.buffalo(&[&["summary"], arguments].concat()).await.expect(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn its_figures_are_those_of_revenue() {
    let mut world = World::with_charges(400).await;
    world.sync().await;
    world.set("REPORTING_TIMEZONE", "America/New_York");
    let day = "2026-10-20";
    let revenue = |day: &'static str| {
        let world = &world;
        async move {
            let arguments = [
                "revenue",
                "summary",
                "--start-date",
                day,
                "--end-date",
                day,
                "--timezone",
                "America/New_York",
                "--format",
                "json",
            ];
            world.buffalo(&arguments).await.expect(0).json()
        }
    };
    let document = summary(&world, &["--date", day, "--format", "json"]).await.json();
    assert_eq!(checked_whenever(document["revenue"].clone()), checked_whenever(revenue(day).await));
    assert_eq!(document["dayBefore"]["netRevenueCents"], revenue("2026-10-19").await["netRevenueCents"]);
    assert_eq!(document["weekBefore"]["netRevenueCents"], revenue("2026-10-13").await["netRevenueCents"]);
    let text = summary(&world, &["--date", day]).await.stdout;
    assert!(text.starts_with("Tuesday, 20 October 2026 (America/New_York)"), "{text}");
    assert!(summary(&world, &["--date", day, "--format", "html"]).await.stdout.contains("<table"));
    world.buffalo(&["summary", "--date", "2026-02-30"]).await.expect(2);
    let days = "SELECT count(*) FROM notifications";
    assert_eq!(world.database.number(days).await, 0, "who asks for a day, or has no channel, only reads");
    summary(&world, &[]).await;
    assert_eq!(world.database.number(days).await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_days_are_caught_up_and_none_is_sent_twice() {
    let mut world = World::with_charges(10).await;
    world.sync().await;
    let slack = HttpSink::answering(&[(200, "ok")]).await;
    world.set("SLACK_WEBHOOK_URL", &slack.base);
    let (one, other) = tokio::join!(summary(&world, &[]), summary(&world, &[]));
    assert_eq!(one.stdout, other.stdout);
    assert_eq!(slack.requests().len(), 1);
    let text: Value = serde_json::from_str(&slack.requests()[0].body).unwrap();
    assert!(text["text"].as_str().unwrap().contains("[buffalo] DAILY — "), "{text}");
    // As if the last one had been sent three days earlier.
    let earlier = "UPDATE notifications SET day = day - 3, event_key = 'daily/' || (day - 3)";
    world.database.run(earlier).await;
    let missed = summary(&world, &[]).await;
    assert_eq!(missed.stderr.matches("was missed and is sent now").count(), 2, "{missed:?}");
    summary(&world, &[]).await;
    assert_eq!(slack.requests().len(), 4);
    // Who was away for a month is not flooded.
    world.database.run("DELETE FROM notifications WHERE day > (SELECT min(day) FROM notifications)").await;
    world.database.run("UPDATE notifications SET day = day - 30, event_key = 'daily/' || (day - 30)").await;
    summary(&world, &[]).await;
    assert_eq!(slack.requests().len(), 4 + 7);
    let days = "SELECT count(DISTINCT day) FROM notifications WHERE notified_at IS NOT NULL";
    assert_eq!(world.database.number(days).await, 8);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_asked_for_is_sent_only_on_request_and_only_once() {
    let mut world = World::with_charges(10).await;
    world.sync().await;
    let day = ["--date", "2026-10-20", "--send"];
    let nobody = world.buffalo(&[&["summary"], &day[..]].concat()).await.expect(1);
    assert!(nobody.stderr.contains("no channel is configured"), "{nobody:?}");
    let slack = HttpSink::answering(&[(200, "ok")]).await;
    world.set("SLACK_WEBHOOK_URL", &slack.base);
    summary(&world, &day[..2]).await;
    assert_eq!(slack.requests().len(), 0);
    summary(&world, &day).await;
    let again = summary(&world, &day).await;
    assert!(again.stderr.contains("was sent before"), "{again:?}");
    assert_eq!(slack.requests().len(), 1);
    world.buffalo(&["summary", "--date", "2999-01-01", "--send"]).await.expect(2);
    world.end().await;
}
