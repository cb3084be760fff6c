//! Health: alive, and ready.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use buffalo_model::{CircuitState, RunStatus};
use serde_json::{Map, Value, json};

use super::App;

/// How long readiness waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// GET /healthz: the process runs. Touches nothing, so that nobody restarts it for somebody else's fault.
pub(super) async fn alive(State(app): State<App>) -> Json<Value> {
    Json(json!({"status": "ok", "uptimeS": app.started.elapsed().as_secs()}))
}

/// GET /readyz: 503 only when Postgres is out. A source that fails degrades `syncStatus` and nothing else.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let asked = Instant::now();
    let asking = async { tokio::try_join!(app.store.fetch_lines(), app.store.circuits()) };
    let found = tokio::time::timeout(PATIENCE, asking).await;
    let latency_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
    let uptime_s = app.started.elapsed().as_secs();
    let Ok(Ok((fetches, circuits))) = found else {
        let checks = json!({"db": {"ok": false, "latencyMs": latency_ms}});
        let body = json!({"status": "down", "syncStatus": "degraded", "checks": checks, "uptimeS": uptime_s});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    };
    let mut checks = Map::new();
    checks.insert("db".to_owned(), json!({"ok": true, "latencyMs": latency_ms}));
    for source in app.config.source_names() {
        checks.insert(source.to_string(), json!({"ok": true, "lastSync": null}));
    }
    for line in fetches.into_iter().filter(|line| line.last_status.is_some()) {
        let ok = line.last_status == Some(RunStatus::Success);
        let check = checks.entry(line.source).or_insert_with(|| json!({"ok": true, "lastSync": null}));
        check["ok"] = json!(check["ok"] == true && ok);
        check["lastSync"] = json!(line.last_finished_at);
        check["lastStatus"][line.entity] = json!(line.last_status);
    }
    for circuit in circuits {
        if let Some(check) = checks.get_mut(circuit.source.as_str()) {
            let closed = circuit.state == CircuitState::Closed;
            check["ok"] = json!(check["ok"] == true && closed);
            check["circuit"] = json!(circuit.state.as_str());
        }
    }
    let healthy = checks.values().all(|check| check["ok"] == true);
    let sync_status = if healthy { "healthy" } else { "degraded" };
    let body = json!({"status": "ok", "syncStatus": sync_status, "checks": checks, "uptimeS": uptime_s});
    Json(body).into_response()
}
