//! Stripe's webhooks: the events that `/v1/events` lists, posted as they happen.
//!
//! An event that is posted is read as one that is listed, so it does not matter by which way, or by how many, a change
//! comes. What a fetch would read again (an object in another API version) can't be read here, as a post is answered
//! without asking Stripe anything: it becomes a hint. <https://docs.stripe.com/webhooks/signature>

use std::sync::Arc;

use buffalo_model::Entity;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::config::{Incremental, MODE, StripeConfig, mode};
use super::events::{TRAIL_S, state_of};
use super::objects::read_event;
use crate::settings::Settings;
use crate::webhook::{Freshness, Hint, Keys, News, Post, PostError, Receipt, Webhook};

pub(super) const SECRET: &str = "STRIPE_WEBHOOK_SECRET";
const SIGNATURE: &str = "stripe-signature";

/// The list shows what it tells of in a post at the latest when the position of fetches has come to it.
const HINT: Hint = Hint { entity: Entity::Payments, lag: TimeDelta::seconds(TRAIL_S), objects: Vec::new() };

/// Reads what Stripe posts.
#[derive(Debug)]
pub(super) struct StripeWebhook {
    keys: Keys,
    config: Arc<StripeConfig>,
}

impl StripeWebhook {
    /// None where no secret is set.
    pub(super) fn from_settings(settings: &mut Settings, config: &Arc<StripeConfig>) -> Option<Self> {
        Some(Self { keys: Keys::from_settings(settings, SECRET)?, config: Arc::clone(config) })
    }

    fn authenticate(&self, post: &Post<'_>, now: DateTime<Utc>) -> Result<(), PostError> {
        let Signature { signed_at, signatures } = Signature::read(post.header(SIGNATURE)?);
        let seconds = signed_at.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        Freshness::USUAL.check(seconds, now)?;
        if !self.keys.signed(&[signed_at.as_bytes(), b".", post.body], &signatures) {
            let what = "no signature in the header Stripe-Signature was made with STRIPE_WEBHOOK_SECRET";
            return Err(PostError::InvalidSignature(what));
        }
        Ok(())
    }

    /// What follows from an event that is Stripe's.
    fn news(&self, head: Head, body: &[u8], now: DateTime<Utc>) -> Result<News, PostError> {
        // An endpoint for connected accounts, or of an organisation, tells of other people's payments, which no list of ours
        // has: they are not our revenue. To refuse them would be wrong: Stripe repeats a refused event for days, and in the
        // end disables the endpoint, with our own events.
        let others = |account: &String| self.config.account.as_ref() != Some(account);
        if head.account.as_ref().or(head.context.as_ref()).is_some_and(others) {
            return Ok(News::Nothing);
        }
        // Of our own account only a secret of the other mode can have signed this.
        if self.config.livemode.is_some_and(|livemode| livemode != head.livemode) {
            let what = "the event's livemode does not fit STRIPE_API_KEY: one is of test data, the other of live data";
            return Err(PostError::WrongMode(what));
        }
        if !self.config.resources.iter().any(|resource| resource.event_types().contains(&&*head.kind)) {
            return Ok(News::Nothing);
        }
        let event = read_event(body)?;
        let id = event.object.id.clone();
        Ok(match state_of(event, &self.config.api_version, now) {
            // Where the state ties with another, the object itself decides.
            Some(record) => News::State {
                event_id: head.id,
                record: Box::new(record),
                otherwise: Hint { objects: id.into_iter().collect(), ..HINT },
            },
            // Where events may be listed, this one is, and its object read again. A lookback may not reach back so far.
            None if matches!(self.config.incremental, Incremental::Lookback { .. }) => {
                News::Hints(vec![Hint { objects: id.into_iter().collect(), ..HINT }])
            }
            None => News::Hints(vec![HINT]),
        })
    }
}

impl Webhook for StripeWebhook {
    fn read(&self, post: &Post<'_>, now: DateTime<Utc>) -> Result<Receipt, PostError> {
        self.authenticate(post, now)?;
        let head: Head = serde_json::from_slice(post.body)?;
        let identity = self.config.identity().with(MODE, mode(head.livemode));
        Ok(Receipt { kind: head.kind.clone(), news: self.news(head, post.body, now)?, identity })
    }
}

/// What decides about an event before its object is read.
#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    livemode: bool,
    /// The connected account whose event it is; not there on events of our own.
    account: Option<String>,
    /// The account whose event it is, on endpoints of organisations.
    context: Option<String>,
}

/// The header `t=…,v1=…,v1=…,v0=…`; other schemes than `v1` are left out.
struct Signature<'a> {
    signed_at: &'a str,
    signatures: Vec<Vec<u8>>,
}

impl<'a> Signature<'a> {
    fn read(header: &'a str) -> Self {
        let mut signature = Self { signed_at: "", signatures: Vec::new() };
        for (scheme, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
            match scheme {
                "t" => signature.signed_at = value,
                "v1" => signature.signatures.extend(bytes_of_hex(value)),
                _ => {}
            }
        }
        signature
    }
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
