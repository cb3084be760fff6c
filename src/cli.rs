//! The command line: every role of the program in one enum.

mod dead_letters;
mod fx;
mod overlaps;
mod revenue;
mod telling;
mod trying;
mod webhooks;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use dead_letters::{DeadLettersCommand, ListArgs, SettleArgs};
pub(crate) use fx::{FxCommand, FxImportArgs, FxShowArgs};
pub(crate) use overlaps::{
    AtLeast, ByArgs, DecisionsArgs, DistinctArgs, ExcludeAllArgs, ExcludeArgs, JudgementArgs,
    OverlapListArgs, OverlapsArgs, OverlapsCommand, RevokeArgs,
};
pub(crate) use revenue::{ChangesArgs, ExplainArgs, RevenueArgs, RevenueCommand};
pub(crate) use telling::{NotifyArgs, SummaryArgs, SummaryFormat};
pub(crate) use trying::{DemoArgs, SandboxArgs};
pub(crate) use webhooks::{WebhooksAction, WebhooksArgs};

/// Brings Stripe, HubSpot and Google Calendar into your own Postgres, and says how much revenue you collected.
#[derive(Debug, Parser)]
#[command(
    version = env!("BUFFALO_VERSION"),
    max_term_width = 100,
    after_help = "Examples:\n  \
        buffalo demo                          try everything, with nothing set up\n  \
        buffalo migrate                       make or update the tables in DATABASE_URL\n  \
        buffalo fetch && buffalo process      what cron does\n  \
        buffalo revenue monthly               what it is for\n\n\
        Configuration comes from the environment and from .env; `buffalo check` tells whether it works.\n\
        Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly failed, 75 busy (with --fail-if-busy)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything on a private PostgreSQL and a sandbox that behaves as the vendors do
    #[command(after_help = "Examples:\n  buffalo demo\n  buffalo demo --once --format json --charges 50000")]
    Demo(DemoArgs),
    /// Serve revenue, runs and health over HTTP
    Serve,
    /// Do everything in one process, for a single small host: serve, process --watch and schedule
    Run,
    /// Fetch, process and reconcile when they are due, for hosts without cron
    #[command(after_help = "Examples:\n  buffalo schedule --list            when what is due next\n  \
        FETCH_SCHEDULE='*/5 * * * *' RECONCILE_SCHEDULE=off buffalo schedule\n\n\
        Any number of replicas may run: each tick is fired by one of them. What was due while none ran is done once.")]
    Schedule(ScheduleArgs),
    /// Fetch what changed at the sources into the outbox
    #[command(after_help = "Examples:\n  buffalo fetch                     all enabled sources\n  \
        buffalo fetch stripe --mode full  everything, from the beginning")]
    Fetch(FetchArgs),
    /// Process the outbox into payments, contacts and events
    #[command(after_help = "Examples:\n  buffalo process\n  buffalo process --watch --workers 4\n  \
        buffalo process --deadline 240        end before cron starts the next one\n\n\
        The first SIGTERM or Ctrl-C lets batches at hand be finished, the second ends at once; neither loses anything.")]
    Process(ProcessArgs),
    /// List sources anew and compare with what is stored: proof that nothing is missing
    #[command(after_help = "Examples:\n  buffalo reconcile\n  \
        buffalo reconcile stripe --since 2026-01-01 --repair && buffalo process\n\n\
        Fetch and process first: what changed since the last fetch counts as different.\n\
        Exit codes: 0 everything is equal, 3 it is not, 1 it could not be compared.")]
    Reconcile(ReconcileArgs),
    /// Compare all figures with payments, and payments with the raw records they were made of
    #[command(after_help = "Examples:\n  buffalo verify\n  buffalo verify --repair --format json\n\n\
        Figures over what was found to differ are not served until they are mended.\n\
        Exit codes: 0 everything is as it should be, 3 something was not, 1 it could not be compared.")]
    Verify(VerifyArgs),
    /// Tell how much revenue was collected
    #[command(
        subcommand,
        after_help = "Examples:\n  buffalo revenue summary --start-date 2026-01-01 --end-date 2026-03-31\n  \
        buffalo revenue daily --timezone Europe/Berlin --format csv\n  \
        buffalo revenue explain 2026-03-31\n  \
        buffalo revenue changes --since 2026-04-01\n  \
        buffalo revenue weekly --start-date 2026-01-01 --chart revenue.svg"
    )]
    Revenue(RevenueCommand),
    /// Take in exchange rates for figures in another currency, or show them
    #[command(subcommand)]
    Fx(FxCommand),
    /// List runs, or show one
    #[command(after_help = "Examples:\n  buffalo runs --status failed\n  buffalo runs 0199a2b4-…")]
    Runs(RunsArgs),
    /// Sum up a day: yesterday, sent once through the configured channels
    #[command(
        after_help = "Examples:\n  buffalo summary                    what cron does; days that were missed are sent too\n  \
        buffalo summary --date 2026-01-31  only prints that day\n\n\
        Days begin and end at midnight in REPORTING_TIMEZONE."
    )]
    Summary(SummaryArgs),
    /// Deliver notifications that are due, or try the channels
    #[command(after_help = "Examples:\n  buffalo notify --test\n  buffalo notify\n\n\
        Every fetch, process, reconcile and summary delivers what is due by itself.")]
    Notify(NotifyArgs),
    /// Tell how things stand, and what needs a person
    #[command(after_help = "Examples:\n  buffalo status\n  buffalo status --unmapped --format csv\n\n\
        Exit codes: 0 nothing needs a person, 3 something does, 1 it could not be found out.")]
    Status(StatusArgs),
    /// List, show, replay or discard what could not be processed
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Show how far each source was fetched, or forget it
    #[command(subcommand)]
    Cursors(CursorsCommand),
    /// Have a vendor tell of changes through channels that expire, or stop it
    #[command(after_help = "Examples:\n  \
        buffalo webhooks gcal watch --url https://buffalo.example.com/webhooks/gcal\n  buffalo webhooks gcal stop\n\n\
        Once a day is often enough; `schedule` and `run` renew by themselves what was opened once.")]
    Webhooks(WebhooksArgs),
    /// Make the tables, or bring them up to date
    Migrate(Formatted),
    /// Make the partitions of the coming weeks, and drop raw history that is past OUTBOX_RETENTION_DAYS
    #[command(after_help = "Examples:\n  buffalo maintain --dry-run\n  buffalo maintain --format json\n\n\
        Once a day is often enough; forgotten, it stops nothing. A partition that rows of the outbox still need is kept.\n\
        Exit codes: 0 done, or another process is at it; 3 something could not be done; 1 failed.")]
    Maintain(MaintainArgs),
    /// Check configuration, database and sources
    Check(Formatted),
    /// Ask the server of this host whether it is alive, for health checks of containers
    Health,
    /// Print the document about the HTTP face, in OpenAPI 3.1
    #[command(
        after_help = "Example:\n  buffalo openapi > openapi.json\n\n`buffalo serve` gives the same at /openapi.json, and a page about it at /docs."
    )]
    Openapi,
    /// Run the sandbox alone: an HTTP server that behaves as Stripe, HubSpot and Google Calendar do
    #[command(
        after_help = "Example:\n  buffalo sandbox --port 12111 --charges 100000 --deals 5000 --events 5000\n  \
        STRIPE_API_BASE=http://127.0.0.1:12111 STRIPE_API_KEY=sk_test_sandbox buffalo fetch\n\n\
        Tokens that are accepted: sk_test_sandbox (Stripe, see --api-key), pat-na1-sandbox (HubSpot), ya29.sandbox (Google)."
    )]
    Sandbox(SandboxArgs),
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Format {
    /// A table for people
    #[default]
    Table,
    /// The JSON document that HTTP gives
    Json,
    /// Comma-separated values
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct Formatted {
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// The source to fetch; all enabled ones if left out
    pub(crate) source: Option<String>,
    /// What to fetch
    #[arg(long, value_enum, default_value_t)]
    pub(crate) mode: FetchMode,
    /// Take what a listing of everything no longer has for gone, however much it is
    #[arg(long)]
    pub(crate) allow_mass_delete: bool,
    /// Exit with 75 when another process is fetching already, instead of 0
    #[arg(long)]
    pub(crate) fail_if_busy: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum FetchMode {
    /// What changed since the last run
    #[default]
    Incremental,
    /// Everything; an unfinished backfill is continued
    Full,
}

#[derive(Debug, Args)]
pub(crate) struct ProcessArgs {
    /// Go on until stopped, and wait for more when the outbox is empty
    #[arg(long)]
    pub(crate) watch: bool,
    /// Workers side by side [default: one for each processor]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
    /// End after so many rows
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_rows: Option<u64>,
    /// End after so many seconds, with the batches at hand finished
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub(crate) deadline: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    /// Only say when each job is due next
    #[arg(long)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Only the vendors' statuses that Buffalo does not know, with the id of one record each
    #[arg(long)]
    pub(crate) unmapped: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// The source to compare; all enabled ones if left out
    pub(crate) source: Option<String>,
    /// Only what came into being on this day (UTC) or later, such as 2026-01-31
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Put what is missing or different into the outbox, and mark what the source no longer has as gone
    #[arg(long)]
    pub(crate) repair: bool,
    /// With --repair: mark what the source no longer has as gone, however much it is
    #[arg(long, requires = "repair")]
    pub(crate) allow_mass_delete: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct MaintainArgs {
    /// Only say what would be made and dropped
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Write what is wrong as it should be
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// The run to show; a list if left out
    pub(crate) id: Option<uuid::Uuid>,
    #[command(flatten)]
    pub(crate) params: crate::question::RunsParams,
    #[command(flatten)]
    pub(crate) output: Formatted,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CursorsCommand {
    /// Show all cursors
    Show(Formatted),
    /// Forget a position, so that the next fetch is a backfill; stored records stay
    #[command(after_help = "Example:\n  buffalo cursors reset stripe payments --dry-run")]
    Reset {
        /// The source
        source: String,
        /// The entity
        entity: String,
        /// Forget whose data it is as well: the next run is a backfill from whichever account is configured then.
        /// Records of the earlier one stay, and count, until `reconcile --repair` finds that they are gone
        #[arg(long)]
        forget_identity: bool,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
}
