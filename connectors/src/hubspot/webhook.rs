//! HubSpot's webhooks: up to a hundred events a post, each a pointer to an object that has changed.
//!
//! What an event says of an object is one property, perhaps not the newest, and its id may occur twice. So nothing of it is
//! stored: what kinds of object are named is fetched, in the ordinary way.
//! <https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use buffalo_model::{Entity, Identity};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::changes::TRAIL;
use super::resource::Resource;
use crate::settings::Settings;
use crate::webhook::{Freshness, Hint, Keys, News, Post, PostError, Receipt, Webhook};

const SECRET: &str = "HUBSPOT_WEBHOOK_SECRET";
const PUBLIC_URL: &str = "PUBLIC_URL";
/// What to set, where something is not.
pub(super) const SETTINGS: &str = "HUBSPOT_WEBHOOK_SECRET and PUBLIC_URL";

const SIGNATURE: &str = "x-hubspot-signature-v3";
const TIMESTAMP: &str = "x-hubspot-request-timestamp";

/// What HubSpot has decoded in the query before it signs the address; all else stays encoded.
const DECODED: [(&str, char); 12] = [
    ("3A", ':'),
    ("2F", '/'),
    ("3F", '?'),
    ("40", '@'),
    ("21", '!'),
    ("24", '$'),
    ("27", '\''),
    ("28", '('),
    ("29", ')'),
    ("2A", '*'),
    ("2C", ','),
    ("3B", ';'),
];

/// Reads what HubSpot posts.
#[derive(Debug)]
pub(super) struct HubSpotWebhook {
    keys: Keys,
    /// Where HubSpot knows us, as the signature covers the address. What a proxy made of it on the way does not count.
    public_url: String,
}

impl HubSpotWebhook {
    /// None where a setting is missing.
    pub(super) fn from_settings(settings: &mut Settings) -> Option<Self> {
        let keys = Keys::from_settings(settings, SECRET)?;
        let public_url = settings.has(PUBLIC_URL).then(|| settings.base_url(PUBLIC_URL, ""))?;
        Some(Self { keys, public_url })
    }

    fn authenticate(&self, post: &Post<'_>, now: DateTime<Utc>) -> Result<(), PostError> {
        let (signature, signed_at) = (post.header(SIGNATURE)?, post.header(TIMESTAMP)?);
        Freshness::USUAL.check(signed_at.parse().ok().and_then(DateTime::from_timestamp_millis), now)?;
        let signature = BASE64_STANDARD.decode(signature.trim()).unwrap_or_default();
        let address = format!("{}{}", self.public_url, decoded(post.target));
        let parts = [post.method.as_bytes(), address.as_bytes(), post.body, signed_at.as_bytes()];
        if !self.keys.signed(&parts, &[signature]) {
            let what = "the header X-HubSpot-Signature-v3 was not made with HUBSPOT_WEBHOOK_SECRET for this address \
                        below PUBLIC_URL";
            return Err(PostError::InvalidSignature(what));
        }
        Ok(())
    }
}

impl Webhook for HubSpotWebhook {
    fn read(&self, post: &Post<'_>, now: DateTime<Utc>) -> Result<Receipt, PostError> {
        self.authenticate(post, now)?;
        let events: Vec<Event> = serde_json::from_slice(post.body)?;
        let mut kinds: Vec<&str> = events.iter().map(|event| event.subscription_type.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut entities: Vec<Entity> = events.iter().filter_map(Event::entity).collect();
        entities.sort_unstable();
        entities.dedup();
        // Searches show a change when they have been told of it, which takes moments.
        let hints: Vec<Hint> =
            entities.into_iter().map(|entity| Hint { entity, lag: TRAIL, objects: Vec::new() }).collect();
        let news = if hints.is_empty() { News::Nothing } else { News::Hints(hints) };
        Ok(Receipt { kind: kinds.join(","), news, identity: Identity::unknown() })
    }
}

/// What is read of an event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    /// `deal.propertyChange`, `contact.deletion`, …; for apps of today `object.propertyChange`, …
    subscription_type: String,
    /// What kind of object it is, where `subscription_type` does not say.
    object_type_id: Option<String>,
}

impl Event {
    fn entity(&self) -> Option<Entity> {
        let (kind, _) = self.subscription_type.split_once('.')?;
        let resource = match (kind, self.object_type_id.as_deref()) {
            ("deal", _) | ("object", Some("0-3")) => Resource::Deals,
            ("contact", _) | ("object", Some("0-1")) => Resource::Contacts,
            _ => return None,
        };
        Some(resource.entity())
    }
}

/// The target as it was when it was signed.
fn decoded(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let mut decoded = format!("{path}?");
    let mut pieces = query.split('%');
    decoded.extend(pieces.next());
    for piece in pieces {
        let known = piece.get(..2).and_then(|code| {
            DECODED.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, letter)| *letter)
        });
        match known {
            Some(letter) => {
                decoded.push(letter);
                decoded.push_str(&piece[2..]);
            }
            None => {
                decoded.push('%');
                decoded.push_str(piece);
            }
        }
    }
    decoded
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
