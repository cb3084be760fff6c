//! `buffalo runs`: what was done, and how it ended.

use buffalo_model::{Clock, RunId, SystemClock};

use super::usage;
use crate::cli::{Format, RunsArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say, say_csv, say_json, say_runs, time};
use crate::server::RunList;

pub(super) async fn run(args: &RunsArgs, config: &Config) -> anyhow::Result<Exit> {
    let store = config.store()?;
    store.abandon_silent_runs(SystemClock.now()).await?;
    if let Some(id) = args.id {
        let Some(run) = store.find_run(RunId(id)).await? else { anyhow::bail!("there is no run {id}") };
        if args.output.format == Format::Json {
            say_json(&run)?;
            return Ok(Exit::Done);
        }
        say_runs(std::slice::from_ref(&run))?;
        say(format!("finished {}, data through {}", time(run.finished_at), time(run.data_through)))?;
        for text in run.full_backfill_reason.iter().chain(&run.error) {
            say(text)?;
        }
        for failed in &run.failed_records {
            say(format!("{}: {}: {}", failed.external_id, failed.stage, failed.error))?;
        }
        return Ok(Exit::Done);
    }
    let filter = args.params.filter().map_err(|problems| usage(&problems))?;
    let list = RunList::find(store, filter).await?;
    match args.output.format {
        Format::Json => say_json(&list)?,
        Format::Table => say_runs(&list.runs)?,
        Format::Csv => {
            let header = ["runId", "source", "entity", "mode", "status", "startedAt", "finishedAt", "error"];
            let rows = list.runs.iter().map(|run| {
                vec![
                    run.run_id.to_string(),
                    run.source.clone(),
                    run.entity.clone(),
                    run.mode.as_str().to_owned(),
                    run.status.to_string(),
                    time(Some(run.started_at)),
                    run.finished_at.map(|at| time(Some(at))).unwrap_or_default(),
                    run.error.clone().unwrap_or_default(),
                ]
            });
            say_csv(&header, &rows.collect::<Vec<_>>())?;
        }
    }
    Ok(Exit::Done)
}
