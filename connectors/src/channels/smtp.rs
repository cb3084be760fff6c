//! Mail by SMTP, and the addresses that every kind of mail needs.

use std::str::FromStr;
use std::time::SystemTime;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use buffalo_model::Notification;
use chrono::{DateTime, Utc};
use lettre::message::header::{HeaderName, HeaderValue, To};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::http::tidy;
use super::{Channel, ChannelError, TIMEOUT};
use crate::settings::Settings;

/// From whom and to whom mail goes (`NOTIFY_FROM`, `NOTIFY_TO`).
pub(super) struct Addresses {
    pub(super) from: Mailbox,
    pub(super) to: Mailboxes,
}

/// Reads the addresses, which mail by `because` needs.
pub(super) fn addresses(settings: &mut Settings, because: &str) -> Option<Addresses> {
    let from = address(settings, "NOTIFY_FROM", because, "buffalo@example.com");
    let to = address(settings, "NOTIFY_TO", because, "one@example.com, another@example.com");
    Some(Addresses { from: from?, to: to? })
}

fn address<T: FromStr>(
    settings: &mut Settings,
    name: &'static str,
    because: &str,
    example: &str,
) -> Option<T> {
    let read = settings.text(name).and_then(|text| text.parse().ok());
    // Both kinds of mail need the addresses; what is wrong with them is said once.
    if read.is_none() && !settings.problems().iter().any(|problem| problem.name == name) {
        let what = if settings.has(name) { "is no mail address" } else { "is not set" };
        settings.complain(name, format!("{what}: {because} needs one, such as {example}"));
    }
    read
}

/// Mail by an SMTP server.
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// What must not be repeated from answers.
    secrets: Vec<SecretString>,
    addresses: Addresses,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").finish_non_exhaustive()
    }
}

impl Smtp {
    pub(super) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let text = settings.text("SMTP_URL")?;
        let addresses = addresses(settings, "SMTP_URL");
        let parsed = Url::parse(&text).ok();
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&text).ok();
        let (Some(url), Some(transport)) = (parsed, transport) else {
            settings.complain(
                "SMTP_URL",
                "must be such as smtps://user:password@host or smtp://user:password@host:587?tls=required",
            );
            return None;
        };
        if sends_password_in_the_clear(&url) {
            settings.complain(
                "SMTP_URL",
                "would send the password in the clear: use smtps://, or add ?tls=required",
            );
        }
        let transport = transport.timeout(Some(TIMEOUT)).build();
        Some(Self { transport, secrets: secrets(&url), addresses: addresses? })
    }

    fn message(&self, notification: &Notification) -> Result<Message, lettre::error::Error> {
        let Addresses { from, to } = &self.addresses;
        let builder = Message::builder()
            .from(from.clone())
            .mailbox(To::from(to.clone()))
            .subject(notification.subject.clone())
            .date(SystemTime::from(notification.created_at))
            // The same however often it is sent; mail systems drop what they have already.
            .message_id(Some(format!("<{}@{}>", notification.id, from.email.domain())))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        let text = notification.text.clone();
        match &notification.html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, html.clone())),
            None => builder.singlepart(SinglePart::plain(text)),
        }
    }

    fn without_secrets(&self, words: &str) -> String {
        let mut words = words.to_owned();
        for secret in &self.secrets {
            words = words.replace(secret.expose_secret(), "[secret]");
        }
        tidy(&words)
    }
}

#[async_trait]
impl Channel for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    async fn send(&self, notification: &Notification, _: DateTime<Utc>) -> Result<(), ChannelError> {
        let message = self
            .message(notification)
            .map_err(|error| ChannelError(format!("the mail can't be written: {error}")))?;
        match tokio::time::timeout(TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                Err(ChannelError(format!("the mail server: {}", self.without_secrets(&error.to_string()))))
            }
            Err(_) => Err(ChannelError(format!("the mail server took longer than {} s", TIMEOUT.as_secs()))),
        }
    }
}

/// Encryption that gives way to whoever is between us and the server is none.
fn sends_password_in_the_clear(url: &Url) -> bool {
    let encrypted = url.scheme() == "smtps"
        || url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.password().is_some() && !encrypted && !local
}

/// The password as it is written in the URL, as it is meant, and as it is sent.
fn secrets(url: &Url) -> Vec<SecretString> {
    let Some(password) = url.password() else { return Vec::new() };
    let (user, meant) = (decoded(url.username()), decoded(password));
    let sent = BASE64_STANDARD.encode(format!("\0{user}\0{meant}"));
    let sent_alone = BASE64_STANDARD.encode(&meant);
    [sent, sent_alone, password.to_owned(), meant]
        .into_iter()
        .filter(|secret| !secret.is_empty())
        .map(SecretString::from)
        .collect()
}

/// Undoes the percent-encoding of a part of a URL.
fn decoded(part: &str) -> String {
    // Of a query the same is undone, but for `+`, which means a space there.
    let query = format!("http://localhost/?part={}", part.replace('+', "%2B"));
    let decoded = Url::parse(&query).ok().and_then(|url| {
        let (_, value) = url.query_pairs().next()?;
        Some(value.into_owned())
    });
    decoded.unwrap_or_else(|| part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_repeated_in_any_form() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let values = [
            ("SMTP_URL", "smtps://user:p%40s+s@mail.example.com"),
            ("NOTIFY_FROM", "buffalo@example.com"),
            ("NOTIFY_TO", "one@example.com"),
        ];
        let mut settings = Settings::new(values.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let smtp = Smtp::from_settings(&mut settings).unwrap();
        assert_eq!(settings.problems(), []);
        let sent = BASE64_STANDARD.encode("\0user\0p@s+s");
        let told = smtp.without_secrets(&format!("535 no: {sent} p@s+s p%40s+s"));
        assert_eq!(told, "535 no: [secret] [secret] [secret]");
    }
}
