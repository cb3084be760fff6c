//! Logs: on stderr, as text or JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The form of log lines (`LOG_FORMAT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogFormat {
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

/// Begins to log. `level` is a level or a list of `target=level`.
pub(crate) fn start(level: &EnvFilter, format: LogFormat) {
    // The driver repeats PostgreSQL's notices, which are of no interest; a directive of the user's comes after and wins.
    let filter = EnvFilter::new(format!("sqlx=warn,{level}"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start would be a second command in one process, which there is not.
    let started = match format {
        LogFormat::Text => logs.with_target(false).try_init(),
        // The innermost span says whose line it is; the list of all of them would say it twice.
        LogFormat::Json => logs.json().with_span_list(false).try_init(),
    };
    drop(started);
}
