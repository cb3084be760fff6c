//! How the database and the sources were found to be, a moment ago.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use buffalo_connectors::Connector;
use buffalo_model::{CircuitState, RunStatus, Source};
use buffalo_store::{CircuitRow, FetchLine, StoreError};
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::App;
use super::health_documents::{Health, SourceCheck};

/// How long a check waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// A database that takes longer than this to say anything is degraded.
const SLOW_DATABASE: Duration = Duration::from_secs(1);

/// How long what was found is told to others who ask. They may be anybody, and no limit may hold up a probe, so this is
/// what keeps them from the database.
const TOLD_FOR: Duration = Duration::from_secs(1);

/// What was found last. Those who ask while somebody looks wait for what is found.
#[derive(Default)]
pub(super) struct Findings(Mutex<Look>);

#[derive(Default)]
struct Look {
    newest: Option<(Instant, Arc<Found>)>,
    /// The question about sources that was not answered in time. It holds a connection until it is, so no other is asked
    /// meanwhile.
    asking: Option<Asking>,
}

type Asking = JoinHandle<Result<Vec<SourceHealth>, StoreError>>;

/// What was found.
pub(super) struct Found {
    pub(super) database: Health,
    pub(super) latency_ms: u64,
    /// None where nothing can be said of them.
    pub(super) sources: Option<Vec<SourceHealth>>,
}

impl Findings {
    /// What was found within the last second, if need be by looking.
    pub(super) async fn newest(&self, app: &App) -> Arc<Found> {
        let Look { newest, asking } = &mut *self.0.lock().await;
        if let Some((at, found)) = newest
            && at.elapsed() < TOLD_FOR
        {
            return Arc::clone(found);
        }
        // Both at once, with a limit each: a question about sources that takes long says nothing about the database.
        let ((database, latency_ms), sources) = tokio::join!(database(app), sources_in_time(app, asking));
        let found = Arc::new(Found { database, latency_ms, sources });
        *newest = Some((Instant::now(), Arc::clone(&found)));
        found
    }
}

async fn sources_in_time(app: &App, asking: &mut Option<Asking>) -> Option<Vec<SourceHealth>> {
    let mut asked = asking.take().unwrap_or_else(|| {
        let app = app.clone();
        tokio::spawn(async move { sources(&app).await })
    });
    match tokio::time::timeout(PATIENCE, &mut asked).await {
        Ok(answered) => answered.ok().and_then(Result::ok),
        Err(_) => {
            *asking = Some(asked);
            None
        }
    }
}

async fn database(app: &App) -> (Health, u64) {
    let asked = Instant::now();
    let answered = tokio::time::timeout(PATIENCE, app.store.ping()).await;
    let latency = asked.elapsed();
    let health = match answered {
        Ok(Ok(())) if latency <= SLOW_DATABASE => Health::Ok,
        Ok(Ok(())) => Health::Degraded,
        _ => Health::Down,
    };
    (health, u64::try_from(latency.as_millis()).unwrap_or(u64::MAX))
}

/// What is known of a source.
pub(super) struct SourceHealth {
    pub(super) name: Source,
    pub(super) health: Health,
    last_sync: Option<DateTime<Utc>>,
    last_fetch: Option<DateTime<Utc>>,
    /// How the newest fetch of each entity ended.
    last_statuses: BTreeMap<String, RunStatus>,
    circuit: Option<&'static str>,
}

async fn sources(app: &App) -> Result<Vec<SourceHealth>, StoreError> {
    let (lines, circuits) = tokio::try_join!(app.store.fetch_lines(), app.store.circuits())?;
    Ok(app.config.sources.iter().map(|source| SourceHealth::of(&**source, &lines, &circuits)).collect())
}

impl SourceHealth {
    fn of(source: &dyn Connector, lines: &[FetchLine], circuits: &[CircuitRow]) -> Self {
        let name = source.source().clone();
        let circuit = circuits.iter().find(|circuit| circuit.source == name).map(|circuit| circuit.state);
        let mut health = match circuit {
            Some(CircuitState::Open) => Health::Down,
            Some(CircuitState::HalfOpen) => Health::Degraded,
            Some(CircuitState::Closed) | None => Health::Ok,
        };
        let lines: Vec<_> = lines.iter().filter(|line| line.source == name.as_str()).collect();
        let mut last_statuses = BTreeMap::new();
        for line in &lines {
            let Some(status) = line.last_status else { continue };
            // A fetch that ended early goes on by itself.
            if matches!(status, RunStatus::Failed | RunStatus::Abandoned) {
                health = health.max(Health::Degraded);
            }
            last_statuses.insert(line.entity.clone(), status);
        }
        let succeeded = source.entities().iter().map(|entity| {
            lines.iter().find(|line| line.entity == entity.as_str()).and_then(|line| line.succeeded_at)
        });
        Self {
            // None sorts before any time: an entity that was never fetched makes it none.
            last_sync: succeeded.min().flatten(),
            last_fetch: lines.iter().filter_map(|line| line.last_finished_at).max(),
            circuit: circuit.map(CircuitState::as_str),
            name,
            health,
            last_statuses,
        }
    }

    pub(super) fn check(&self) -> SourceCheck {
        SourceCheck {
            ok: self.health == Health::Ok,
            last_sync: self.last_sync,
            last_fetch: self.last_fetch,
            last_status: self.last_statuses.clone(),
            circuit: self.circuit,
        }
    }
}
