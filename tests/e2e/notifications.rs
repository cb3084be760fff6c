//! People are told: of every event once, through every channel, whatever happens to the channel or to us.

use serde_json::{Value, json};

use crate::harness::{World, kill};
use crate::sinks::{HttpSink, SmtpSink};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const UNDELIVERED: &str = "SELECT count(*) FROM notification_deliveries WHERE delivered_at IS NULL";
const NOTIFIED: &str = "SELECT count(*) FROM notifications WHERE notified_at IS NOT NULL";

/// A world whose source refuses everything.
async fn refused() -> World {
    let world = World::with_charges(0).await;
    world.tell("faults", json!({"times": 1_000, "kind": {"status": 403}})).await;
    world
}

/// The source answers again.
async fn mend(world: &World) {
    let faults = format!("{}/_sandbox/faults", world.sandbox.base_url());
    reqwest::Client::new().delete(faults).send().await.unwrap().error_for_status().unwrap();
}

async fn make_due(world: &World) {
    world.database.run("UPDATE notification_deliveries SET available_at = now() - interval '1 s'").await;
}

fn slack_texts(sink: &HttpSink) -> Vec<String> {
    let text = |body: &str| serde_json::from_str::<Value>(body).unwrap()["text"].as_str().unwrap().to_owned();
    sink.requests().iter().map(|request| text(&request.body)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_that_fail_twice_get_the_failure_at_the_third_try_and_once() {
    let mut world = refused().await;
    let mail = SmtpSink::refusing(2).await;
    // 200 with an error in its body is a failure like any other.
    let resend = HttpSink::answering(&[
        (200, r#"{"error":"re_secret is bad"}"#),
        (500, "re_secret"),
        (200, r#"{"id":"e1"}"#),
    ])
    .await;
    let slack = HttpSink::answering(&[(200, "invalid_payload"), (503, "/services/T0"), (200, "ok")]).await;
    let hook = HttpSink::answering(&[(500, SECRET), (200, r#"{"ok":false}"#), (204, "")]).await;
    world.set("SMTP_URL", format!("smtp://{}", mail.address));
    world.set("NOTIFY_FROM", "buffalo@example.com");
    world.set("NOTIFY_TO", "one@example.com");
    world.set("RESEND_API_KEY", "re_secret");
    world.set("RESEND_API_BASE", &resend.base);
    world.set("SLACK_WEBHOOK_URL", format!("{}/services/T0", slack.base));
    world.set("NOTIFY_WEBHOOK_URL", format!("{}/hook", hook.base));
    world.set("NOTIFY_WEBHOOK_SECRET", SECRET);
    let failed = world.fetch().await.expect(1);
    assert_eq!(failed.run()["status"], "failed");
    assert_eq!(world.database.number(UNDELIVERED).await, 4);
    // Nothing is due yet, and nobody asks twice.
    world.buffalo(&["notify"]).await.expect(0);
    assert_eq!(slack.requests().len(), 1);
    for code in [1, 0] {
        let status = world.buffalo(&["status", "--format", "json"]).await.expect(3).json();
        assert_eq!(status["undeliveredNotifications"].as_array().unwrap().len(), 4);
        assert_eq!(world.database.number(NOTIFIED).await, 0);
        make_due(&world).await;
        let outcome = world.buffalo(&["notify"]).await.expect(code);
        let stored =
            world.database.text("SELECT string_agg(last_error, ' ') FROM notification_deliveries").await;
        for secret in ["re_secret", "MfKQ9r8", "/services/T0"] {
            assert!(!stored.contains(secret) && !outcome.stderr.contains(secret), "{stored} {outcome:?}");
        }
    }
    assert_eq!(world.database.number(UNDELIVERED).await, 0);
    assert_eq!(world.database.number(NOTIFIED).await, 1);
    make_due(&world).await;
    // The same failure again is not told again.
    world.fetch().await.expect(1);
    assert_eq!(mail.mails().len(), 1);
    for sink in [&resend, &slack, &hook] {
        assert_eq!(sink.requests().len(), 3);
    }
    let run_id = failed.run()["runId"].as_str().unwrap().replace('-', "");
    let subject = format!("[buffalo] FAILURE — stripe:payments | run {}", &run_id[run_id.len() - 8..]);
    let told: Value = serde_json::from_str(&hook.requests()[2].body).unwrap();
    assert_eq!(told["data"]["subject"], subject.as_str());
    let text = told["data"]["text"].as_str().unwrap();
    let more = format!("More: buffalo runs {}", failed.run()["runId"].as_str().unwrap());
    assert!(text.contains("was refused with 403") && text.contains(&more), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliverers_at_once_send_each_event_once_and_its_end_as_well() {
    let mut world = refused().await;
    // Nobody could be told at that time; whoever can, tells.
    world.fetch().await.expect(1);
    let slack = HttpSink::answering(&[(200, "ok")]).await;
    world.set("SLACK_WEBHOOK_URL", format!("{}/services/T0", slack.base));
    let (one, two, three) =
        tokio::join!(world.buffalo(&["notify"]), world.buffalo(&["notify"]), world.buffalo(&["process"]));
    for outcome in [one, two, three] {
        outcome.expect(0);
    }
    assert_eq!(slack_texts(&slack).len(), 1);
    mend(&world).await;
    world.fetch().await.expect(0);
    world.fetch().await.expect(0);
    let texts = slack_texts(&slack);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].contains("RECOVERY — stripe:payments") && texts[1].contains("works again"), "{texts:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_sending_and_saying_so_it_is_sent_again_under_the_same_id() {
    let mut world = refused().await;
    world.fetch().await.expect(1);
    let hook = HttpSink::answering(&[(0, ""), (204, "")]).await;
    world.set("NOTIFY_WEBHOOK_URL", format!("{}/hook", hook.base));
    world.set("NOTIFY_WEBHOOK_SECRET", SECRET);
    let mut notify = world.start(&["notify"]);
    world.until("the message has been sent", async || !hook.requests().is_empty()).await;
    kill(&mut notify).await;
    // While the lease lasts nobody sends it.
    world.buffalo(&["notify"]).await.expect(0);
    assert_eq!(hook.requests().len(), 1);
    make_due(&world).await;
    world.buffalo(&["notify"]).await.expect(0);
    let requests = hook.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].headers["webhook-id"], requests[1].headers["webhook-id"]);
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(world.database.number(NOTIFIED).await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_killed_fetches_are_told() {
    let mut world = World::with_charges(0).await;
    let slack = HttpSink::answering(&[(200, "ok")]).await;
    world.set("SLACK_WEBHOOK_URL", format!("{}/services/T0", slack.base));
    world.set("OUTBOX_MAX_ATTEMPTS", "1");
    world.charge(json!({"amount": 100, "currency": "usd", "raw_patch": {"currency": "dollars"}})).await;
    world.fetch().await.expect(0);
    world.process().await.expect(3);
    world.process().await.expect(0);
    let texts = slack_texts(&slack);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("FAILURE — process:all") && texts[0].contains("dead letters"), "{texts:?}");
    world.tell("faults", json!({"kind": {"latency_ms": 60_000}})).await;
    let mut fetch = world.start(&["fetch"]);
    let running = "SELECT count(*) FROM sync_runs WHERE status = 'running'";
    world.until("it is at work", async || world.database.number(running).await > 0).await;
    kill(&mut fetch).await;
    mend(&world).await;
    world.fetch().await.expect(0);
    let texts = slack_texts(&slack)[1..].join("\n");
    assert!(texts.contains("its process is gone") && texts.contains("RECOVERY"), "{texts}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_can_be_tried() {
    let mut world = World::with_charges(0).await;
    let none = world.buffalo(&["notify", "--test"]).await.expect(1);
    assert!(none.stderr.contains("no channel is configured") && none.stderr.contains("SMTP_URL"), "{none:?}");
    let slack = HttpSink::answering(&[(404, "no_service"), (200, "ok")]).await;
    let mail = SmtpSink::refusing(0).await;
    world.set("SLACK_WEBHOOK_URL", &slack.base);
    world.set("SMTP_URL", format!("smtp://{}", mail.address));
    world.set("NOTIFY_FROM", "buffalo@example.com");
    world.set("NOTIFY_TO", "one@example.com");
    let outcome = world.buffalo(&["notify", "--test"]).await.expect(1);
    assert!(outcome.stdout.contains("Slack answered 404: no_service"), "{outcome:?}");
    let outcome = world.buffalo(&["notify", "--test", "--format", "json"]).await.expect(0).json();
    assert_eq!(outcome["channels"].as_array().unwrap().len(), 2);
    assert_eq!(mail.mails().len(), 2);
    world.end().await;
}
