//! The subcommands, a file each.

mod changes;
mod check;
mod concerns;
mod cursors;
mod dead_letters;
mod demo;
mod explain;
mod fetch;
mod fx;
mod health;
mod hints;
mod maintain;
mod migrate;
mod notify;
mod openapi;
mod overlaps;
mod process;
mod reconcile;
mod revenue;
mod run;
mod runs;
mod sandbox;
mod schedule;
mod status;
mod summary;
mod verify;
mod webhooks;

use std::sync::Arc;

use crate::cli::Command;
use crate::config::{Config, Needs};
use crate::exit::{Exit, UsageError};
use crate::question::FieldProblem;

/// Runs a subcommand.
pub(crate) async fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(args) => demo::run(&args, Config::load(Needs::Nothing)?).await,
        Command::Serve => crate::server::run(Config::load(Needs::Keys)?).await,
        Command::Run => {
            let config = Arc::new(connected(Needs::Everything).await?);
            notify::meanwhile(&config, run::run(Arc::clone(&config))).await
        }
        Command::Schedule(args) => {
            let config = Arc::new(connected(Needs::Sources).await?);
            notify::meanwhile(&config, schedule::run(&args, &config)).await
        }
        Command::Fetch(args) => {
            let config = connected(Needs::Sources).await?;
            notify::meanwhile(&config, fetch::run(&args, &config)).await
        }
        Command::Process(args) => {
            let config = connected(Needs::Database).await?;
            notify::meanwhile(&config, process::run(&args, &config)).await
        }
        Command::Reconcile(args) => {
            let config = connected(Needs::Sources).await?;
            notify::meanwhile(&config, reconcile::run(&args, &config)).await
        }
        Command::Revenue(args) => revenue::run(&args, &connected(Needs::Database).await?).await,
        Command::Fx(command) => fx::run(&command, &connected(Needs::Database).await?).await,
        Command::Runs(args) => runs::run(&args, &connected(Needs::Database).await?).await,
        Command::Summary(args) => {
            let config = connected(Needs::Database).await?;
            notify::meanwhile(&config, summary::run(&args, &config)).await
        }
        Command::Notify(args) if args.test => notify::test(&args, &Config::load(Needs::Nothing)?).await,
        Command::Notify(args) => notify::run(&args, &connected(Needs::Database).await?).await,
        Command::Status(args) => status::run(&args, &connected(Needs::Database).await?).await,
        Command::DeadLetters(command) => {
            dead_letters::run(&command, &connected(Needs::Database).await?).await
        }
        Command::Cursors(command) => cursors::run(&command, &connected(Needs::Database).await?).await,
        Command::Webhooks(args) => webhooks::run(&args, &connected(Needs::Sources).await?).await,
        Command::Migrate(output) => migrate::run(output.format, &connected(Needs::Database).await?).await,
        Command::Verify(args) => verify::run(&args, &connected(Needs::Database).await?).await,
        Command::Maintain(args) => maintain::run(&args, &connected(Needs::Database).await?).await,
        Command::Check(output) => check::run(output.format, &Config::load(Needs::Database)?).await,
        Command::Health => health::run(&Config::load(Needs::Nothing)?).await,
        Command::Openapi => openapi::run(),
        Command::Sandbox(args) => sandbox::run(args).await,
    }
}

/// The configuration, and a database that answers: a command says at once when it does not, and is patient only later.
async fn connected(needs: Needs) -> anyhow::Result<Config> {
    let config = Config::load(needs)?;
    config.store()?.reach().await?;
    Ok(config)
}

/// A usage error that names flags: parameters are in camelCase, flags in kebab-case.
fn usage(problems: &[FieldProblem]) -> anyhow::Error {
    let line = |problem: &FieldProblem| {
        let flag: String = problem
            .field
            .chars()
            .flat_map(|c| if c.is_ascii_uppercase() { vec!['-', c.to_ascii_lowercase()] } else { vec![c] })
            .collect();
        format!("--{flag}: {}", problem.message)
    };
    UsageError(problems.iter().map(line).collect::<Vec<_>>().join("\n")).into()
}

/// A bar on stderr that counts records; nothing where stderr is no terminal.
fn progress(what: String) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new_spinner().with_message(what);
    if let Ok(style) =
        indicatif::ProgressStyle::with_template("{spinner} {msg}: {human_pos} records, {per_sec}")
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}
