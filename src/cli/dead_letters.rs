//! The command line of `buffalo dead-letters`.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::Formatted;
use crate::question::{DeadLetterFilterParams, DeadLetterListParams};

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them, newest first, without their payloads
    #[command(
        after_help = "Example:\n  buffalo dead-letters list --source hubspot --reason unsupported_currency"
    )]
    List(ListArgs),
    /// Show one with its payload, and what is stored of its record
    Show {
        /// Its id, from the list
        id: Uuid,
        #[command(flatten)]
        output: Formatted,
    },
    /// Put them back into the outbox, to be tried as if for the first time
    #[command(after_help = "Examples:\n  \
        buffalo dead-letters replay --reason unsupported_currency --dry-run\n  \
        buffalo dead-letters replay --all && buffalo process\n\n\
        What is stored in a newer state stays as it is; such a letter is only removed.")]
    Replay(SettleArgs),
    /// Throw them away; their raw records stay
    #[command(
        after_help = "Example:\n  buffalo dead-letters discard --source stripe --since 2026-01-31 --dry-run"
    )]
    Discard(SettleArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) params: DeadLetterListParams,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

/// Letters are chosen in one of three ways: by their ids, by filters, or all of them.
#[derive(Debug, Args)]
pub(crate) struct SettleArgs {
    /// Their ids, from the list; or choose them by the filters below, or all of them by --all
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<Uuid>,
    #[command(flatten)]
    pub(crate) filter: DeadLetterFilterParams,
    /// All dead letters
    #[arg(long)]
    pub(crate) all: bool,
    /// Change nothing, and say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}
