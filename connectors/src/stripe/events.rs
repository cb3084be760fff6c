//! Following events: what changed since the last run.
//!
//! Three properties of `/v1/events` shape this file. A listing is newest first, so the position that later runs start
//! from moves only when the oldest page is stored. Events become visible with a delay and may come out of order within
//! it, so the position stays a minute behind Stripe's clock and every window reaches ten minutes further back. Times are
//! whole seconds, so of two events of one object in one second nobody can tell which is newer: the object itself is read
//! again, which tells the truth whichever it was. So it is where the second is not over: at the end of a page with more
//! behind it, and in the second of the answer or later.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::{ContentHash, Identity, RawRecord, RequestCounts};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::api::{StripeApi, is_gone, is_lost_position};
use super::config::StripeConfig;
use super::objects::{Event, EventPage};
use super::page;
use super::position::{EventWindow, Events, Position, Reread};
use super::resource::Resource;
use crate::connector::{FetchedPage, Pages, SourceError};
use crate::http::Answer;

/// How far each window reaches back behind the position, in seconds.
pub(super) const OVERLAP_S: i64 = 600;
/// How far the position stays behind Stripe's clock, in seconds.
pub(super) const TRAIL_S: i64 = 60;
/// Objects that are read again at the same time.
const PARALLEL_REREADS: usize = 4;
/// The most re-reads that are remembered; beyond, the next run does some of them once more.
const REMEMBERED_REREADS: usize = 500;

/// Reads the events from a little before the position up to now.
pub(super) struct EventPages {
    api: StripeApi,
    config: Arc<StripeConfig>,
    position: Events,
    /// Re-reads of this window, and of the one before it.
    reread: Vec<Reread>,
    /// The events after which pages of this run began.
    places: HashSet<String>,
    restarted: bool,
    ended: bool,
}

impl EventPages {
    pub(super) fn new(api: StripeApi, config: Arc<StripeConfig>, position: Events) -> Self {
        let reread = position.reread.clone();
        Self { api, config, position, reread, places: HashSet::new(), restarted: false, ended: false }
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![
            ("limit", "100".to_owned()),
            ("created[gte]", (self.position.through - OVERLAP_S).to_string()),
        ];
        for resource in &self.config.resources {
            query.extend(resource.event_types().iter().map(|kind| ("types[]", (*kind).to_owned())));
        }
        query.extend(self.position.window.as_ref().map(|window| ("starting_after", window.after.clone())));
        query
    }

    async fn ask(&mut self) -> Result<Answer<EventPage>, SourceError> {
        match self.api.events(&self.query()).await {
            // Once a run: a place that is never known would have the window read from its start for ever.
            Err(error) if self.position.window.is_some() && !self.restarted && is_lost_position(&error) => {
                tracing::warn!("the place in the list of events is gone; reading the window from its start");
                self.restarted = true;
                self.places.clear();
                self.position.window = None;
                self.api.events(&self.query()).await
            }
            answer => answer,
        }
    }

    /// The states that a page tells of, the newest of each object.
    async fn records(
        &mut self,
        events: Vec<Event>,
        open: &OpenSeconds,
    ) -> Result<Vec<RawRecord>, SourceError> {
        let now = self.api.now().timestamp();
        let mut by_object: HashMap<String, Vec<Event>> = HashMap::new();
        for event in events {
            let wanted = Resource::of_object(&event.object.kind)
                .is_none_or(|resource| self.config.resources.contains(&resource));
            if wanted {
                by_object.entry(event.object.external_id()).or_default().push(event);
            }
        }
        let mut records = Vec::with_capacity(by_object.len());
        let mut unclear = Vec::new();
        for (external_id, events) in by_object {
            let newest = NewestSecond::of(events);
            match newest.to_read_again(open, &self.config.api_version) {
                Some(resource) => {
                    let digest = newest.digest();
                    if !self.reread.contains(&digest) {
                        self.reread.push(digest);
                        unclear.push((resource, external_id, newest));
                    }
                }
                None => records.push(newest.into_record(external_id, now)),
            }
        }
        let api = &self.api;
        let version = &self.config.api_version;
        let reread: Vec<RawRecord> = stream::iter(unclear)
            .map(|(resource, external_id, newest)| async move {
                newest.read_again(api, resource, external_id, version, now).await
            })
            .buffer_unordered(PARALLEL_REREADS)
            .try_collect()
            .await?;
        records.extend(reread);
        Ok(records)
    }
}

#[async_trait]
impl Pages for EventPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        let answer = self.ask().await?;
        let Answer { value: EventPage { events, has_more }, asked_at } = answer;
        let (until, boundary) = match &self.position.window {
            Some(window) => (window.until, Some(window.boundary)),
            // Never back: Stripe's clock may have been set, or the position come from a listing of this minute.
            None => ((asked_at.timestamp() - TRAIL_S).max(self.position.through), None),
        };
        let last = events.last().map(|event| (event.id.clone(), event.created));
        let cut = last.as_ref().filter(|_| has_more).map(|(_, created)| *created);
        let open = OpenSeconds { boundaries: [boundary, cut], since: asked_at.timestamp() };
        let records = self.records(events, &open).await?;
        match last {
            Some((after, _)) if has_more && !self.places.insert(after.clone()) => {
                Err(SourceError::Malformed {
                    request: "stripe: GET /v1/events".to_owned(),
                    what: format!("the page after {after} once more in place of the next one"),
                })
            }
            Some((after, boundary)) if has_more => {
                self.position.window = Some(EventWindow { until, after, boundary });
                remember(&mut self.position.reread, &self.reread, i64::MIN);
                Ok(Some(page(records, &Position::Events(self.position.clone()), None)))
            }
            _ => {
                self.ended = true;
                self.position.through = until;
                self.position.window = None;
                remember(&mut self.position.reread, &self.reread, until - OVERLAP_S);
                self.position.resources = self.config.resources.clone();
                Ok(Some(page(records, &Position::Events(self.position.clone()), Some(until))))
            }
        }
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    fn identity(&self) -> Identity {
        self.api.identity()
    }
}

/// The state that an event carries, which came alone at `now`; none where its object would have to be read again.
pub(super) fn state_of(event: Event, version: &str, now: DateTime<Utc>) -> Option<RawRecord> {
    let external_id = event.object.external_id();
    let newest = NewestSecond::of(vec![event]);
    // No second is open: another event of it, whenever it comes, is a tie, which has the object read again.
    let open = OpenSeconds { boundaries: [None, None], since: i64::MAX };
    newest.to_read_again(&open, version).is_none().then(|| newest.into_record(external_id, now.timestamp()))
}

/// Seconds of which a page may lack events.
struct OpenSeconds {
    /// The last of the page before, and the last of this page where more is behind it.
    boundaries: [Option<i64>; 2],
    /// The second in which the page was asked for, and all after it.
    since: i64,
}

impl OpenSeconds {
    fn contain(&self, second: i64) -> bool {
        second >= self.since || self.boundaries.contains(&Some(second))
    }
}

fn remember(remembered: &mut Vec<Reread>, made: &[Reread], since: i64) {
    *remembered = made.iter().filter(|reread| reread.created >= since).cloned().collect();
    remembered.sort_by_key(|reread| std::cmp::Reverse(reread.created));
    remembered.truncate(REMEMBERED_REREADS);
}

/// What the newest events of one object on a page say; several where they share a second.
struct NewestSecond {
    event: Event,
    /// Ids of all events of the object in that second, sorted.
    ids: Vec<String>,
    /// Whether they all show the same state.
    agree: bool,
}

impl NewestSecond {
    fn of(events: Vec<Event>) -> Self {
        let created = events.iter().map(|event| event.created).max().unwrap_or_default();
        let mut newest: Vec<Event> = events.into_iter().filter(|event| event.created == created).collect();
        let first = newest.first().map(|event| ContentHash::of(&event.object.payload));
        let agree = newest.iter().all(|event| Some(ContentHash::of(&event.object.payload)) == first);
        let mut ids: Vec<String> = newest.iter().map(|event| event.id.clone()).collect();
        ids.sort_unstable();
        Self { event: newest.swap_remove(0), ids, agree }
    }

    /// What to ask Stripe for, where the event's own object does not suffice. An object that we don't know, or one without
    /// an id, is kept as it came, for a person to look at.
    fn to_read_again(&self, open: &OpenSeconds, version: &str) -> Option<Resource> {
        let resource = Resource::of_object(&self.event.object.kind)?;
        let can_be_asked_for = self.event.object.id.is_some();
        (can_be_asked_for && !self.suffices(open, version)).then_some(resource)
    }

    /// Whether the event's own object can be taken for the state of its second: no other event of the second says
    /// otherwise, none can be missing on the page, and it is written in the version that we read.
    fn suffices(&self, open: &OpenSeconds, version: &str) -> bool {
        self.agree
            && !open.contain(self.event.created)
            && self.event.object.id.is_some()
            && self.event.api_version.as_deref() == Some(version)
    }

    fn digest(&self) -> Reread {
        let events = ContentHash::of(&self.ids.join(","));
        let events = events.as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Reread { created: self.event.created, events }
    }

    /// The end of the event's second: the latest moment at which the state can have been true. Lists are stamped with
    /// the start of theirs, so within one second an event wins over a list. It is not later than the second `now` in which
    /// it came, whatever Stripe's clock says.
    fn observed_at(&self, now: i64) -> DateTime<Utc> {
        let second = DateTime::from_timestamp(self.event.created.min(now), 0).unwrap_or(DateTime::UNIX_EPOCH);
        second + TimeDelta::microseconds(999_999)
    }

    fn into_record(self, external_id: String, now: i64) -> RawRecord {
        RawRecord {
            external_id,
            observed_at: self.observed_at(now),
            api_version: self.event.api_version,
            context: None,
            payload: self.event.object.payload,
        }
    }

    async fn read_again(
        self,
        api: &StripeApi,
        resource: Resource,
        external_id: String,
        version: &str,
        now: i64,
    ) -> Result<RawRecord, SourceError> {
        match api.retrieve(resource, &external_id).await {
            Ok(answer) => Ok(RawRecord {
                external_id,
                // It was read after the event was seen, whatever the clocks say, and wins over it when the next window
                // shows it once more.
                observed_at: answer.asked_at.max(self.observed_at(now) + TimeDelta::microseconds(1)),
                api_version: Some(version.to_owned()),
                context: None,
                payload: answer.value.payload,
            }),
            // Gone since: the event is the last that is known of it.
            Err(error) if is_gone(&error, &external_id) => Ok(self.into_record(external_id, now)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::objects::read_event;

    const VERSION: &str = "2026-10-28.endive";

    fn newest(created: i64) -> NewestSecond {
        let event = serde_json::json!({
            "id": "evt_1", "object": "event", "created": created, "api_version": VERSION,
            "data": {"object": {"id": "ch_1", "object": "charge"}},
        });
        NewestSecond::of(vec![read_event(event.to_string().as_bytes()).unwrap()])
    }

    #[test]
    fn an_event_of_an_open_second_does_not_suffice() {
        let open = |boundaries, since| OpenSeconds { boundaries, since };
        for (open, again) in [
            (open([None, None], 101), false),
            (open([None, None], 100), true),
            (open([None, None], 90), true),
            (open([Some(100), None], 200), true),
            (open([None, Some(100)], 200), true),
            (open([Some(101), Some(99)], 200), false),
        ] {
            assert_eq!(newest(100).to_read_again(&open, VERSION).is_some(), again);
        }
    }

    #[test]
    fn a_state_is_stamped_no_later_than_the_second_in_which_it_came() {
        assert_eq!(newest(100).observed_at(200).timestamp(), 100);
        assert_eq!(newest(7_300).observed_at(100).timestamp(), 100);
    }
}
