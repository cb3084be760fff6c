//! `buffalo maintain`: the partitions of the raw history, and what `status` says of them.

use buffalo_jobs::{Effect, Maintain};
use buffalo_model::{Maintenance, Retention, Span, SystemClock, covered_until, lacks_next_week};
use buffalo_store::{Status, Store};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::cli::{Format, MaintainArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{complain, say, say_csv, say_json, say_table, time};

pub(super) async fn run(args: &MaintainArgs, config: &Config) -> anyhow::Result<Exit> {
    let effect = if args.dry_run { Effect::OnlyTold } else { Effect::Done };
    let Some(report) = maintain(config, effect).await? else {
        complain("another maintenance is at work; nothing was done here");
        return Ok(Exit::Done);
    };
    match args.output.format {
        Format::Json => say_json(&report)?,
        Format::Csv => say_csv(&HEADER, &rows(&report))?,
        Format::Table => show(&report)?,
    }
    Ok(exit(&report))
}

/// Maintains, and complains of what could not be done; none while another maintenance is at work.
pub(super) async fn maintain(config: &Config, effect: Effect) -> anyhow::Result<Option<Maintenance>> {
    let job = Maintain { store: config.store()?, clock: &SystemClock, retention: config.retention, effect };
    let report = job.run().await?;
    complain_of(report.as_ref());
    Ok(report)
}

fn complain_of(report: Option<&Maintenance>) {
    for trouble in report.iter().flat_map(|report| &report.not_done) {
        complain(format!("could not {} {}: {}", trouble.step, trouble.partition, trouble.reason));
    }
}

/// Done when everything could be done, partly failed otherwise.
pub(super) fn exit(report: &Maintenance) -> Exit {
    if report.not_done.is_empty() { Exit::Done } else { Exit::PartlyFailed }
}

/// Makes the partitions that a migrated database lacks, and drops none: whoever migrates may not have been told how long
/// history is to be kept.
pub(super) async fn make_partitions(store: &Store) -> anyhow::Result<()> {
    let job = Maintain { store, clock: &SystemClock, retention: Retention::ForEver, effect: Effect::Done };
    complain_of(job.run().await?.as_ref());
    Ok(())
}

/// What a person should know about the partitions; nothing when all is well.
pub(super) fn warnings(status: &Status, now: DateTime<Utc>) -> Vec<String> {
    let mut warnings = Vec::new();
    if status.default_holds_rows {
        warnings.push("Raw records lie in the default partition, which is never dropped".to_owned());
    }
    if lacks_next_week(now, &spans(status)) {
        warnings.push("There is no partition for next week's raw records".to_owned());
    }
    warnings
}

/// The same as a document.
pub(super) fn coverage(status: &Status, now: DateTime<Utc>) -> Value {
    json!({"coveredUntil": covered_until(now, &spans(status)), "defaultHoldsRows": status.default_holds_rows,
           "warnings": warnings(status, now)})
}

fn spans(status: &Status) -> Vec<Span> {
    status.partitions.iter().map(|partition| partition.span).collect()
}

const HEADER: [&str; 6] = ["what", "partition", "from", "to", "rows", "bytes"];

fn rows(report: &Maintenance) -> Vec<Vec<String>> {
    let row = |what: &str, partition: &str, span: Option<Span>, rows: Option<i64>, bytes: Option<i64>| {
        let number = |number: Option<i64>| number.map_or_else(|| "–".to_owned(), |number| number.to_string());
        let (from, to) = (span.and_then(|span| span.from), span.map(|span| span.to));
        vec![what.to_owned(), partition.to_owned(), time(from), time(to), number(rows), number(bytes)]
    };
    let mut rows = Vec::new();
    for made in &report.created {
        let moved = Some(made.rows_from_default).filter(|rows| *rows > 0);
        let what = if moved.is_some() { "created, rows moved from default" } else { "created" };
        rows.push(row(what, &made.partition, Some(made.span), moved, None));
    }
    for gone in &report.dropped {
        rows.push(row("dropped", &gone.partition, Some(gone.span), gone.estimated_rows, Some(gone.bytes)));
    }
    for kept in &report.kept {
        let waiting = Some(kept.waiting_rows);
        rows.push(row("kept, rows wait in the outbox", &kept.partition, Some(kept.span), waiting, None));
    }
    if report.forgotten_events > 0 {
        rows.push(row("forgotten", "webhook_events", None, Some(report.forgotten_events), None));
    }
    for trouble in &report.not_done {
        rows.push(row(&format!("could not {}", trouble.step), &trouble.partition, None, None, None));
    }
    rows
}

fn show(report: &Maintenance) -> anyhow::Result<()> {
    let rows = rows(report);
    if rows.is_empty() {
        say("Nothing to do: all partitions are there, and none is past retention.")?;
        return Ok(());
    }
    if report.dry_run {
        say("What would be done:")?;
    }
    say_table(&HEADER, &["rows", "bytes"], rows)?;
    Ok(())
}
