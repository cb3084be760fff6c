//! The flags of what tells people: `summary` and `notify`.

use clap::{Args, ValueEnum};

use super::Formatted;

#[derive(Debug, Args)]
pub(crate) struct SummaryArgs {
    /// The day, such as 2026-01-31; it is printed and not sent [default: yesterday]
    #[arg(long)]
    pub(crate) date: Option<String>,
    /// Send the day of --date too, unless it has been sent
    #[arg(long, requires = "date")]
    pub(crate) send: bool,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: SummaryFormat,
}

/// How a summary is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum SummaryFormat {
    /// Text, as it is sent
    #[default]
    Text,
    /// HTML, as it is sent
    Html,
    /// A JSON document
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct NotifyArgs {
    /// Send a test message through every channel and tell what became of it
    #[arg(long)]
    pub(crate) test: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}
