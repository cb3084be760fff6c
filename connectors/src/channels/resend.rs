//! Mail by Resend. <https://resend.com/docs/api-reference/emails/send-email>

use async_trait::async_trait;
use buffalo_model::Notification;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::http::{Receiver, receiver};
use super::smtp::{self, Addresses};
use super::{Channel, ChannelError};
use crate::settings::Settings;

/// Mail by Resend's API.
pub(super) struct Resend {
    receiver: Receiver,
    key: SecretString,
    addresses: Addresses,
}

impl std::fmt::Debug for Resend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resend").finish_non_exhaustive()
    }
}

impl Resend {
    pub(super) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let key = settings.secret("RESEND_API_KEY")?;
        let addresses = smtp::addresses(settings, "RESEND_API_KEY");
        let base = settings.base_url("RESEND_API_BASE", "https://api.resend.com");
        let url = SecretString::from(format!("{base}/emails"));
        let receiver = receiver(settings, "RESEND_API_BASE", url, vec![key.clone()])?;
        Some(Self { receiver, key, addresses: addresses? })
    }
}

#[async_trait]
impl Channel for Resend {
    fn name(&self) -> &'static str {
        "resend"
    }

    async fn send(&self, notification: &Notification, _: DateTime<Utc>) -> Result<(), ChannelError> {
        let to: Vec<_> = self.addresses.to.iter().map(ToString::to_string).collect();
        let mut body = json!({
            "from": self.addresses.from.to_string(), "to": to,
            "subject": notification.subject, "text": notification.text,
        });
        if let Some(html) = &notification.html {
            body["html"] = json!(html);
        }
        let headers = [
            ("authorization", format!("Bearer {}", self.key.expose_secret())),
            // Within a day Resend answers a repeated request as it did the first time, and sends nothing.
            ("idempotency-key", format!("buffalo/{}", notification.id)),
        ];
        let answer = self.receiver.post(&headers, body.to_string()).await?;
        let document: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let accepted = (200..300).contains(&answer.status) && document["id"].is_string();
        // The key was used with other content: this message went through before a setting was changed.
        let sent_before = answer.status == 409 && document["name"] == "invalid_idempotent_request";
        if accepted || sent_before { Ok(()) } else { Err(self.receiver.refusal("Resend", &answer)) }
    }
}
