//! `buffalo process`: drains the outbox.

use std::sync::Arc;
use std::time::Duration;

use buffalo_jobs::{Process, ProcessOptions, Stop};
use buffalo_model::SystemClock;
use serde_json::json;

use super::fetch::{counting, exit};
use super::hints;
use crate::cli::{Format, ProcessArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{complain, say_csv, say_json, say_runs};
use crate::shutdown;

pub(super) async fn run(args: &ProcessArgs, config: &Config) -> anyhow::Result<Exit> {
    let bar = super::progress("processing".to_owned());
    let defaults = options(config, shutdown::on_signal());
    let options = ProcessOptions {
        workers: args.workers.map_or(defaults.workers, usize::from),
        watch: args.watch,
        max_rows: args.max_rows,
        deadline: args.deadline.map(Duration::from_secs),
        on_progress: counting(&bar),
        ..defaults
    };
    let process = Process { store: config.store()?.clone(), clock: Arc::new(SystemClock), options };
    let run = if args.watch { hints::meanwhile(config, process.run()).await? } else { process.run().await };
    bar.finish_and_clear();
    let run = run?;
    if let Some(error) = &run.error {
        complain(format!("process: {}: {error}", run.status));
    }
    if run.counts.records_dead_lettered > 0 {
        complain(format!(
            "{} rows became dead letters; see `buffalo dead-letters list`",
            run.counts.records_dead_lettered
        ));
    }
    let runs = [run];
    match args.output.format {
        Format::Json => say_json(&json!({ "runs": runs }))?,
        Format::Csv => {
            let counts = &runs[0].counts;
            let row = [counts.records_processed, counts.records_failed, counts.records_dead_lettered];
            say_csv(
                &["recordsProcessed", "recordsFailed", "recordsDeadLettered"],
                &[row.map(|count| count.to_string()).to_vec()],
            )?;
        }
        Format::Table => say_runs(&runs)?,
    }
    Ok(exit(&runs, false))
}

/// How a drain works where nothing else is asked for: a worker for each processor. Where there are more workers than
/// connections (`DATABASE_POOL_MAX`), they wait for one another.
pub(super) fn options(config: &Config, stop: Stop) -> ProcessOptions {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    ProcessOptions { workers, stop, ..config.process_options() }
}
