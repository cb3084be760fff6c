//! Service accounts, refresh tokens, and settings that can't be used.

use super::*;
use crate::sandbox::SERVICE_ACCOUNT_KEY;

/// As environments deliver it.
fn quoted_key() -> String {
    format!("\"{}\"", SERVICE_ACCOUNT_KEY.replace('\n', "\\n"))
}

async fn with_service_account() -> World {
    let key = quoted_key();
    let account =
        [("GOOGLE_CLIENT_EMAIL", "buffalo@sandbox.iam.gserviceaccount.com"), ("GOOGLE_PRIVATE_KEY", &key)];
    World::with_settings(100, &account).await
}

#[tokio::test]
async fn a_service_account_asks_for_one_token() {
    let mut world = with_service_account().await;
    world.run(None).await;
    world.run(None).await;
    world.assert_complete().await;
    assert_eq!(world.tokens_issued().await, 1);
}

#[tokio::test]
async fn callers_at_the_same_time_share_a_token() {
    let world = with_service_account().await;
    world.fault("/token", 1, 1, json!({"latency_ms": 100})).await;
    let checks = futures_util::future::join_all((0..8).map(|_| world.connector.check())).await;
    assert!(checks.iter().all(Result::is_ok), "{checks:?}");
    assert_eq!(world.tokens_issued().await, 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let mut world = with_service_account().await;
    world.run(None).await;
    world.tell("gcal/expire", json!({"access": true})).await;
    let ran = world.run(None).await;
    assert!(ran.error.is_none(), "{ran:?}");
    assert_eq!((ran.requests, world.tokens_issued().await), (3, 2));
    world.fault(PRIMARY, 1, 9, json!({"status": 401})).await;
    let ran = world.run(None).await;
    assert!(matches!(ran.error, Some(SourceError::Unauthorised { status: 401, .. })), "{ran:?}");
    assert_eq!((ran.requests, world.tokens_issued().await), (2, 3), "not again and again");
}

#[tokio::test]
async fn a_refresh_token_does_as_well() {
    let client = [("GOOGLE_CLIENT_ID", "client"), ("GOOGLE_CLIENT_SECRET", "secret-of-the-client")];
    let with = |token| [client[0], client[1], ("GOOGLE_REFRESH_TOKEN", token)];
    let mut world = World::with_settings(100, &with("1//sandbox-refresh-token")).await;
    world.run(None).await;
    world.assert_complete().await;
    world.connector = connector(&world.sandbox.base_url(), &with("1//withdrawn"));
    let error = world.run(None).await.error.unwrap().to_string();
    assert!(error.contains("expired or revoked"), "{error}");
    assert!(!error.contains("withdrawn") && !error.contains("secret-of"), "{error}");
}

#[tokio::test]
async fn a_token_endpoint_that_is_away_is_asked_again() {
    let mut world = with_service_account().await;
    world.fault("/token", 1, 1, json!({"status": 503})).await;
    assert!(world.run(None).await.error.is_none());
    world.assert_complete().await;
}

#[test]
fn nothing_secret_is_shown() {
    let key = quoted_key();
    let account =
        [("GOOGLE_CLIENT_EMAIL", "a@b.iam.gserviceaccount.com"), ("GOOGLE_PRIVATE_KEY", key.as_str())];
    let given = [("GOOGLE_ACCESS_TOKEN", "ya29.given")];
    let client =
        [("GOOGLE_CLIENT_ID", "c"), ("GOOGLE_CLIENT_SECRET", "hush"), ("GOOGLE_REFRESH_TOKEN", "1//hush")];
    drop(rustls::crypto::ring::default_provider().install_default());
    for credentials in [&account[..], &given, &client] {
        let values = credentials.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::new(values);
        let (config, http) = CalendarConfig::from_settings(&mut settings).unwrap();
        let shown = format!("{settings:?} {config:?} {http:?} {:?}", configure(&mut settings));
        for secret in ["hush", "ya29.given", "MIIE"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn what_is_wrong_with_the_settings_is_told() {
    let problems = |values: &[(&str, &str)]| {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = Settings::new(values);
        assert!(configure(&mut settings).is_none());
        settings.problems().iter().map(|problem| problem.name).collect::<Vec<_>>()
    };
    assert_eq!(problems(&[]), [""; 0], "not enabled");
    assert_eq!(problems(&[("GCAL_ENABLED", "true")]), ["GOOGLE_CLIENT_EMAIL", "GOOGLE_PRIVATE_KEY"]);
    let broken =
        [("GOOGLE_CLIENT_EMAIL", "a@b"), ("GOOGLE_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\\nAAAA")];
    assert_eq!(problems(&broken), ["GOOGLE_PRIVATE_KEY"]);
    assert_eq!(problems(&[("GOOGLE_REFRESH_TOKEN", "r")]), ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"]);
    assert_eq!(problems(&[("GCAL_ENABLED", "false"), ("GOOGLE_ACCESS_TOKEN", "t")]), [""; 0]);
}
