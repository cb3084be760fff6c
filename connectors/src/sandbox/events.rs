//! The account's event log: what changed, with the object rendered as it was at that moment.
//!
//! The generated history has no events, as if it were older than Stripe keeps them.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::ids::{mix, push_base62};
use super::json::{push_int, push_string};

/// How long Stripe keeps events.
pub(super) const RETENTION_S: i64 = 30 * 86_400;

/// Where an event stands in the log. Within a second the order is arbitrary but stable, and says nothing
/// about which change came first, just as Stripe's does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventKey {
    /// Unix seconds.
    pub created: i64,
    pub tie: u64,
}

/// One event, rendered.
#[derive(Debug)]
pub(super) struct Event {
    pub id: String,
    pub kind: &'static str,
    pub json: Bytes,
}

/// When a change happens, and whether anybody hears of it.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// Unix seconds.
    pub at: i64,
    /// Stripe can lose events for good; a silent change is one of those.
    pub silent: bool,
    /// The account's API version at that time.
    pub api_version: String,
}

/// All events by time and by id.
#[derive(Debug)]
pub(super) struct EventLog {
    seed: u64,
    written: u64,
    events: BTreeMap<EventKey, Event>,
    keys: HashMap<String, EventKey>,
}

impl EventLog {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, written: 0, events: BTreeMap::new(), keys: HashMap::new() }
    }

    /// Writes an event about `object`, which is JSON; `previous` holds the old values of what changed.
    pub(super) fn write(
        &mut self,
        moment: &Moment,
        kind: &'static str,
        object: &[u8],
        previous: Option<&str>,
    ) {
        if moment.silent {
            return;
        }
        let n = self.written;
        self.written += 1;
        let mut id = b"evt_".to_vec();
        push_base62(&mut id, mix(self.seed, 200, n), 10);
        push_base62(&mut id, mix(self.seed, 201, n), 10);
        push_base62(&mut id, n, 4);
        let id = String::from_utf8_lossy(&id).into_owned();

        let mut json = Vec::with_capacity(object.len() + 320);
        json.extend_from_slice(b"{\"id\":\"");
        json.extend_from_slice(id.as_bytes());
        json.extend_from_slice(b"\",\"object\":\"event\",\"api_version\":");
        push_string(&mut json, &moment.api_version);
        json.extend_from_slice(b",\"created\":");
        push_int(&mut json, moment.at);
        json.extend_from_slice(b",\"data\":{\"object\":");
        json.extend_from_slice(object);
        if let Some(previous) = previous {
            json.extend_from_slice(b",\"previous_attributes\":");
            json.extend_from_slice(previous.as_bytes());
        }
        json.extend_from_slice(b"},\"livemode\":false,\"pending_webhooks\":0,\"request\":{\"id\":\"req_");
        push_base62(&mut json, mix(self.seed, 202, n), 14);
        json.extend_from_slice(b"\",\"idempotency_key\":null},\"type\":");
        push_string(&mut json, kind);
        json.push(b'}');

        // The low bits keep two events apart whose draws agree.
        let key = EventKey { created: moment.at, tie: mix(self.seed, 203, n) & !0xff_ffff | n & 0xff_ffff };
        self.keys.insert(id.clone(), key);
        self.events.insert(key, Event { id, kind, json: Bytes::from(json) });
    }

    /// The event with this id, while Stripe would still show it.
    pub(super) fn find(&self, id: &str, now: i64) -> Option<(EventKey, &Event)> {
        let key = *self.keys.get(id)?;
        let event = self.events.get(&key)?;
        (key.created >= now.saturating_sub(RETENTION_S)).then_some((key, event))
    }

    /// Events created between two times, both included, oldest first; without those too old to be shown.
    pub(super) fn between(
        &self,
        from: i64,
        to: i64,
        now: i64,
    ) -> impl DoubleEndedIterator<Item = (EventKey, &Event)> + use<'_> {
        let low = EventKey { created: from.max(now.saturating_sub(RETENTION_S)), tie: 0 };
        let high = EventKey { created: to, tie: u64::MAX };
        let range = (low <= high).then(|| self.events.range(low..=high));
        range.into_iter().flatten().map(|(key, event)| (*key, event))
    }
}
