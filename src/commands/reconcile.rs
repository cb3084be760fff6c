//! `buffalo reconcile`: proof that nothing is missing.

use std::sync::Arc;

use buffalo_connectors::Connector;
use buffalo_jobs::{MassDelete, Reconcile, Stop};
use buffalo_model::{Reconciliation, Run, RunStatus, SystemClock};
use chrono::{DateTime, NaiveTime, Utc};
use serde_json::json;

use super::fetch::{chosen, counting, mass_delete};
use crate::cli::{Format, ReconcileArgs};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{complain, say, say_csv, say_json, say_table};
use crate::shutdown;

pub(super) async fn run(args: &ReconcileArgs, config: &Config) -> anyhow::Result<Exit> {
    let since = args.since.as_deref().map(midnight).transpose()?;
    let connectors = chosen(args.source.as_deref(), config)?;
    let stop = shutdown::on_signal();
    let repair = match args.repair {
        true => Repair::All(mass_delete(args.allow_mass_delete)),
        false => Repair::None,
    };
    let (runs, results) = compare_all(config, &connectors, since, repair, &stop).await?;
    match args.output.format {
        Format::Json => say_json(&json!({ "reconciliations": results, "runs": runs }))?,
        Format::Csv => say_csv(&HEADER, &results.iter().map(row).collect::<Vec<_>>())?,
        Format::Table => show(&results, args.repair)?,
    }
    Ok(exit(&runs, &results))
}

/// What becomes of what is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repair {
    None,
    All(MassDelete),
}

impl Repair {
    fn mass_delete(self) -> MassDelete {
        match self {
            Self::None => MassDelete::Proved,
            Self::All(mass_delete) => mass_delete,
        }
    }
}

/// Compares every entity of every connector, one after the other.
pub(super) async fn compare_all(
    config: &Config,
    connectors: &[Arc<dyn Connector>],
    since: Option<DateTime<Utc>>,
    repair: Repair,
    stop: &Stop,
) -> anyhow::Result<(Vec<Run>, Vec<Reconciliation>)> {
    let (mut runs, mut results) = (Vec::new(), Vec::new());
    for connector in connectors {
        for entity in connector.entities() {
            let bar = super::progress(format!("comparing {} {entity}", connector.source()));
            let reconcile = Reconcile {
                store: config.store()?,
                clock: &SystemClock,
                connector: &**connector,
                entity: *entity,
                since,
                repair: repair != Repair::None,
                mass_delete: repair.mass_delete(),
                deadline: config.reconcile_deadline,
                stop: stop.clone(),
                on_progress: counting(&bar),
            };
            let (run, result) = reconcile.run().await?;
            bar.finish_and_clear();
            if let Some(error) = &run.error {
                complain(format!("{} {}: {}: {error}", run.source, run.entity, run.status));
            }
            runs.push(run);
            results.extend(result);
        }
    }
    Ok((runs, results))
}

const HEADER: [&str; 7] = ["source", "entity", "listed", "missing", "different", "extra", "repaired"];

fn row(result: &Reconciliation) -> Vec<String> {
    let counts = [result.listed, result.missing, result.different, result.extra, result.repaired];
    let mut row = vec![result.source.clone(), result.entity.clone()];
    row.extend(counts.map(|count| count.to_string()));
    row
}

fn show(results: &[Reconciliation], repair: bool) -> anyhow::Result<()> {
    if results.is_empty() {
        return Ok(());
    }
    say_table(&HEADER, &HEADER[2..], results.iter().map(row).collect())?;
    for result in results {
        let totals: Vec<Vec<String>> = result
            .totals
            .iter()
            .map(|total| {
                vec![
                    total.currency.clone(),
                    total.status.clone(),
                    total.listed_count.to_string(),
                    total.listed_cents.clone(),
                    total.stored_count.to_string(),
                    total.stored_cents.clone(),
                ]
            })
            .collect();
        if !totals.is_empty() {
            say(format!("{} {}, amounts in minor units:", result.source, result.entity))?;
            let header = ["currency", "status", "listed", "amount listed", "stored", "amount stored"];
            say_table(&header, &header[2..], totals)?;
        }
        for sample in &result.samples {
            say(format!("  {}: {}", sample.external_id, sample.what))?;
        }
        if result.in_question() > i64::try_from(result.samples.len())? {
            say(format!("  … {} in all", result.in_question()))?;
        }
        if result.is_equal() {
            say(format!("{} {}: everything is there.", result.source, result.entity))?;
        } else if result.in_question() == 0 {
            say(format!(
                "{} {}: each record that was listed is stored as it is, and the totals differ all the same.",
                result.source, result.entity
            ))?;
        }
    }
    let wrong = results.iter().any(|result| !result.is_equal());
    if wrong && repair {
        say("What was wrong is in the outbox: run `buffalo process`.")?;
    } else if wrong {
        say(
            "`buffalo fetch` and `buffalo process` bring what changed since the last fetch; --repair mends the rest.",
        )?;
    }
    Ok(())
}

fn midnight(day: &str) -> Result<DateTime<Utc>, UsageError> {
    let day = buffalo_model::parse_date(day).map_err(|error| UsageError(format!("--since: {error}")))?;
    Ok(day.and_time(NaiveTime::MIN).and_utc())
}

/// Done when all is equal, failed when nothing could be compared, partly failed in between.
pub(super) fn exit(runs: &[Run], results: &[Reconciliation]) -> Exit {
    let ended_badly =
        |run: &&Run| matches!(run.status, RunStatus::Failed | RunStatus::Abandoned | RunStatus::Partial);
    if runs.iter().filter(ended_badly).count() == runs.len() && !runs.is_empty() {
        return Exit::Failed;
    }
    let equal = results.iter().all(Reconciliation::is_equal);
    if equal && !runs.iter().any(|run| ended_badly(&run)) { Exit::Done } else { Exit::PartlyFailed }
}
