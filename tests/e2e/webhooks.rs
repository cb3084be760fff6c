//! Webhooks: what vendors post, over real HTTP.

mod google;
mod hints;
mod refusals;
mod stripe;

use std::time::SystemTime;

use ring::hmac;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::harness::World;

pub const SECRET: &str = "whsec_test_secret";

/// Posts a body; the status and what was answered.
pub async fn post(url: &str, headers: &[(&str, String)], body: impl Into<reqwest::Body>) -> (u16, Value) {
    let mut request = reqwest::Client::new().post(url).header("content-type", "application/json").body(body);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn unix_ms() -> i64 {
    i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

pub fn hmac_of(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, &parts.concat()).as_ref().to_vec()
}

/// What Stripe puts into its header, signed so many seconds from now.
pub fn stripe_header(secret: &str, offset_s: i64, body: &str) -> String {
    let at = (unix_ms() / 1_000 + offset_s).to_string();
    let tag = hmac_of(secret, &[at.as_bytes(), b".", body.as_bytes()]);
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

/// Posts an event as Stripe does.
pub async fn post_event(base: &str, body: &str) -> (u16, Value) {
    let header = [("stripe-signature", stripe_header(SECRET, 0, body))];
    post(&format!("{base}/webhooks/stripe"), &header, body.to_owned()).await
}

/// The account's events as Stripe writes them, oldest first; of one second in any order.
pub async fn events(world: &World) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Page {
        data: Vec<Box<RawValue>>,
    }
    let url = format!("{}/v1/events?limit=100", world.sandbox.base_url());
    let response = reqwest::Client::new().get(url).bearer_auth("sk_test_sandbox").send().await.unwrap();
    let page: Page = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    page.data.into_iter().rev().map(|event| event.get().to_owned()).collect()
}
