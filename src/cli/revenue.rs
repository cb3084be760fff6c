//! `buffalo revenue`: the figures, and what is behind them.

use clap::{Args, Subcommand};

use super::{Formatted, OverlapsArgs};
use crate::chart::ChartFile;
use crate::question::{ChangesParams, ExplanationParams, RevenueParams};

/// What can be asked about revenue.
#[derive(Debug, Subcommand)]
pub(crate) enum RevenueCommand {
    /// One figure for the whole range
    Summary(RevenueArgs),
    /// By day
    Daily(RevenueArgs),
    /// By week, from Monday
    Weekly(RevenueArgs),
    /// By calendar month
    Monthly(RevenueArgs),
    /// By quarter of a calendar year
    Quarterly(RevenueArgs),
    /// By calendar year
    Yearly(RevenueArgs),
    /// List payments that are likely one sale, such as a deal and its charge, and decide which of them counts
    #[command(after_help = "Examples:\n  buffalo revenue overlaps --start-date 2026-01-01\n  \
        buffalo revenue overlaps exclude hubspot:31415 --counted stripe:ch_3Nk\n  \
        buffalo revenue overlaps exclude-all hubspot --at-least possible --dry-run")]
    Overlaps(OverlapsArgs),
    /// Show the payments behind the figures of a day, each with what the source said of it (--format json)
    #[command(after_help = "Examples:\n  buffalo revenue explain 2026-11-30 --timezone Europe/Berlin\n  \
        buffalo revenue explain 2026-11-01 --end-date 2026-11-30 --measure refunded --format json")]
    Explain(ExplainArgs),
    /// List what restated days that had ended: by how much, and which payments did it
    #[command(
        after_help = "Examples:\n  buffalo revenue changes --since 2026-11-01 --timezone Europe/Berlin\n  \
        buffalo revenue changes --since 2026-11-30T12:00:00Z --currency EUR --format json"
    )]
    Changes(ChangesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    pub(crate) params: ChangesParams,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) params: ExplanationParams,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct RevenueArgs {
    #[command(flatten)]
    pub(crate) params: RevenueParams,
    /// Draw the figures into this file too, an SVG or a PNG by its name; buckets without payments are drawn as gaps
    #[arg(long, value_name = "FILE")]
    pub(crate) chart: Option<ChartFile>,
    #[command(flatten)]
    pub(crate) output: Formatted,
}
