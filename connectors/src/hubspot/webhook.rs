//! HubSpot's webhooks: up to a hundred events a post, each a pointer to an object that has changed.
//!
//! What an event says of an object is one property, perhaps not the newest, and its id may occur twice. So nothing of it is
//! stored: the objects that are named are read by their ids, and what kinds of object are named is fetched in the ordinary
//! way. A contact that is deleted for privacy's sake is erased.
//! <https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation>

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use buffalo_model::{Entity, Identity};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::changes::TRAIL;
use super::objects::PORTAL;
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

    /// The account that a post is about, where its events say so; HubSpot posts those of one account together.
    fn identity(events: &[Event]) -> Result<Identity, PostError> {
        let mut identity = Identity::unknown();
        for portal in events.iter().filter_map(|event| event.portal_id) {
            let said = Identity::unknown().with(PORTAL, portal.to_string());
            if identity.conflict_with(&said).is_some() {
                return Err(PostError::Unreadable("events of two accounts in one post".to_owned()));
            }
            identity.learn(&said);
        }
        Ok(identity)
    }
}

impl Webhook for HubSpotWebhook {
    fn read(&self, post: &Post<'_>, now: DateTime<Utc>) -> Result<Receipt, PostError> {
        self.authenticate(post, now)?;
        let events: Vec<Event> = serde_json::from_slice(post.body)?;
        let mut kinds: Vec<&str> = events.iter().map(|event| event.subscription_type.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut named: BTreeMap<Entity, BTreeSet<String>> = BTreeMap::new();
        let mut erased = BTreeSet::new();
        for event in &events {
            let Some(entity) = event.entity() else { continue };
            let objects = named.entry(entity).or_default();
            if entity == Entity::Contacts && event.subscription_type.ends_with(".privacyDeletion") {
                erased.extend(event.objects());
            } else {
                objects.extend(event.objects());
            }
        }
        // Searches show a change when they have been told of it, which takes moments.
        let hint = |(entity, objects): (Entity, BTreeSet<String>)| Hint {
            entity,
            lag: TRAIL,
            objects: objects.into_iter().filter(|id| !erased.contains(id)).collect(),
        };
        let hints: Vec<Hint> = named.into_iter().map(hint).collect();
        let identity = Self::identity(&events)?;
        let news = match (hints.is_empty(), erased.is_empty()) {
            (true, _) => News::Nothing,
            (false, true) => News::Hints(hints),
            (false, false) => {
                News::Erased { entity: Entity::Contacts, ids: erased.into_iter().collect(), hints }
            }
        };
        Ok(Receipt { kind: kinds.join(","), news, identity })
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
    object_id: Option<Id>,
    portal_id: Option<u64>,
    /// Of a merge: which object is left, and which are not.
    primary_object_id: Option<Id>,
    new_object_id: Option<Id>,
    #[serde(default)]
    merged_object_ids: Vec<Id>,
}

/// Ids are numbers; one day they may be texts, as everywhere else in HubSpot.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    fn text(&self) -> Option<String> {
        match self {
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(text.clone())
            }
            Self::Text(_) => None,
        }
    }
}

impl Event {
    /// The ids of the objects that it is about.
    fn objects(&self) -> impl Iterator<Item = String> {
        let one = [&self.object_id, &self.primary_object_id, &self.new_object_id];
        one.into_iter().flatten().chain(&self.merged_object_ids).filter_map(Id::text)
    }

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
