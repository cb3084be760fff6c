//! The command line of `buffalo webhooks`.

use clap::{Args, Subcommand};

use super::Formatted;

#[derive(Debug, Args)]
pub(crate) struct WebhooksArgs {
    /// The source; of those that there are, `gcal` has channels that expire
    pub(crate) source: String,
    #[command(subcommand)]
    pub(crate) action: WebhooksAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksAction {
    /// Have changes told to an address; open channels are left alone until they have less than a day to last
    Watch {
        /// Where changes are to be posted, such as `https://buffalo.example.com/webhooks/gcal`
        #[arg(long)]
        url: String,
        #[command(flatten)]
        output: Formatted,
    },
    /// Have nothing told any more
    Stop(Formatted),
}
