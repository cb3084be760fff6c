//! GET /metrics: numbers for Prometheus.
//!
//! Fetches and drains run as processes that begin and end on their own, mostly from cron, where nobody can ask them. What
//! is to be known of them is therefore read from the database at the time of the scrape, whichever process did it; only
//! what this process itself does, answering requests, is counted in it. The usual recorder crates are no help with the
//! first part: they take increments and keep every series they ever had, where the database says how things are now.

mod catalogue;
mod exposition;
mod requests;
mod stored;
mod totals;

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use buffalo_model::{Clock, SystemClock};
use buffalo_store::Connections;

use super::App;
use super::auth::may_read_metrics;
use super::error::ApiError;
use super::error_code::ErrorCode;
use exposition::{Exposition, Value};
pub(super) use requests::{Requests, count};

/// How long a scrape waits for the database; Prometheus itself waits for 10 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// The version of the text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Numbers for Prometheus
///
/// Answered also while the database is out: that is when somebody looks.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "Health",
    security((), ("MetricsApiKey" = [])),
    responses((status = 200, description = "In the text format of Prometheus", body = String,
               content_type = "text/plain", example = "# TYPE buffalo_database_up gauge\nbuffalo_database_up 1\n")),
    extensions(("x-error-codes" = json!([ErrorCode::InvalidMetricsKey]))),
)]
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    if !may_read_metrics(&headers, &app.config.http) {
        return Err(ApiError::invalid_metrics_key());
    }
    let now = SystemClock.now();
    let measuring = async {
        // A run whose process was killed counts as one that ended as soon as somebody looks.
        app.store.abandon_silent_runs(now).await?;
        app.store.measure(now).await
    };
    let measured = match tokio::time::timeout(PATIENCE, measuring).await {
        Ok(Ok(measured)) => Some(measured),
        Ok(Err(error)) => {
            tracing::warn!(%error, "metrics without what is read from the database");
            None
        }
        Err(_) => {
            tracing::warn!("metrics without what is read from the database, which did not answer in time");
            None
        }
    };
    let mut exposition = Exposition::default();
    exposition.metric(&catalogue::DATABASE_UP, [(vec![], Value::Count(i64::from(measured.is_some())))]);
    if let Some(measured) = &measured {
        stored::write(&mut exposition, measured, now);
        totals::write(&mut exposition, measured);
    }
    app.requests.write(&mut exposition);
    write_connections(&mut exposition, app.store.connections());
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], exposition.into_text()).into_response())
}

fn write_connections(exposition: &mut Exposition, connections: Connections) {
    for (metric, count) in [
        (&catalogue::CONNECTIONS, connections.open),
        (&catalogue::CONNECTIONS_IDLE, connections.idle),
        (&catalogue::CONNECTIONS_MAX, connections.max),
    ] {
        exposition.metric(metric, [(vec![], Value::Count(i64::from(count)))]);
    }
}
