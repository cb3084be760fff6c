//! Slack, by an incoming webhook. <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>

use async_trait::async_trait;
use buffalo_model::Notification;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::http::{Receiver, receiver, secret_parts, secret_url};
use super::{Channel, ChannelError};
use crate::settings::Settings;

/// A Slack channel. The address alone is what allows to write to it.
pub(super) struct Slack {
    receiver: Receiver,
}

impl std::fmt::Debug for Slack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slack").finish_non_exhaustive()
    }
}

impl Slack {
    pub(super) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let url = secret_url(settings, "SLACK_WEBHOOK_URL")?;
        let secrets = secret_parts(&url);
        Some(Self { receiver: receiver(settings, "SLACK_WEBHOOK_URL", url, secrets)? })
    }
}

#[async_trait]
impl Channel for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }

    async fn send(&self, notification: &Notification, _: DateTime<Utc>) -> Result<(), ChannelError> {
        // The body is given as code, so that columns stay columns and nothing in it is taken for markup.
        let text = notification.text.trim_end().replace("```", "'''");
        let text = format!("*{}*\n```{}```", escaped(&notification.subject), escaped(&text));
        let answer = self.receiver.post(&[], json!({ "text": text }).to_string()).await?;
        if answer.status == 200 && answer.body.trim() == "ok" {
            return Ok(());
        }
        Err(self.receiver.refusal("Slack", &answer))
    }
}

/// The three characters that Slack's markup gives a meaning.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
