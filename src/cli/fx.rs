//! The command line of `buffalo fx`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Formatted;

#[derive(Debug, Subcommand)]
pub(crate) enum FxCommand {
    /// Take in a table of the European Central Bank: `eurofxref.csv` of a day, or `eurofxref-hist.csv` of all days
    #[command(after_help = "Examples:\n  \
        buffalo fx import eurofxref-hist.csv --dry-run\n  \
        unzip -p eurofxref.zip | buffalo fx import -\n\n\
        The table is taken as a whole, or not at all where anything in it is wrong. Importing it again changes nothing.")]
    Import(FxImportArgs),
    /// Show the newest rate of each currency
    #[command(after_help = "Examples:\n  buffalo fx show\n  \
        buffalo fx show --currency USD,JPY --date 2026-01-31 --format json")]
    Show(FxShowArgs),
}

#[derive(Debug, Args)]
pub(crate) struct FxImportArgs {
    /// The table, unpacked; `-` reads standard input
    #[arg(value_name = "FILE.csv")]
    pub(crate) file: PathBuf,
    /// Change nothing, and say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct FxShowArgs {
    /// Only these currencies, separated by commas
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    pub(crate) currency: Vec<String>,
    /// The newest rates of this day or before it, such as 2026-01-31 [default: today in UTC]
    #[arg(long)]
    pub(crate) date: Option<String>,
    #[command(flatten)]
    pub(crate) output: Formatted,
}
