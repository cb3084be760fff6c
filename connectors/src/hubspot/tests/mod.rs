//! Tests of the connector against the sandbox, over HTTP.

mod following;
mod listing;
mod trouble;

use std::collections::{BTreeMap, HashMap};

use buffalo_model::{Clock, Normalised, PaymentStatus, RawState};
use serde_json::{Value, json};

use super::*;
use crate::sandbox::{Sandbox, SandboxOptions};

const TOKEN: &str = "pat-na1-sandbox";

/// A sandbox, the connector, and a store as simple as can be.
struct World {
    sandbox: Sandbox,
    connector: Arc<dyn Connector>,
    stored: HashMap<(Entity, String), RawRecord>,
    cursors: HashMap<Entity, Cursor>,
    control: reqwest::Client,
    /// How far both clocks are ahead of the machine's, in seconds.
    ahead_s: i64,
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
    async fn new(options: SandboxOptions) -> Self {
        Self::with_settings(options, &[]).await
    }

    async fn with_settings(options: SandboxOptions, extra: &[(&str, &str)]) -> Self {
        // Another test may have been quicker; the provider is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let sandbox = Sandbox::start(SandboxOptions { charges: 0, seed: 3, ..options }).await.unwrap();
        let base = sandbox.base_url();
        let connector = connector(&base, extra);
        let control = reqwest::Client::new();
        Self { sandbox, connector, stored: HashMap::new(), cursors: HashMap::new(), control, ahead_s: 0 }
    }

    async fn control(&self, target: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{target}", self.sandbox.base_url());
        let request = if body.is_null() { self.control.get(url) } else { self.control.post(url) };
        let response = request.body(body.to_string()).send().await.unwrap();
        assert!(response.status().is_success(), "{target}: {}", response.text().await.unwrap());
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + chrono::TimeDelta::seconds(self.ahead_s)
    }

    /// Lets time pass, for HubSpot and for us.
    async fn later(&mut self, ahead_s: i64) {
        self.ahead_s = ahead_s;
        self.control("clock", json!({ "offset_s": ahead_s })).await;
    }

    /// The ids of the live deals, in order.
    async fn live_deals(&self) -> Vec<String> {
        let states = self.control("hubspot/objects?kind=deals", Value::Null).await;
        let live = states.as_array().unwrap().iter().filter(|state| state["archived"] == false);
        live.map(|state| state["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Runs as jobs do; stops after `pages`, if given.
    async fn run(&mut self, entity: Entity, pages: Option<usize>) -> Ran {
        let now = self.now();
        let cursor = self.cursors.get(&entity).cloned();
        let plan = match (self.connector.assess(entity, cursor.as_ref(), now), &cursor) {
            (CursorState::Backfilling | CursorState::Current, Some(cursor)) => Plan::Continue(cursor),
            _ => Plan::Backfill,
        };
        let mut open = self.connector.open(entity, plan, now);
        let mut ran = Ran { pages: 0, records: 0, requests: 0, data_through: None, error: None };
        while pages.is_none_or(|pages| ran.pages < pages) {
            match open.next().await {
                Ok(Some(page)) => {
                    ran.pages += 1;
                    ran.records += page.records.len();
                    ran.data_through = page.data_through.or(ran.data_through);
                    self.store(entity, page).await;
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

    async fn store(&mut self, entity: Entity, page: FetchedPage) {
        for record in page.records {
            self.put(entity, record);
        }
        if let Some(sweep) = page.sweep {
            let unseen = |((of, _), record): &(&(Entity, String), &RawRecord)| {
                *of == entity && record.observed_at < sweep.began_at
            };
            let unseen: Vec<Refetch> =
                self.stored.iter().filter(unseen).map(|((_, id), _)| Refetch::record(id)).collect();
            self.refetch(entity, &unseen).await;
        }
        self.cursors.insert(entity, page.cursor);
    }

    /// Looks records up by their ids.
    async fn refetch(&mut self, entity: Entity, wanted: &[Refetch]) {
        let mut pages = self.connector.refetch(entity, wanted, self.now());
        while let Some(page) = pages.next().await.unwrap() {
            for record in page.records {
                self.put(entity, record);
            }
        }
    }

    fn put(&mut self, entity: Entity, record: RawRecord) {
        let key = (entity, record.external_id.clone());
        if self.stored.get(&key).is_none_or(|known| known.observed_at <= record.observed_at) {
            self.stored.insert(key, record);
        }
    }

    fn normalised(&self, entity: Entity) -> Vec<(String, Normalised)> {
        let of = self.stored.iter().filter(|((of, _), _)| *of == entity);
        of.map(|((_, id), record)| {
            let (context, payload) = (record.context.as_deref(), record.payload.as_str());
            let state = RawState { entity, external_id: id, context, payload };
            (id.clone(), normalise::normalise(state).unwrap())
        })
        .collect()
    }

    /// Collected amounts by currency, as the sandbox states them.
    fn collected(&self) -> Value {
        let mut sums: BTreeMap<String, (i128, u64)> = BTreeMap::new();
        for (_, normalised) in self.normalised(Entity::Payments) {
            if let Normalised::Payment(payment) = normalised
                && payment.status == PaymentStatus::Collected
                && !payment.deleted
            {
                let (sum, count) = sums.entry(payment.currency.to_string()).or_default();
                *sum += i128::from(payment.amount_minor);
                *count += 1;
            }
        }
        sums.into_iter()
            .map(|(currency, (sum, count))| (currency, json!({ "won": sum.to_string(), "count": count })))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn live(&self, entity: Entity) -> usize {
        let is_live = |normalised: &Normalised| match normalised {
            Normalised::Payment(payment) => !payment.deleted,
            Normalised::Contact(contact) => !contact.deleted,
            _ => false,
        };
        self.normalised(entity).iter().filter(|(_, normalised)| is_live(normalised)).count()
    }

    /// Holds what is stored against what the sandbox says is true.
    async fn assert_complete(&self) {
        let expected = self.control("hubspot/expected", Value::Null).await;
        assert_eq!(self.collected(), expected["currencies"]);
        assert_eq!(self.live(Entity::Payments) as u64, expected["deals"]["live"].as_u64().unwrap());
    }
}

fn connector(base: &str, extra: &[(&str, &str)]) -> Arc<dyn Connector> {
    let values = [
        ("HUBSPOT_ACCESS_TOKEN", TOKEN),
        ("HUBSPOT_API_BASE", base),
        ("HUBSPOT_RATE_LIMIT_PER_SEC", "0"),
        ("HUBSPOT_SEARCH_RATE_LIMIT_PER_SEC", "0"),
        ("BACKOFF_BASE_MS", "1"),
    ];
    let values = values.iter().chain(extra).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut settings = Settings::new(values);
    let connector = configure(&mut settings);
    assert!(settings.problems().is_empty(), "{:?}", settings.problems());
    connector.unwrap()
}

/// Sizes that take several pages of everything; the history ends ten days ago.
fn options() -> SandboxOptions {
    let until_unix = SystemClock.now().timestamp() - 864_000;
    SandboxOptions { deals: 450, contacts: 230, until_unix, ..SandboxOptions::default() }
}
