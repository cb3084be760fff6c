//! `buffalo run`: everything in one process, for a single small host.

use std::sync::Arc;

use buffalo_jobs::{Process, ProcessOptions, StopSwitch};
use buffalo_model::SystemClock;
use tokio::task::JoinSet;

use super::hints::following;
use super::process;
use super::schedule::{Draining, schedule};
use crate::config::Config;
use crate::exit::Exit;
use crate::{server, shutdown};

/// Serves, processes and fetches until stopped. When one of its parts ends by itself, so do the others.
pub(super) async fn run(config: Arc<Config>) -> anyhow::Result<Exit> {
    let (switch, stop) = StopSwitch::new();
    let mut asked = shutdown::on_signal();
    let listener = server::listen(&config).await?;
    tracing::info!(address = %listener.local_addr()?, "serving, processing and fetching");

    let mut parts = JoinSet::new();
    let (of_server, stop_server) = (Arc::clone(&config), stop.clone());
    parts.spawn(async move { ("serving", server::serve(listener, of_server, stop_server).await) });
    let options = ProcessOptions { watch: true, ..process::options(&config, stop.clone()) };
    let processing = Process { store: config.store()?.clone(), clock: Arc::new(SystemClock), options };
    parts.spawn(async move { ("processing", ended(processing.run().await)) });
    let scheduling = schedule(&config, Draining::Watched)?;
    let stop_schedule = stop.clone();
    parts.spawn(async move {
        scheduling.run(&stop_schedule).await;
        ("fetching", Ok(()))
    });

    let hints = following(&config, stop.clone())?;
    parts.spawn(async move {
        hints.run().await;
        ("following hints", Ok(()))
    });

    let mut exit = Exit::Done;
    loop {
        tokio::select! {
            () = asked.requested(), if !stop.is_requested() => switch.stop(),
            part = parts.join_next() => {
                let Some(part) = part else { return Ok(exit) };
                let (name, result) = part?;
                match result {
                    Ok(()) if stop.is_requested() => {}
                    Ok(()) => {
                        tracing::error!(part = name, "ended though nobody had asked for it");
                        exit = Exit::Failed;
                    }
                    Err(error) => {
                        tracing::error!(part = name, %error, "failed");
                        exit = Exit::Failed;
                    }
                }
                switch.stop();
            }
        }
    }
}

/// A run that had no end of its own has failed if it has an error to tell.
fn ended(run: Result<buffalo_model::Run, buffalo_store::StoreError>) -> anyhow::Result<()> {
    match run?.error {
        Some(error) => Err(anyhow::anyhow!(error)),
        None => Ok(()),
    }
}
