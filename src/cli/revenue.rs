//! `buffalo revenue`: the figures, and what is behind them.

use clap::{Args, Subcommand};

use super::Formatted;
use crate::question::RevenueParams;

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
}

#[derive(Debug, Args)]
pub(crate) struct RevenueArgs {
    #[command(flatten)]
    pub(crate) params: RevenueParams,
    #[command(flatten)]
    pub(crate) output: Formatted,
}
