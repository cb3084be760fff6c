//! Health: alive, ready, and how each part does.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use buffalo_model::{CircuitState, Clock, RunStatus, Source, SystemClock};
use buffalo_store::{CircuitRow, FetchLine, StoreError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::App;

/// How long a check waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// A database that takes longer than this to say anything is degraded.
const SLOW_DATABASE: Duration = Duration::from_secs(1);

/// GET /healthz: the process runs. Touches nothing, so that nobody restarts it for somebody else's fault.
pub(super) async fn alive(State(app): State<App>) -> Json<Value> {
    Json(json!({"status": "ok", "uptimeS": app.started.elapsed().as_secs()}))
}

/// GET /readyz: 503 only when Postgres is out. A source that fails degrades `syncStatus` and nothing else.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let asked = Instant::now();
    let found = tokio::time::timeout(PATIENCE, sources(&app)).await;
    let latency_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
    let uptime_s = app.started.elapsed().as_secs();
    let Ok(Ok(sources)) = found else {
        let checks = json!({"db": {"ok": false, "latencyMs": latency_ms}});
        let body = json!({"status": "down", "syncStatus": "degraded", "checks": checks, "uptimeS": uptime_s});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    };
    let healthy = sources.iter().all(|source| source.health == Health::Ok);
    let mut checks = Map::new();
    checks.insert("db".to_owned(), json!({"ok": true, "latencyMs": latency_ms}));
    for source in sources {
        let check = json!({"ok": source.health == Health::Ok, "lastSync": source.last_sync,
                           "lastStatus": source.last_statuses, "circuit": source.circuit});
        checks.insert(source.name.to_string(), check);
    }
    let sync_status = if healthy { "healthy" } else { "degraded" };
    let body = json!({"status": "ok", "syncStatus": sync_status, "checks": checks, "uptimeS": uptime_s});
    Json(body).into_response()
}

/// GET /api/health: how each part does, and 503 when one is down without which nothing can be answered.
///
/// A source is judged by what the last fetches met, and is not asked anew: this address is open to anyone, and vendors
/// count requests.
pub(super) async fn components(State(app): State<App>) -> Response {
    let (database, sources) = tokio::join!(database(&app), async {
        tokio::time::timeout(PATIENCE, sources(&app)).await.ok().and_then(Result::ok)
    });
    let mut checks = Map::new();
    checks.insert("api".to_owned(), json!(Health::Ok));
    checks.insert("database".to_owned(), json!(database));
    let mut worst = database;
    for name in app.config.source_names() {
        let known = sources.iter().flatten().find(|source| source.name == name);
        let health = known.map_or(Health::Degraded, |source| source.health);
        // Figures can be asked for whatever a source does.
        worst = worst.max(health.min(Health::Degraded));
        checks.insert(name.to_string(), json!(health));
    }
    let status = if database == Health::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let body = json!({"status": worst, "version": env!("CARGO_PKG_VERSION"), "timestamp": SystemClock.now(),
                      "checks": checks});
    (status, Json(body)).into_response()
}

/// How a part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
    Degraded,
    Down,
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
    last_statuses: Map<String, Value>,
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
        let (mut last_sync, mut last_statuses) = (None, Map::new());
        for line in lines.iter().filter(|line| line.source == name.as_str()) {
            let Some(status) = line.last_status else { continue };
            // A fetch that ended early goes on by itself.
            if matches!(status, RunStatus::Failed | RunStatus::Abandoned) {
                health = health.max(Health::Degraded);
            }
            last_sync = last_sync.max(line.last_finished_at);
            last_statuses.insert(line.entity.clone(), json!(status));
        }
        let circuit = circuit.map(CircuitState::as_str);
        Self { name, health, last_sync, last_statuses, circuit }
    }
}
