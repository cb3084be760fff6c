//! Google's token endpoint, and what its tokens open.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::gcal::{ask, tell};
use super::*;
use crate::sandbox::clock::system_unix_s;

const EVENTS: &str = "/calendar/v3/calendars/primary/events";
const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

async fn start_one() -> Sandbox {
    start(SandboxOptions { events: 10, ..options() }).await
}

async fn token(sandbox: &Sandbox, form: &str) -> Answer {
    let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
    request(sandbox, "POST", "/token", headers, form).await
}

/// An assertion signed with the key that the sandbox gives out.
async fn assertion(sandbox: &Sandbox, header: Value, claims: Value) -> String {
    let account = get(sandbox, "/_sandbox/gcal/service-account").await.json();
    let pem = account["private_key"].as_str().expect("a key");
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key");
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("signed");
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn claims() -> Value {
    let now = system_unix_s();
    json!({"iss": "a@sandbox.iam.gserviceaccount.com", "aud": "https://oauth2.googleapis.com/token",
           "scope": "https://www.googleapis.com/auth/calendar.readonly", "iat": now, "exp": now + 3_600})
}

#[tokio::test]
async fn an_assertion_is_worth_a_token_until_it_expires() {
    let sandbox = start_one().await;
    let assertion = assertion(&sandbox, json!({"alg": "RS256"}), claims()).await;
    let form = format!("grant_type={JWT_BEARER}&assertion={assertion}");
    let issued = token(&sandbox, &form).await.json();
    assert_eq!((issued["token_type"].as_str(), issued["expires_in"].as_i64()), (Some("Bearer"), Some(3_600)));
    let bearer = issued["access_token"].as_str().expect("a token");
    assert_eq!(ask(&sandbox, EVENTS, bearer).await.status, 200);
    control(&sandbox, "clock", r#"{"offset_s":3601}"#).await;
    let expired = ask(&sandbox, EVENTS, bearer).await;
    assert_eq!(
        (expired.status, expired.json()["error"]["errors"][0]["reason"].clone()),
        (401, json!("authError"))
    );
    control(&sandbox, "clock", r#"{"offset_s":0}"#).await;
    tell(&sandbox, "expire", json!({"access": true})).await;
    assert_eq!(ask(&sandbox, EVENTS, bearer).await.status, 401);
    assert_eq!(get(&sandbox, "/_sandbox/gcal/tokens").await.json()["issued"], 1);
}

#[tokio::test]
async fn an_assertion_that_google_would_not_accept_is_worth_nothing() {
    let sandbox = start_one().await;
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    let now = system_unix_s();
    for (algorithm, claims, words) in [
        ("none", claims(), "RS256"),
        ("RS256", with("exp", json!(now + 3_700)), "short-lived"),
        ("RS256", with("iat", json!(now + 4_000)), "reasonable timeframe"),
        ("RS256", with("aud", json!("https://example.com")), "audience"),
        ("RS256", with("scope", json!("drive")), "scope"),
        ("RS256", with("iss", json!("")), "issuer"),
    ] {
        let assertion = assertion(&sandbox, json!({"alg": algorithm}), claims).await;
        let refused = token(&sandbox, &format!("grant_type={JWT_BEARER}&assertion={assertion}")).await;
        assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("invalid_grant")));
        assert!(refused.text().contains(words), "{}", refused.text());
    }
    let good = assertion(&sandbox, json!({"alg": "RS256"}), claims()).await;
    let (signed, _) = good.rsplit_once('.').expect("a signature");
    let forged = format!("grant_type={JWT_BEARER}&assertion={signed}.AAAA");
    assert!(token(&sandbox, &forged).await.text().contains("Signature"));
    assert_eq!(get(&sandbox, "/_sandbox/gcal/tokens").await.json()["issued"], 0);
}

#[tokio::test]
async fn a_refresh_token_is_worth_a_token() {
    let sandbox = start_one().await;
    let issued = token(&sandbox, "grant_type=refresh_token&refresh_token=1%2F%2Fsandbox-refresh-token").await;
    let bearer = issued.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(ask(&sandbox, EVENTS, &bearer).await.status, 200);
    assert_eq!(token(&sandbox, "grant_type=refresh_token&refresh_token=other").await.status, 400);
    assert_eq!(token(&sandbox, "grant_type=password").await.status, 400);
    assert_eq!(ask(&sandbox, EVENTS, "ya29.other").await.status, 401);
}
