//! Following hints: where a source has said that something is new, it is fetched at once instead of when it is due.

use std::sync::Arc;
use std::time::Duration;

use buffalo_connectors::Connector;
use buffalo_model::{Clock, Entity, RunStatus, Source};
use buffalo_store::{Heard, Store, StoreError};
use chrono::TimeDelta;
use tokio::task::JoinSet;

use crate::wake::Wake;
use crate::{Fetch, FetchOptions};

/// When a hint is followed again after another producer was quicker.
const AFTER_ANOTHER: TimeDelta = TimeDelta::seconds(2);

/// When a hint is followed again after its fetch failed. The schedule goes on meanwhile.
const AFTER_FAILURE: TimeDelta = TimeDelta::minutes(5);

/// How long to wait after trouble with the database.
const AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// Fetches what hints ask for, any number of processes side by side: each hint is followed by one of them.
#[derive(Clone)]
pub struct HintedFetches {
    /// Where hints are.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where records come from; hints of other sources are left to others.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// How to fetch. Its `stop` ends this as well.
    pub options: FetchOptions,
    /// The least time between the beginnings of two such fetches of one entity (`HINT_INTERVAL_S`): hints that come
    /// meanwhile are answered together.
    pub interval: TimeDelta,
}

impl HintedFetches {
    /// Follows hints until stopped, and waits for fetches that are under way then.
    pub async fn run(&self) {
        let mut listener = JoinSet::new();
        let mut wake = Wake::of(&self.store, Heard::Hints, &mut listener);
        let mut stop = self.options.stop.clone();
        let mut fetching = JoinSet::new();
        while !stop.is_requested() {
            wake.looking();
            if let Err(error) = self.begin_due(&mut fetching).await {
                tracing::warn!(%error, "hints can't be read; trying again");
                tokio::select! {
                    () = tokio::time::sleep(AFTER_TROUBLE) => {}
                    () = stop.requested() => {}
                }
            }
            tokio::select! {
                () = wake.wait(&mut stop) => {}
                // Hints that came during a fetch may be due now.
                Some(_) = fetching.join_next() => {}
            }
        }
        while fetching.join_next().await.is_some() {}
    }

    async fn begin_due(&self, fetching: &mut JoinSet<()>) -> Result<(), StoreError> {
        let lines: Vec<(Source, Entity)> = self
            .connectors
            .iter()
            .flat_map(|connector| {
                connector.entities().iter().map(|entity| (connector.source().clone(), *entity))
            })
            .collect();
        for (source, entity) in self.store.take_due_hints(&lines, self.interval, self.clock.now()).await? {
            let connector = self.connectors.iter().find(|connector| *connector.source() == source);
            let Some(connector) = connector.map(Arc::clone) else { continue };
            let this = self.clone();
            fetching.spawn(async move {
                if let Err(error) = this.follow(&*connector, entity).await {
                    tracing::warn!(%error, %source, %entity, "a hint could not be followed; somebody will try again");
                }
            });
        }
        Ok(())
    }

    async fn follow(&self, connector: &dyn Connector, entity: Entity) -> Result<(), StoreError> {
        tracing::info!(source = %connector.source(), %entity, "fetching, as the source says that there is something new");
        let (store, options) = (&self.store, self.options.clone());
        let run = Fetch { store, clock: &*self.clock, connector, entity, options }.run().await?;
        let wait = match run.status {
            RunStatus::Success => return Ok(()),
            _ if self.options.stop.is_requested() => TimeDelta::zero(),
            RunStatus::Skipped => AFTER_ANOTHER,
            _ => AFTER_FAILURE,
        };
        self.store.postpone_hint(connector.source(), entity, self.clock.now() + wait).await
    }
}

impl std::fmt::Debug for HintedFetches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HintedFetches").field("connectors", &self.connectors).finish_non_exhaustive()
    }
}
