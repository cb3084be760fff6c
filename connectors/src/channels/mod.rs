//! The channels through which people are told: mail by Resend or by SMTP, Slack, a signed webhook.

mod http;
mod resend;
mod slack;
mod smtp;
mod webhook;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use buffalo_model::Notification;
use chrono::{DateTime, Utc};

use crate::settings::Settings;

/// The settings any of which sets up a channel.
pub const ENABLING_SETTINGS: &str = "RESEND_API_KEY, SMTP_URL, SLACK_WEBHOOK_URL, NOTIFY_WEBHOOK_URL";

/// The longest that sending a message may take, connecting included.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A way to tell people something.
///
/// Sending may happen more than once, as nobody knows of a broken connection whether the message went through. Every
/// channel says which message it is by [`Notification::id`], in the form that its receivers understand.
#[async_trait]
pub trait Channel: Send + Sync + Debug {
    /// Its name in tables and logs.
    fn name(&self) -> &'static str;

    /// Sends a message; `now` is when it is sent.
    ///
    /// # Errors
    ///
    /// [`ChannelError`] when nobody has said that the message was accepted.
    async fn send(&self, notification: &Notification, now: DateTime<Utc>) -> Result<(), ChannelError>;
}

/// Why a message was not accepted, in one line that names the channel and holds no secret. Trying again may always help:
/// what is wrong with the settings is mended by somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ChannelError(String);

/// Makes the channels that are set up; what is wrong with their settings is noted in them.
pub fn configure(settings: &mut Settings) -> Vec<Arc<dyn Channel>> {
    let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
    if let Some(resend) = resend::Resend::from_settings(settings) {
        channels.push(Arc::new(resend));
    }
    if let Some(smtp) = smtp::Smtp::from_settings(settings) {
        channels.push(Arc::new(smtp));
    }
    if let Some(slack) = slack::Slack::from_settings(settings) {
        channels.push(Arc::new(slack));
    }
    if let Some(webhook) = webhook::Webhook::from_settings(settings) {
        channels.push(Arc::new(webhook));
    }
    channels
}
