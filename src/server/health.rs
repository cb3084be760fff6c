//! Health: alive, ready, and how each part does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use buffalo_model::{CircuitState, Clock, RunStatus, Source, SystemClock};
use buffalo_store::{CircuitRow, FetchLine, StoreError};
use chrono::{DateTime, Utc};

use super::App;
use super::health_documents::{
    Alive, Components, DatabaseCheck, Health, Readied, Readiness, ReadinessChecks, SourceCheck, SyncStatus,
    Well,
};

/// How long a check waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// A database that takes longer than this to say anything is degraded.
const SLOW_DATABASE: Duration = Duration::from_secs(1);

/// Tell whether the process runs
///
/// Touches nothing, so that nobody restarts it for somebody else's fault.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "isAlive",
    tag = "Health",
    responses((status = 200, description = "It runs", body = Alive)),
)]
pub(super) async fn alive(State(app): State<App>) -> Json<Alive> {
    Json(Alive { status: Well::Ok, uptime_s: app.started.elapsed().as_secs() })
}

/// Tell whether requests can be answered
///
/// 503 only when PostgreSQL is out. A source that fails degrades `syncStatus` and nothing else.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "isReady",
    tag = "Health",
    responses(
        (status = 200, description = "They can", body = Readiness),
        (status = 503, description = "They can't", body = Readiness),
    ),
)]
pub(super) async fn ready(State(app): State<App>) -> Response {
    let asked = Instant::now();
    let found = tokio::time::timeout(PATIENCE, sources(&app)).await;
    let db = DatabaseCheck {
        ok: matches!(found, Ok(Ok(_))),
        latency_ms: u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let (code, status) =
        if db.ok { (StatusCode::OK, Readied::Ok) } else { (StatusCode::SERVICE_UNAVAILABLE, Readied::Down) };
    let known = found.ok().and_then(Result::ok).unwrap_or_default();
    let healthy = db.ok && known.iter().all(|source| source.health == Health::Ok);
    let sources = known.into_iter().map(|source| (source.name.to_string(), source.check())).collect();
    let readiness = Readiness {
        status,
        sync_status: if healthy { SyncStatus::Healthy } else { SyncStatus::Degraded },
        checks: ReadinessChecks { db, sources },
        uptime_s: app.started.elapsed().as_secs(),
    };
    (code, Json(readiness)).into_response()
}

/// Tell how each part does
///
/// 503 when a part is down without which nothing can be answered. A source is judged by what the last fetches met, and is
/// not asked anew: this address is open to anyone, and vendors count requests.
#[utoipa::path(
    get,
    path = "/api/health",
    operation_id = "getHealth",
    tag = "Health",
    responses(
        (status = 200, description = "Requests can be answered", body = Components),
        (status = 503, description = "They can't", body = Components),
    ),
)]
pub(super) async fn components(State(app): State<App>) -> Response {
    let (database, sources) = tokio::join!(database(&app), async {
        tokio::time::timeout(PATIENCE, sources(&app)).await.ok().and_then(Result::ok)
    });
    let mut checks = BTreeMap::from([("api".to_owned(), Health::Ok), ("database".to_owned(), database)]);
    let mut worst = database;
    for name in app.config.source_names() {
        let known = sources.iter().flatten().find(|source| source.name == name);
        let health = known.map_or(Health::Degraded, |source| source.health);
        // Figures can be asked for whatever a source does.
        worst = worst.max(health.min(Health::Degraded));
        checks.insert(name.to_string(), health);
    }
    let code = if database == Health::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let version = env!("CARGO_PKG_VERSION");
    (code, Json(Components { status: worst, version, timestamp: SystemClock.now(), checks })).into_response()
}

async fn database(app: &App) -> Health {
    let asked = Instant::now();
    match tokio::time::timeout(PATIENCE, app.store.ping()).await {
        Ok(Ok(())) if asked.elapsed() <= SLOW_DATABASE => Health::Ok,
        Ok(Ok(())) => Health::Degraded,
        _ => Health::Down,
    }
}

/// What is known of a source.
struct SourceHealth {
    name: Source,
    health: Health,
    last_sync: Option<DateTime<Utc>>,
    /// How the newest fetch of each entity ended.
    last_statuses: BTreeMap<String, RunStatus>,
    circuit: Option<&'static str>,
}

async fn sources(app: &App) -> Result<Vec<SourceHealth>, StoreError> {
    let (lines, circuits) = tokio::try_join!(app.store.fetch_lines(), app.store.circuits())?;
    Ok(app.config.source_names().into_iter().map(|name| SourceHealth::of(name, &lines, &circuits)).collect())
}

impl SourceHealth {
    fn of(name: Source, lines: &[FetchLine], circuits: &[CircuitRow]) -> Self {
        let circuit = circuits.iter().find(|circuit| circuit.source == name).map(|circuit| circuit.state);
        let mut health = match circuit {
            Some(CircuitState::Open) => Health::Down,
            Some(CircuitState::HalfOpen) => Health::Degraded,
            Some(CircuitState::Closed) | None => Health::Ok,
        };
        let (mut last_sync, mut last_statuses) = (None, BTreeMap::new());
        for line in lines.iter().filter(|line| line.source == name.as_str()) {
            let Some(status) = line.last_status else { continue };
            // A fetch that ended early goes on by itself.
            if matches!(status, RunStatus::Failed | RunStatus::Abandoned) {
                health = health.max(Health::Degraded);
            }
            last_sync = last_sync.max(line.last_finished_at);
            last_statuses.insert(line.entity.clone(), status);
        }
        let circuit = circuit.map(CircuitState::as_str);
        Self { name, health, last_sync, last_statuses, circuit }
    }
    fn check(self) -> SourceCheck {
        SourceCheck {
            ok: self.health == Health::Ok,
            last_sync: self.last_sync,
            last_status: self.last_statuses,
            circuit: self.circuit,
        }
    }
}
