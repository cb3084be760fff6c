//! `buffalo fetch`: all enabled sources side by side, or one of them.

use std::sync::Arc;

use buffalo_connectors::{Connector, registration};
use buffalo_jobs::{Fetch, FetchOptions, MassDelete, Stop};
use buffalo_model::{Entity, Mode, Run, RunStatus, SystemClock};
use buffalo_store::Store;
use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::{FetchArgs, FetchMode, Format};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{complain, say_csv, say_json, say_runs};
use crate::question::known_source;
use crate::shutdown;

pub(super) async fn run(args: &FetchArgs, config: &Config) -> anyhow::Result<Exit> {
    let connectors = chosen(args.source.as_deref(), config)?;
    let mode = match args.mode {
        FetchMode::Incremental => Mode::Incremental,
        FetchMode::Full => Mode::Full,
    };
    let mass_delete = mass_delete(args.allow_mass_delete);
    let runs =
        fetch_all(config.store()?, config, &connectors, (mode, mass_delete), &shutdown::on_signal()).await?;
    match args.output.format {
        Format::Json => say_json(&json!({ "runs": runs }))?,
        Format::Csv => csv(&runs)?,
        Format::Table => say_runs(&runs)?,
    }
    Ok(exit(&runs, args.fail_if_busy))
}

pub(super) fn mass_delete(allowed: bool) -> MassDelete {
    if allowed { MassDelete::Allowed } else { MassDelete::Proved }
}

pub(super) fn chosen(name: Option<&str>, config: &Config) -> anyhow::Result<Vec<Arc<dyn Connector>>> {
    let Some(name) = name else { return Ok(config.sources.clone()) };
    let source = known_source(name).map_err(UsageError)?;
    let connector = config.sources.iter().find(|connector| *connector.source() == source);
    let Some(connector) = connector else {
        let enabled_by = registration(name).map_or("", |source| source.enabled_by);
        anyhow::bail!("{source} is not enabled: set {enabled_by}");
    };
    Ok(vec![Arc::clone(connector)])
}

/// Fetches every entity of every connector side by side; one that fails does not touch the others.
pub(super) async fn fetch_all(
    store: &Store,
    config: &Config,
    connectors: &[Arc<dyn Connector>],
    (mode, mass_delete): (Mode, MassDelete),
    stop: &Stop,
) -> anyhow::Result<Vec<Run>> {
    let mut running = Vec::new();
    for connector in connectors {
        for entity in connector.entities() {
            let (store, connector, entity) = (store.clone(), Arc::clone(connector), *entity);
            let bar = super::progress(format!("fetching {} {entity}", connector.source()));
            let options = FetchOptions {
                mode,
                full_backfill_min_interval: config.full_backfill_min_interval,
                deadline: config.fetch_deadline,
                mass_delete,
                stop: stop.clone(),
                on_progress: counting(&bar),
            };
            running.push(tokio::spawn(async move {
                let run = one(&store, &*connector, entity, options).await;
                bar.finish_and_clear();
                run
            }));
        }
    }
    let mut runs = Vec::with_capacity(running.len());
    for run in running {
        let run = run.await??;
        if let Some(error) = &run.error {
            complain(format!("{} {}: {}: {error}", run.source, run.entity, run.status));
        }
        runs.push(run);
    }
    Ok(runs)
}

async fn one(
    store: &Store,
    connector: &dyn Connector,
    entity: Entity,
    options: FetchOptions,
) -> anyhow::Result<Run> {
    let fetch = Fetch { store, clock: &SystemClock, connector, entity, options };
    Ok(fetch.run().await?)
}

pub(super) fn counting(bar: &ProgressBar) -> buffalo_jobs::OnProgress {
    let bar = bar.clone();
    Arc::new(move |records| bar.inc(records))
}

fn csv(runs: &[Run]) -> anyhow::Result<()> {
    let header =
        ["runId", "source", "entity", "mode", "status", "recordsFetched", "recordsEnqueued", "error"];
    let row = |run: &Run| {
        vec![
            run.run_id.to_string(),
            run.source.clone(),
            run.entity.clone(),
            run.mode.as_str().to_owned(),
            run.status.to_string(),
            run.counts.records_fetched.to_string(),
            run.counts.records_enqueued.to_string(),
            run.error.clone().unwrap_or_default(),
        ]
    };
    say_csv(&header, &runs.iter().map(row).collect::<Vec<_>>())
}

/// Done when all went well, failed when nothing did, partly failed in between.
pub(super) fn exit(runs: &[Run], fail_if_busy: bool) -> Exit {
    let well = |run: &Run| matches!(run.status, RunStatus::Success | RunStatus::Skipped);
    if runs.iter().all(well) {
        let busy = runs.iter().any(|run| run.status == RunStatus::Skipped);
        return if busy && fail_if_busy { Exit::Busy } else { Exit::Done };
    }
    if runs.iter().all(|run| matches!(run.status, RunStatus::Failed | RunStatus::Abandoned)) {
        return Exit::Failed;
    }
    Exit::PartlyFailed
}
