//! Tests of the connector against the sandbox, over HTTP.

mod credentials;
mod following;
mod identity;
mod lost;
mod trouble;

use std::collections::BTreeMap;

use buffalo_model::{Clock, Event, EventStatus, EventTime, Normalised, RawState};
use serde_json::{Value, json};

use super::*;
use crate::connector::FetchedPage;
use crate::sandbox::{Sandbox, SandboxOptions};

const PRIMARY: &str = "/calendar/v3/calendars/primary";

/// A sandbox, the connector, and a store as simple as can be.
struct World {
    sandbox: Sandbox,
    connector: Arc<dyn Connector>,
    stored: BTreeMap<String, Stored>,
    cursor: Option<Cursor>,
    control: reqwest::Client,
}

/// The newest state of an event, and what is known of it.
struct Stored {
    observed_at: DateTime<Utc>,
    alive: bool,
    event: Option<Event>,
}

/// What a run came to.
#[derive(Debug)]
struct Ran {
    pages: usize,
    records: usize,
    requests: u64,
    data_through: Option<DateTime<Utc>>,
    error: Option<SourceError>,
}

impl World {
    /// Events in two calendars: of 5,000 each has three pages.
    async fn new(events: u64) -> Self {
        Self::with_settings(events, &[("GOOGLE_ACCESS_TOKEN", "ya29.sandbox")]).await
    }

    async fn with_settings(events: u64, extra: &[(&str, &str)]) -> Self {
        // Another test may have been quicker; the provider is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let options =
            SandboxOptions { charges: 0, events, calendars: 2, seed: 3, ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let connector = connector(&sandbox.base_url(), extra);
        let control = reqwest::Client::new();
        Self { sandbox, connector, stored: BTreeMap::new(), cursor: None, control }
    }

    async fn tell(&self, target: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{target}", self.sandbox.base_url());
        let request = if body.is_null() { self.control.get(url) } else { self.control.post(url) };
        let response = request.body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{target}: {}", response.text().await.unwrap());
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    async fn states(&self) -> Vec<Value> {
        self.tell("gcal/objects", Value::Null).await.as_array().unwrap().clone()
    }

    async fn tokens_issued(&self) -> u64 {
        self.tell("gcal/tokens", Value::Null).await["issued"].as_u64().unwrap()
    }

    async fn fault(&self, path: &str, nth: u64, times: u64, kind: Value) {
        self.tell("faults", json!({"path": path, "nth": nth, "times": times, "kind": kind})).await;
    }

    /// Runs as jobs do; stops after `pages`, if given.
    async fn run(&mut self, pages: Option<usize>) -> Ran {
        let now = SystemClock.now();
        let cursor = self.cursor.clone();
        let plan = match (self.connector.assess(Entity::Events, cursor.as_ref(), now), &cursor) {
            (CursorState::Backfilling | CursorState::Current, Some(cursor)) => Plan::Continue(cursor),
            _ => Plan::Backfill,
        };
        let mut open = self.connector.open(Entity::Events, plan, now);
        let mut ran = Ran { pages: 0, records: 0, requests: 0, data_through: None, error: None };
        while pages.is_none_or(|pages| ran.pages < pages) {
            match open.next().await {
                Ok(Some(page)) => {
                    ran.pages += 1;
                    ran.records += page.records.len();
                    ran.data_through = page.data_through.or(ran.data_through);
                    self.store(page).await;
                }
                Ok(None) => break,
                Err(error) => {
                    ran.error = Some(error);
                    break;
                }
            }
        }
        ran.requests = open.requests().made;
        ran
    }

    async fn store(&mut self, page: FetchedPage) {
        for record in page.records {
            self.put(&record.external_id, record.observed_at, &record.payload);
        }
        if let Some(sweep) = page.sweep {
            let unseen = |(id, stored): &(&String, &Stored)| {
                id.starts_with(&sweep.id_prefix) && stored.observed_at < sweep.began_at && stored.alive
            };
            let unseen: Vec<Refetch> =
                self.stored.iter().filter(unseen).map(|(id, _)| Refetch::record(id)).collect();
            let mut pages = self.connector.refetch(Entity::Events, &unseen, SystemClock.now());
            while let Some(page) = pages.next().await.unwrap() {
                for record in page.records {
                    self.put(&record.external_id, record.observed_at, &record.payload);
                }
            }
        }
        self.cursor = Some(page.cursor);
    }

    fn put(&mut self, id: &str, observed_at: DateTime<Utc>, payload: &str) {
        if self.stored.get(id).is_some_and(|known| known.observed_at > observed_at) {
            return;
        }
        let state = RawState { entity: Entity::Events, external_id: id, context: None, payload };
        let known = self.stored.remove(id).and_then(|stored| stored.event);
        let (alive, event) = match normalise::normalise(state).unwrap() {
            Normalised::Gone => (false, known),
            Normalised::Event(event) if event.status == EventStatus::Cancelled => {
                (false, known.or(Some(event)))
            }
            Normalised::Event(event) => (true, Some(event)),
            other => panic!("{other:?} is no event"),
        };
        self.stored.insert(id.to_owned(), Stored { observed_at, alive, event });
    }

    /// Holds what is stored against what the sandbox says is true.
    async fn assert_complete(&self) {
        let alive = self.states().await.into_iter().filter(|state| state["status"] != "cancelled");
        let expected: BTreeMap<String, Value> = alive.map(|state| (key(&state), state)).collect();
        let stored: BTreeMap<String, Value> = self
            .stored
            .iter()
            .filter(|(_, stored)| stored.alive)
            .map(|(id, stored)| (id.clone(), told(id, stored)))
            .collect();
        assert_eq!(stored.len(), expected.len(), "live events");
        for (id, state) in &expected {
            assert_eq!(stored.get(id), Some(state));
        }
    }
}

fn key(state: &Value) -> String {
    format!("{}/{}", state["calendar"].as_str().unwrap(), state["id"].as_str().unwrap())
}

/// What is stored, as the sandbox states it.
fn told(id: &str, stored: &Stored) -> Value {
    let event = stored.event.as_ref().unwrap();
    let (calendar, id) = id.rsplit_once('/').unwrap();
    assert_eq!(event.calendar_external_id, calendar);
    let time = |time: Option<EventTime>| match time {
        Some(EventTime::Day(day)) => json!(day),
        Some(EventTime::At(at)) => json!(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        None => Value::Null,
    };
    let series = event.recurring_event_external_id.as_deref();
    json!({
        "calendar": calendar, "id": id, "status": event.raw_status, "title": event.title,
        "start": time(event.starts), "end": time(event.ends), "originalStart": time(event.original_start),
        "series": series.map(|series| series.strip_prefix(&format!("{calendar}/")).unwrap()),
        "timeZone": event.time_zone,
    })
}

fn connector(base: &str, extra: &[(&str, &str)]) -> Arc<dyn Connector> {
    let (api, token_url) = (format!("{base}/calendar/v3"), format!("{base}/token"));
    let values = [
        ("GCAL_API_BASE", api.as_str()),
        ("GOOGLE_TOKEN_URL", token_url.as_str()),
        ("GOOGLE_CALENDAR_ID", "primary, team-1@example.com"),
        ("GCAL_RATE_LIMIT_PER_SEC", "0"),
        ("BACKOFF_BASE_MS", "1"),
    ];
    let values = values.iter().chain(extra).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut settings = Settings::new(values);
    let connector = configure(&mut settings);
    assert!(settings.problems().is_empty(), "{:?}", settings.problems());
    connector.unwrap()
}
