//! `buffalo`: fetches, processes and serves. One subcommand for each role; every one is safe to start twice.

mod chart;
mod cli;
mod commands;
mod config;
mod dead_letters;
mod exit;
mod foreign_text;
mod keys;
mod output;
mod overlaps;
mod question;
mod schedules;
mod server;
mod shutdown;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let exit = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .map_or_else(|error| exit::report(&error), |runtime| runtime.block_on(run(cli)));
    exit.into()
}

async fn run(cli: Cli) -> Exit {
    // The only TLS implementation in the program; a second call, which never happens, would be refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let exit = match commands::run(cli.command).await {
        Ok(exit) => exit,
        Err(error) => exit::report(&error),
    };
    telemetry::end().await;
    exit
}
