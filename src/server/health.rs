//! Health: alive, ready, and how each part does.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use buffalo_connectors::SOURCES;
use buffalo_model::{Clock, SystemClock};

use super::App;
use super::health_documents::{
    Alive, Components, DatabaseCheck, Health, Part, Readied, Readiness, ReadinessChecks, SyncStatus, Well,
};

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
/// 503 only when PostgreSQL is out. A source that fails, or of which nothing can be said, degrades `syncStatus` and nothing
/// else. What was found is told for a second.
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
    let found = app.findings.newest(&app).await;
    let ok = found.database != Health::Down;
    let (code, status) =
        if ok { (StatusCode::OK, Readied::Ok) } else { (StatusCode::SERVICE_UNAVAILABLE, Readied::Down) };
    let healthy =
        found.sources.as_ref().is_some_and(|known| known.iter().all(|source| source.health == Health::Ok));
    let known = found.sources.iter().flatten();
    let sources = known.map(|source| (source.name.to_string(), source.check())).collect();
    let db = DatabaseCheck { ok, latency_ms: found.latency_ms };
    let readiness = Readiness {
        status,
        sync_status: if ok && healthy { SyncStatus::Healthy } else { SyncStatus::Degraded },
        checks: ReadinessChecks { db, sources },
        uptime_s: app.started.elapsed().as_secs(),
    };
    (code, Json(readiness)).into_response()
}

/// Tell how each part does
///
/// 503 when a part is down without which nothing can be answered. A source is judged by what the last fetches met, and is
/// not asked anew: this address is open to anyone, and vendors count requests. What was found is told for a second.
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
    let found = app.findings.newest(&app).await;
    let database = found.database;
    let mut checks = BTreeMap::from([("api".to_owned(), Part::Ok), ("database".to_owned(), database.into())]);
    let mut worst = database;
    let enabled = app.config.source_names();
    for name in SOURCES.iter().map(|source| source.name) {
        let part = if enabled.iter().any(|enabled| enabled.as_str() == name) {
            let known = found.sources.iter().flatten().find(|source| source.name.as_str() == name);
            let health = known.map_or(Health::Degraded, |source| source.health);
            // Figures can be asked for whatever a source does.
            worst = worst.max(health.min(Health::Degraded));
            health.into()
        } else {
            Part::Disabled
        };
        checks.insert(name.to_owned(), part);
    }
    let code = if database == Health::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let version = env!("CARGO_PKG_VERSION");
    (code, Json(Components { status: worst, version, timestamp: SystemClock.now(), checks })).into_response()
}
