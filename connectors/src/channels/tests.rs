//! Each channel against a real server on loopback that accepts, refuses, or says both at once.

#[path = "../../../tests/support/sinks.rs"]
mod sinks;

use super::*;
use sinks::{HttpSink, SmtpSink};

fn notification() -> Notification {
    Notification {
        id: "0199a2b4-0000-7000-8000-00007bc36996".parse().unwrap(),
        kind: buffalo_model::NotificationKind::Failure,
        source: Some("shop".to_owned()),
        entity: Some("payments".to_owned()),
        run_id: None,
        day: None,
        subject: "[buffalo] FAILURE — shop:payments | run 7bc36996".to_owned(),
        text: "It failed: 1 < 2 & so on.\n".to_owned(),
        html: None,
        created_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    }
}

fn settings(values: &[(&str, &str)]) -> Settings {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Settings::new(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// The only channel of these settings, which must be without fault.
fn channel(values: &[(&str, &str)]) -> Arc<dyn Channel> {
    let mut settings = settings(values);
    let mut channels = configure(&mut settings);
    assert_eq!((settings.problems(), channels.len()), (&[][..], 1));
    channels.remove(0)
}

async fn send(channel: &Arc<dyn Channel>) -> Result<(), String> {
    let now = DateTime::from_timestamp(1_800_000_060, 0).unwrap();
    channel.send(&notification(), now).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn resend_is_believed_only_with_an_id() {
    let answers = [
        (200, r#"{"id":"e1"}"#),
        (200, r#"{"error":"key re_secret is bad"}"#),
        (500, ""),
        (409, "{}"),
        (409, r#"{"name":"invalid_idempotent_request"}"#),
    ];
    let sink = HttpSink::answering(&answers).await;
    let channel = channel(&[
        ("RESEND_API_KEY", "re_secret"),
        ("RESEND_API_BASE", &sink.base),
        ("NOTIFY_FROM", "Buffalo <buffalo@example.com>"),
        ("NOTIFY_TO", "one@example.com, two@example.com"),
    ]);
    assert_eq!(send(&channel).await, Ok(()));
    assert_eq!(send(&channel).await.unwrap_err(), r#"Resend answered 200: {"error":"key [secret] is bad"}"#);
    assert_eq!(send(&channel).await.unwrap_err(), "Resend answered 500: an empty body");
    assert!(send(&channel).await.is_err());
    assert_eq!(send(&channel).await, Ok(()), "it was accepted before");
    let requests = sink.requests();
    assert_eq!(requests[0].path, "/emails");
    assert_eq!(requests[0].headers["authorization"], "Bearer re_secret");
    let body: serde_json::Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(body["to"], serde_json::json!(["one@example.com", "two@example.com"]));
    assert_eq!(body["from"], "Buffalo <buffalo@example.com>");
    let keys: Vec<_> = requests.iter().map(|request| request.headers["idempotency-key"].clone()).collect();
    assert!(keys.iter().all(|key| key == "buffalo/0199a2b4-0000-7000-8000-00007bc36996"), "{keys:?}");
    assert!(!format!("{channel:?}").contains("re_secret"));
}

#[tokio::test]
async fn slack_is_believed_only_when_it_says_ok() {
    let sink = HttpSink::answering(&[(200, "ok"), (200, "invalid_payload"), (404, "no_service")]).await;
    let url = format!("{}/services/T0/B0/secretpath", sink.base);
    let channel = channel(&[("SLACK_WEBHOOK_URL", &url)]);
    assert_eq!(send(&channel).await, Ok(()));
    assert_eq!(send(&channel).await.unwrap_err(), "Slack answered 200: invalid_payload");
    assert_eq!(send(&channel).await.unwrap_err(), "Slack answered 404: no_service");
    let body: serde_json::Value = serde_json::from_str(&sink.requests()[0].body).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("shop:payments") && text.contains("1 &lt; 2 &amp; so on."), "{text}");
    drop(sink);
    let error = send(&channel).await.unwrap_err();
    assert!(!error.contains("secretpath") && !format!("{channel:?}").contains("secretpath"), "{error}");
}

#[tokio::test]
async fn a_webhook_is_signed_and_keeps_its_id() {
    let sink = HttpSink::answering(&[(503, ""), (200, r#"{"ok":false}"#), (204, "")]).await;
    let url = format!("{}/hook?topic=a", sink.base);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let channel = channel(&[("NOTIFY_WEBHOOK_URL", &url), ("NOTIFY_WEBHOOK_SECRET", secret)]);
    assert!(send(&channel).await.is_err());
    assert!(send(&channel).await.is_err(), "an error in the body of a 200");
    assert_eq!(send(&channel).await, Ok(()));
    let requests = sink.requests();
    for request in &requests {
        assert_eq!(request.path, "/hook?topic=a");
        assert_eq!(request.headers["webhook-id"], notification().id.to_string());
        assert_eq!(request.headers["webhook-timestamp"], "1800000060");
        assert_eq!(request.headers["webhook-signature"], requests[0].headers["webhook-signature"]);
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!((&body["type"], &body["data"]["entity"]), (&"buffalo.failure".into(), &"payments".into()));
    }
}

#[tokio::test]
async fn mail_by_smtp_is_a_message_with_an_id_of_its_own() {
    let sink = SmtpSink::refusing(2).await;
    let url = format!("smtp://{}", sink.address);
    let values = [
        ("SMTP_URL", url.as_str()),
        ("NOTIFY_FROM", "buffalo@example.com"),
        ("NOTIFY_TO", "one@example.com"),
    ];
    let channel = channel(&values);
    for _ in 0..2 {
        let error = send(&channel).await.unwrap_err();
        assert!(error.starts_with("the mail server: ") && error.contains("451"), "{error}");
    }
    assert_eq!(send(&channel).await, Ok(()));
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].contains("Message-ID: <0199a2b4-0000-7000-8000-00007bc36996@example.com>"),
        "{}",
        mails[0]
    );
    assert!(mails[0].contains("It failed: 1 < 2 & so on."), "{}", mails[0]);
}

#[test]
fn what_is_wrong_is_told_without_secrets() {
    let mut settings = settings(&[
        ("RESEND_API_KEY", "re_secret"),
        ("SMTP_URL", "smtp://user:hunter2@mail.example.com"),
        ("NOTIFY_TO", "nobody"),
        ("SLACK_WEBHOOK_URL", "hooks.slack.com/services/secretpath"),
        ("NOTIFY_WEBHOOK_URL", "https://example.com/hook"),
        ("NOTIFY_WEBHOOK_SECRET", "whsec_c2hvcnQ="),
    ]);
    assert!(configure(&mut settings).is_empty());
    let names: Vec<_> = settings.problems().iter().map(|problem| problem.name).collect();
    assert_eq!(names, ["NOTIFY_FROM", "NOTIFY_TO", "SMTP_URL", "SLACK_WEBHOOK_URL", "NOTIFY_WEBHOOK_SECRET"]);
    let told = format!("{:?}", settings.problems());
    for secret in ["re_secret", "hunter2", "secretpath", "c2hvcnQ"] {
        assert!(!told.contains(secret), "{told}");
    }
}
