//! Traces to a collector, by OTLP over HTTP: the spans of runs and requests, with what was logged in them.
//!
//! A thread of the library's gathers spans and sends them. Nobody waits for the collector but the end of the process, and
//! what it does not take is lost: no command is worse for it.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use buffalo_connectors::Settings;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use percent_encoding::percent_decode_str;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::TRACES_TO;

const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// How long the end of the process waits for the collector. Cron starts the next command soon, and a host that stops a
/// service kills it after a while.
const FLUSH_FOR: Duration = Duration::from_secs(3);

/// Whoever ends the process has no other way to the spans than the subscriber, which is global, too.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// What turns spans into traces; none when there is nowhere to send them. `LOG_LEVEL` has no say in it: the spans of
/// this program count, and its events from `info` on.
pub(super) fn layer<S>(settings: &mut Settings) -> Option<impl Layer<S> + use<S>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let provider = provider(settings)?;
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        .with_location(false)
        .with_threads(false)
        // A prefix, which all crates of the program have. The libraries that send the traces log as well.
        .with_filter(Targets::new().with_target("buffalo", LevelFilter::INFO));
    drop(PROVIDER.set(provider));
    Some(layer)
}

/// Sends what is left, and ends the sending.
pub(super) async fn flush() {
    let Some(provider) = PROVIDER.get() else { return };
    let ended = tokio::task::spawn_blocking(|| provider.shutdown_with_timeout(FLUSH_FOR)).await;
    if !matches!(ended, Ok(Ok(()))) {
        tracing::warn!("the last traces are lost: the collector did not take them within {FLUSH_FOR:?}");
    }
}

fn provider(settings: &mut Settings) -> Option<SdkTracerProvider> {
    let endpoint = settings.base_url(TRACES_TO, "");
    let headers = headers(settings);
    if endpoint.is_empty() {
        return None;
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_headers(headers)
        .build();
    match exporter {
        Ok(exporter) => {
            let exporter = Reporting { exporter, failing: AtomicBool::new(false) };
            let provider = SdkTracerProvider::builder().with_resource(resource(settings));
            Some(provider.with_batch_exporter(exporter).build())
        }
        Err(error) => {
            settings.complain(TRACES_TO, format!("can't be used: {error}"));
            None
        }
    }
}

/// Whose traces they are, by the variables of the standard, and by our own name where they say nothing.
fn resource(settings: &Settings) -> Resource {
    let name = settings.text(SERVICE_NAME).or_else(|| {
        let given = Resource::builder().build().get(&"service.name".into());
        given.is_none_or(|name| name.as_str().starts_with("unknown_service")).then(|| "buffalo".to_owned())
    });
    match name {
        Some(name) => Resource::builder().with_service_name(name).build(),
        None => Resource::builder().build(),
    }
}

/// Headers for the collector. The library would read the variable by itself, but only from the environment, not `.env`.
fn headers(settings: &mut Settings) -> HashMap<String, String> {
    let text = settings.text(HEADERS).unwrap_or_default();
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((name.trim().to_owned(), value.into_owned()))
    });
    pairs.collect::<Option<_>>().unwrap_or_else(|| {
        settings.complain(HEADERS, "must be a list such as name=value,other=value, with %20 for a space");
        HashMap::new()
    })
}

/// An exporter that says when the collector does not take traces, and when it does again. Once each: a server would
/// repeat it every few seconds.
#[derive(Debug)]
struct Reporting {
    exporter: SpanExporter,
    failing: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for Reporting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        let failed_before = self.failing.swap(sent.is_err(), Ordering::Relaxed);
        match &sent {
            Err(error) if !failed_before => {
                tracing::warn!(%error, "traces are lost: the collector does not take them");
            }
            Ok(()) if failed_before => tracing::info!("the collector takes traces again"),
            _ => {}
        }
        sent
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
