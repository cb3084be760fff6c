//! Sending a message over HTTP: one POST, whose answer is read only so far as it takes to tell what became of it.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{ChannelError, TIMEOUT};
use crate::settings::Settings;

/// More of an answer than this is not read.
const MOST_BYTES: usize = 64 * 1024;
/// More of it than this is not repeated.
const LONGEST_WORDS: usize = 200;

/// One receiver. Its address may be a secret, as Slack's is, so errors do not name it.
pub(super) struct Receiver {
    client: reqwest::Client,
    url: SecretString,
    /// What must not be repeated from answers, beside the address.
    secrets: Vec<SecretString>,
}

/// What the receiver said.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Receiver {
    /// Prepares to send to an address.
    pub(super) fn new(url: SecretString, secrets: Vec<SecretString>) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("buffalo/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            // An answer from elsewhere would carry key and message there.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.without_url().to_string())?;
        Ok(Self { client, url, secrets })
    }

    /// Posts JSON.
    pub(super) async fn post(
        &self,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Answer, ChannelError> {
        let mut map = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| ChannelError(format!("{name} can't be sent: it holds a control character")))?;
            value.set_sensitive(true);
            map.insert(HeaderName::from_static(name), value);
        }
        let sent = self.client.post(self.url.expose_secret()).headers(map).body(body).send().await;
        let mut response = sent.map_err(|error| lost(&error))?;
        let mut bytes = Vec::new();
        while bytes.len() < MOST_BYTES {
            match response.chunk().await.map_err(|error| lost(&error))? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => break,
            }
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { status: response.status().as_u16(), body })
    }

    /// The error that an answer is, with as much of its words as is good.
    pub(super) fn refusal(&self, who: &str, answer: &Answer) -> ChannelError {
        let mut words = answer.body.clone();
        for secret in [&self.url].into_iter().chain(&self.secrets) {
            words = words.replace(secret.expose_secret(), "[secret]");
        }
        ChannelError(format!("{who} answered {}: {}", answer.status, tidy(&words)))
    }
}

/// One line of a bounded length without control characters.
pub(super) fn tidy(words: &str) -> String {
    let words = words.trim();
    if words.is_empty() {
        return "an empty body".to_owned();
    }
    let mut tidy: String =
        words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_WORDS).collect();
    if words.chars().nth(LONGEST_WORDS).is_some() {
        tidy.push('…');
    }
    tidy
}

fn lost(error: &reqwest::Error) -> ChannelError {
    // The cause may name the address, which may be a secret; so not even a debug log has it.
    ChannelError(if error.is_timeout() {
        format!("no whole answer within {} s", TIMEOUT.as_secs())
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the connection broke before the answer was complete".to_owned()
    })
}

/// The parts of an address that may be its secret, and that a receiver may repeat: what comes after the host.
pub(super) fn secret_parts(url: &SecretString) -> Vec<SecretString> {
    let Ok(url) = reqwest::Url::parse(url.expose_secret()) else { return Vec::new() };
    let parts = [url.path(), url.query().unwrap_or_default()];
    parts.into_iter().filter(|part| part.len() > 1).map(SecretString::from).collect()
}

/// The address of a receiver, which may carry a secret in its path.
pub(super) fn secret_url(settings: &mut Settings, name: &'static str) -> Option<SecretString> {
    let text = settings.text(name)?;
    let usable = reqwest::Url::parse(&text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if usable {
        return Some(SecretString::from(text));
    }
    settings.complain(name, "must be an address such as https://hooks.example.com/…");
    None
}

/// A client for the receiver; what stands in its way is noted at `name`.
pub(super) fn receiver(
    settings: &mut Settings,
    name: &'static str,
    url: SecretString,
    secrets: Vec<SecretString>,
) -> Option<Receiver> {
    match Receiver::new(url, secrets) {
        Ok(receiver) => Some(receiver),
        Err(what) => {
            settings.complain(name, format!("can't be used: {what}"));
            None
        }
    }
}
