//! Any receiver that understands Standard Webhooks.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use buffalo_model::Notification;
use chrono::{DateTime, SecondsFormat, Utc};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::http::{Receiver, receiver, secret_parts, secret_url};
use super::{Channel, ChannelError};
use crate::settings::Settings;

/// How many bytes the specification asks of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A receiver and the key that it knows us by.
pub(super) struct Webhook {
    receiver: Receiver,
    key: hmac::Key,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

impl Webhook {
    pub(super) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let url = secret_url(settings, "NOTIFY_WEBHOOK_URL")?;
        let secret = settings
            .required_secret("NOTIFY_WEBHOOK_SECRET", "what the receiver tells our messages by, whsec_…")?;
        let Some(key) = signing_key(&secret) else {
            settings.complain(
                "NOTIFY_WEBHOOK_SECRET",
                "must be whsec_ and 24 to 64 bytes in base64, such as `echo whsec_$(openssl rand -base64 32)` makes",
            );
            return None;
        };
        let mut secrets = secret_parts(&url);
        secrets.push(secret);
        Some(Self { receiver: receiver(settings, "NOTIFY_WEBHOOK_URL", url, secrets)?, key })
    }
}

#[async_trait]
impl Channel for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn send(&self, notification: &Notification, now: DateTime<Utc>) -> Result<(), ChannelError> {
        let body = document(notification).to_string();
        let (id, timestamp) = (notification.id.to_string(), now.timestamp());
        let headers = [
            ("webhook-signature", signature(&self.key, &id, timestamp, &body)),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
        ];
        let answer = self.receiver.post(&headers, body).await?;
        if (200..300).contains(&answer.status) && !says_error(&answer.body) {
            return Ok(());
        }
        Err(self.receiver.refusal("the receiver", &answer))
    }
}

fn document(notification: &Notification) -> Value {
    json!({
        "type": format!("buffalo.{}", notification.kind),
        "timestamp": notification.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "data": {
            "id": notification.id, "kind": notification.kind.as_str(), "subject": notification.subject,
            "text": notification.text, "source": notification.source, "entity": notification.entity,
            "runId": notification.run_id, "day": notification.day,
        },
    })
}

fn signing_key(secret: &SecretString) -> Option<hmac::Key> {
    let bytes = BASE64_STANDARD.decode(secret.expose_secret().strip_prefix("whsec_")?).ok()?;
    SECRET_BYTES.contains(&bytes.len()).then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn signature(key: &hmac::Key, id: &str, timestamp: i64, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(tag.as_ref()))
}

/// Whether an answer that calls itself a success says in its body that it is none. An answer need not have a body.
fn says_error(body: &str) -> bool {
    let Ok(Value::Object(answer)) = serde_json::from_str(body) else { return false };
    let told = |name: &str| {
        answer.get(name).is_some_and(|value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(errors) => !errors.is_empty(),
            Value::String(error) => !error.is_empty(),
            _ => true,
        })
    };
    let denied = |name: &str| answer.get(name) == Some(&Value::Bool(false));
    told("error") || told("errors") || denied("ok") || denied("success")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_reference_implementations() {
        let key = signing_key(&SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signed =
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn an_error_in_the_body_is_an_error() {
        for body in
            [r#"{"error":"no such topic"}"#, r#"{"ok":false}"#, r#"{"success":false}"#, r#"{"errors":[1]}"#]
        {
            assert!(says_error(body), "{body}");
        }
        for body in ["", "ok", "[]", r#"{"ok":true,"error":null}"#, r#"{"errors":[]}"#] {
            assert!(!says_error(body), "{body}");
        }
    }
}
