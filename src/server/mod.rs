//! The HTTP face: thin, and without a figure of its own.

mod auth;
mod background;
mod body;
mod changes;
mod connections;
mod dead_letter_choice;
mod dead_letters;
mod docs;
mod document;
mod error;
mod error_code;
mod explanation;
mod findings;
mod headers;
mod health;
mod health_documents;
mod idempotency;
mod metrics;
mod outbox;
mod overlaps;
mod params;
mod rate_limit;
mod request_id;
mod revenue;
mod run_events;
mod runs;
mod stalled;
mod trigger;
mod webhooks;

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use buffalo_jobs::{Intake, Stop};
use buffalo_model::SystemClock;
use buffalo_store::Store;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Config;
use crate::exit::Exit;
use crate::shutdown;
use background::Background;
use connections::Patience;
pub(crate) use document::document;
use error::ApiError;
use findings::Findings;
pub(crate) use outbox::UnmappedStatuses;
use rate_limit::RateLimit;
pub(crate) use runs::RunList;

/// The largest body of a request, in bytes. Webhooks have a limit of their own.
const LARGEST_BODY: usize = 64 * 1024;

/// What handlers share. Each layer that a request passes has a clone.
#[derive(Clone)]
struct App(Arc<Shared>);

struct Shared {
    store: Store,
    config: Arc<Config>,
    intake: Intake,
    requests: metrics::Requests,
    rate_limit: RateLimit,
    findings: Findings,
    background: Background,
    /// Places for streams of events.
    streams: Arc<Semaphore>,
    started: Instant,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
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
    let (host, port) = (config.http.host, config.http.port);
    TcpListener::bind((host, port))
        .await
        .map_err(|error| anyhow::anyhow!("HOST {host} and PORT {port} can't be listened on: {error}"))
}

/// Serves until stopped; then requests that are being answered are answered to their end, and runs that were asked for
/// end after the page at hand.
///
/// # Errors
///
/// When some of them took longer than SHUTDOWN_GRACE_S and were cut off.
pub(crate) async fn serve(listener: TcpListener, config: Arc<Config>, stop: Stop) -> anyhow::Result<()> {
    let grace = config.http.shutdown_grace;
    let patience = Patience { stalled: config.http.request_timeout, grace };
    let (intake, telling) = Intake::new(config.store()?.clone(), Arc::new(SystemClock));
    let app = App(Arc::new(Shared {
        store: config.store()?.clone(),
        intake,
        requests: metrics::Requests::default(),
        rate_limit: RateLimit::per_minute(config.http.rate_limit_per_min),
        findings: Findings::default(),
        background: Background::new(config.http.trigger_concurrency, stop.clone()),
        streams: Arc::new(Semaphore::new(run_events::MOST_STREAMS)),
        started: Instant::now(),
        config,
    }));
    let background = app.background.clone();
    let (mut asked, began) = (stop.clone(), stop.clone());
    let stopped_at = async move {
        asked.requested().await;
        Instant::now()
    };
    let serving =
        async { tokio::join!(connections::serve(listener, router(app), began, patience), stopped_at) };
    let (answered, stopped_at) = tokio::select! {
        served = serving => served,
        never = telling => match never {},
    };
    let left = grace.saturating_sub(stopped_at.elapsed());
    let drained = background.drain(left.max(Duration::from_millis(1))).await;
    anyhow::ensure!(
        answered && drained,
        "requests or runs took longer than {} s and were cut off",
        grace.as_secs()
    );
    Ok(())
}

/// The routes for whoever has a key.
fn for_readers() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(revenue::summary))
        .routes(routes!(revenue::daily))
        .routes(routes!(revenue::weekly))
        .routes(routes!(revenue::monthly))
        .routes(routes!(revenue::quarterly))
        .routes(routes!(revenue::yearly))
        .routes(routes!(overlaps::list))
        .routes(routes!(explanation::explain))
        .routes(routes!(changes::changes))
        .routes(routes!(outbox::unmapped))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(run_events::follow))
        .routes(routes!(outbox::show))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::show))
}

/// The routes for whoever has an admin's key.
fn for_admins() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(trigger::fetch))
        .routes(routes!(trigger::process))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(dead_letters::replay_one))
        .routes(routes!(dead_letters::discard_one))
}

/// The routes for probes of hosts and load balancers.
fn for_probes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::components))
}

/// The routes for anybody.
fn for_anybody() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(metrics::show))
        .routes(routes!(docs::openapi))
        .routes(routes!(docs::page))
        .routes(routes!(docs::asset))
}

fn for_vendors() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(webhooks::receive))
}

/// All routes, with what the document says of them.
fn routes() -> [OpenApiRouter<App>; 5] {
    [
        document::for_readers(for_readers()),
        document::for_admins(for_admins()),
        document::for_vendors(for_vendors()),
        document::for_probes(for_probes()),
        document::for_anybody(for_anybody()),
    ]
}

fn router(app: App) -> Router {
    let for_readers: Router<App> =
        Router::from(for_readers()).layer(from_fn_with_state(app.clone(), auth::require_key));
    let for_admins: Router<App> = Router::from(for_admins())
        .layer(from_fn(idempotency::require_key))
        .layer(from_fn_with_state(app.clone(), auth::require_admin_key));
    let for_vendors: Router<App> =
        Router::from(for_vendors()).layer(DefaultBodyLimit::max(webhooks::LARGEST_BODY));
    let for_anybody: Router<App> =
        Router::from(for_anybody()).layer(from_fn_with_state(app.clone(), auth::count_strangers));
    Router::from(for_probes())
        .merge(for_anybody)
        .merge(for_readers)
        .merge(for_admins)
        .merge(for_vendors)
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(app.clone(), headers::limit_time))
        .layer(CatchPanicLayer::custom(headers::after_panic))
        .layer(CompressionLayer::new())
        .layer(option_layer(headers::cors(&app.config.http.cors_origins)))
        .layer(from_fn(headers::for_browsers))
        .layer(from_fn(request_id::identify))
        .layer(from_fn_with_state(app.clone(), metrics::count))
        .with_state(app)
}
