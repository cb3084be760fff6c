//! The HTTP face: thin, and without a figure of its own.

mod auth;
mod error;
mod health;
mod metrics;
mod request_id;
mod revenue;
mod runs;
mod webhooks;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use buffalo_jobs::{Intake, Stop};
use buffalo_model::SystemClock;
use buffalo_store::Store;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::exit::Exit;
use crate::shutdown;
use error::ApiError;
pub(crate) use runs::RunList;

/// What handlers share.
#[derive(Clone)]
struct App {
    store: Store,
    config: Arc<Config>,
    intake: Intake,
    requests: Arc<metrics::Requests>,
    started: Instant,
}

/// `buffalo serve`.
pub(crate) async fn run(config: Config) -> anyhow::Result<Exit> {
    let listener = listen(&config).await?;
    tracing::info!(address = %listener.local_addr()?, "serving");
    serve(listener, Arc::new(config), shutdown::on_signal()).await?;
    Ok(Exit::Done)
}

/// Takes the configured address.
pub(crate) async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let address = (config.host, config.port);
    TcpListener::bind(address).await.map_err(|error| {
        anyhow::anyhow!("HOST {} and PORT {} can't be listened on: {error}", config.host, config.port)
    })
}

/// Serves until stopped; requests that are being answered are answered to their end.
pub(crate) async fn serve(listener: TcpListener, config: Arc<Config>, mut stop: Stop) -> anyhow::Result<()> {
    let store = config.store()?.clone();
    let (intake, telling) = Intake::new(store.clone(), Arc::new(SystemClock));
    let app = App { store, config, intake, requests: Arc::default(), started: Instant::now() };
    let serving =
        axum::serve(listener, router(app)).with_graceful_shutdown(async move { stop.requested().await });
    tokio::select! {
        served = serving => Ok(served?),
        never = telling => match never {},
    }
}

fn router(app: App) -> Router {
    let with_key = Router::new()
        .route("/runs", get(runs::list))
        .route("/runs/{run_id}", get(runs::show))
        .route("/metrics/revenue/{granularity}", get(revenue::show))
        .layer(middleware::from_fn_with_state(app.clone(), auth::require_key));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .route(
            "/webhooks/{source}",
            post(webhooks::receive).layer(DefaultBodyLimit::max(webhooks::LARGEST_BODY)),
        )
        .merge(with_key)
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(middleware::from_fn(request_id::identify))
        .layer(middleware::from_fn_with_state(app.clone(), metrics::count))
        .with_state(app)
}
