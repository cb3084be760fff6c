//! What the program says of itself while it runs: logs on stderr, as text or JSON, and traces for who collects them.

#[cfg(feature = "otlp")]
mod otlp;

use std::io::IsTerminal;

use buffalo_connectors::Settings;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The standard variable that says where traces go; without it there are none.
const TRACES_TO: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The form of log lines (`LOG_FORMAT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For collectors.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be text or json"),
        }
    }
}

/// Begins to log (`LOG_LEVEL`, a level or a list of `target=level`) and to trace.
pub(crate) fn start(settings: &mut Settings) {
    let level = settings.parsed("LOG_LEVEL", EnvFilter::new("info"));
    // The driver repeats PostgreSQL's notices, which are of no interest; a directive of the user's comes after and wins.
    let filter = EnvFilter::new(format!("sqlx=warn,{level}"));
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let logs = match settings.parsed("LOG_FORMAT", LogFormat::Text) {
        LogFormat::Text => logs.with_target(false).boxed(),
        // The innermost span says whose line it is; the list of all of them would say it twice.
        LogFormat::Json => logs.json().with_span_list(false).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(logs.with_filter(filter));
    #[cfg(feature = "otlp")]
    let subscriber = subscriber.with(otlp::layer(settings));
    // A second start would be a second command in one process, which there is not.
    drop(subscriber.try_init());
    if cfg!(not(feature = "otlp")) && settings.has(TRACES_TO) {
        tracing::warn!(
            "{TRACES_TO} is set, but no traces are sent: this binary was built without the feature otlp"
        );
    }
}

/// Sends the traces that are left. Waits for a collector that does not answer, but not for long.
pub(crate) async fn end() {
    #[cfg(feature = "otlp")]
    otlp::flush().await;
}
