//! The command line of `buffalo revenue overlaps`.

use buffalo_model::PaymentKey;
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::Formatted;
use crate::question::{OverlapListParams, OverlapParams};

/// Without a subcommand it lists pairs.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct OverlapsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<OverlapsCommand>,
    #[command(flatten)]
    pub(crate) list: OverlapListArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OverlapListArgs {
    #[command(flatten)]
    pub(crate) params: OverlapListParams,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

/// What can be decided about pairs.
#[derive(Debug, Subcommand)]
pub(crate) enum OverlapsCommand {
    /// Leave a payment out, because another one stands for the same sale
    #[command(after_help = "Example:\n  \
        buffalo revenue overlaps exclude hubspot:31415 --counted stripe:ch_3Nk --reason 'invoice 17'")]
    Exclude(ExcludeArgs),
    /// Leave the payments of a source out of all pairs that are found
    #[command(after_help = "Examples:\n  buffalo revenue overlaps exclude-all hubspot --dry-run\n  \
        buffalo revenue overlaps exclude-all hubspot --at-least possible --days 2 --start-date 2026-01-01")]
    ExcludeAll(ExcludeAllArgs),
    /// Say that two payments are two sales, so that they are not listed again
    #[command(after_help = "Example:\n  buffalo revenue overlaps distinct hubspot:31415 stripe:ch_3Nk")]
    Distinct(DistinctArgs),
    /// List what was decided
    Decisions(DecisionsArgs),
    /// Take a decision back
    Revoke(RevokeArgs),
}

/// Who decides, and why.
#[derive(Debug, Args)]
pub(crate) struct JudgementArgs {
    /// Why, for those who read it later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) by: ByArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ByArgs {
    /// Who decides [default: the user of the system]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExcludeArgs {
    /// The payment to leave out, as SOURCE:ID
    #[arg(value_name = "PAYMENT")]
    pub(crate) excluded: PaymentKey,
    /// The payment that is counted in its place
    #[arg(long, value_name = "PAYMENT")]
    pub(crate) counted: PaymentKey,
    #[command(flatten)]
    pub(crate) judgement: JudgementArgs,
    /// Only say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExcludeAllArgs {
    /// The source whose payments are left out
    pub(crate) source: String,
    /// Which pairs: those that are so sure at least
    #[arg(long, value_enum, default_value_t)]
    pub(crate) at_least: AtLeast,
    #[command(flatten)]
    pub(crate) params: OverlapParams,
    #[command(flatten)]
    pub(crate) judgement: JudgementArgs,
    /// Change nothing, and say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

/// How sure a pair must be to be decided about without being looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum AtLeast {
    /// The same customer or e-mail address
    #[default]
    Likely,
    /// The same amount and time are enough
    Possible,
}

#[derive(Debug, Args)]
pub(crate) struct DistinctArgs {
    /// A payment, as SOURCE:ID
    #[arg(value_name = "PAYMENT")]
    pub(crate) one: PaymentKey,
    /// The other
    #[arg(value_name = "OTHER")]
    pub(crate) other: PaymentKey,
    #[command(flatten)]
    pub(crate) judgement: JudgementArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DecisionsArgs {
    /// Those that were revoked, too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// Its id, from the list of decisions
    pub(crate) id: Uuid,
    #[command(flatten)]
    pub(crate) by: ByArgs,
}
