//! `buffalo status`: how things stand, at a glance.

use buffalo_model::{Clock, SystemClock};
use buffalo_store::{Status, UnmappedStatus};
use serde_json::{Value, json};

use crate::cli::{Format, StatusArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say, say_csv, say_json, say_table, time};

pub(super) async fn run(args: &StatusArgs, config: &Config) -> anyhow::Result<Exit> {
    let (store, format) = (config.store()?, args.output.format);
    if args.unmapped {
        return unmapped(&store.unmapped_statuses(MOST_UNMAPPED).await?, format);
    }
    store.abandon_silent_runs(SystemClock.now()).await?;
    let status = store.status().await?;
    let last_runs = store.last_fetches().await?;
    if format == Format::Json {
        say_json(&document(&status, &last_runs))?;
        return Ok(Exit::Done);
    }
    let last_run = |source: &str, entity: &str| {
        let found = last_runs.iter().find(|(of, what, _)| of == source && what == entity);
        found.and_then(|(_, _, run)| run["status"].as_str()).unwrap_or("–").to_owned()
    };
    let rows: Vec<Vec<String>> = status
        .cursors
        .iter()
        .map(|cursor| {
            let (source, entity) = (cursor.source.as_str(), cursor.entity.as_str());
            let outbox = status.outbox.iter().find(|depth| depth.source == source && depth.entity == entity);
            let dead = status.dead_letters.iter().find(|(of, _)| of == source).map_or(0, |(_, count)| *count);
            vec![
                source.to_owned(),
                entity.to_owned(),
                time(cursor.data_through),
                last_run(source, entity),
                outbox.map_or(0, |depth| depth.pending).to_string(),
                outbox.map_or(0, |depth| depth.retrying).to_string(),
                dead.to_string(),
                circuit(&status, source),
                reconciled(&status, source, entity),
            ]
        })
        .collect();
    let header = [
        "source",
        "entity",
        "data through",
        "last fetch",
        "pending",
        "retrying",
        "dead letters",
        "circuit",
        "reconciled",
    ];
    if format == Format::Csv {
        say_csv(&header, &rows)?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        say("Nothing was fetched so far.")?;
    } else {
        say_table(&header, &["pending", "retrying", "dead letters"], rows)?;
    }
    if !status.unmapped.is_empty() {
        say("Statuses that Buffalo does not know; these payments are in no figure:")?;
        say_unmapped(&status.unmapped)?;
    }
    for warning in super::maintain::warnings(&status, SystemClock.now()) {
        say(warning)?;
    }
    Ok(Exit::Done)
}

/// The longest list of unknown statuses.
const MOST_UNMAPPED: i64 = 200;

const UNMAPPED_HEADER: [&str; 4] = ["source", "status", "records", "one of them"];

fn unmapped(statuses: &[UnmappedStatus], format: Format) -> anyhow::Result<Exit> {
    match format {
        Format::Json => {
            let documents: Vec<_> = statuses.iter().map(unmapped_document).collect();
            say_json(&json!({"count": documents.len(), "statuses": documents}))?;
        }
        Format::Csv => say_csv(&UNMAPPED_HEADER, &statuses.iter().map(unmapped_row).collect::<Vec<_>>())?,
        Format::Table if statuses.is_empty() => say("Every status is known.")?,
        Format::Table => say_unmapped(statuses)?,
    }
    Ok(Exit::Done)
}

fn say_unmapped(statuses: &[UnmappedStatus]) -> std::io::Result<()> {
    say_table(&UNMAPPED_HEADER, &["records"], statuses.iter().map(unmapped_row).collect())
}

fn unmapped_row(status: &UnmappedStatus) -> Vec<String> {
    vec![status.source.clone(), status.raw_status.clone(), status.count.to_string(), status.sample.clone()]
}

fn unmapped_document(status: &UnmappedStatus) -> Value {
    json!({"source": status.source, "rawStatus": status.raw_status, "count": status.count, "sample": status.sample})
}

/// The state of a source's circuit breaker, and when an open one is tried again.
fn circuit(status: &Status, source: &str) -> String {
    let Some(circuit) = status.circuits.iter().find(|circuit| circuit.source.as_str() == source) else {
        return "–".to_owned();
    };
    match circuit.retry_at {
        Some(at) => format!("{} until {}", circuit.state, time(Some(at))),
        None => circuit.state.to_string(),
    }
}

/// What the newest comparison with the source came to.
fn reconciled(status: &Status, source: &str, entity: &str) -> String {
    let mut all = status.reconciliations.iter();
    match all.find(|result| result.source == source && result.entity == entity) {
        None => "never".to_owned(),
        Some(result) if result.is_equal() => format!("equal, {}", time(Some(result.compared_at))),
        Some(result) => format!(
            "{} missing, {} different, {} extra, {}",
            result.missing,
            result.different,
            result.extra,
            time(Some(result.compared_at))
        ),
    }
}

fn document(status: &Status, last_runs: &[(String, String, Value)]) -> Value {
    let outbox: Vec<_> = status
        .outbox
        .iter()
        .map(|depth| {
            json!({"source": depth.source, "entity": depth.entity, "pending": depth.pending,
                   "retrying": depth.retrying, "oldestEnqueuedAt": depth.oldest_enqueued_at})
        })
        .collect();
    let unmapped: Vec<_> = status.unmapped.iter().map(unmapped_document).collect();
    let cursors: Vec<_> = status.cursors.iter().map(super::cursors::document).collect();
    let last_runs: Vec<_> = last_runs
        .iter()
        .map(|(source, entity, run)| json!({"source": source, "entity": entity, "run": run}))
        .collect();
    let dead_letters: Vec<_> =
        status.dead_letters.iter().map(|(source, count)| json!({"source": source, "count": count})).collect();
    let circuits: Vec<_> = status
        .circuits
        .iter()
        .map(|circuit| {
            json!({"source": circuit.source, "state": circuit.state.as_str(),
                   "failuresInARow": circuit.failures_in_a_row, "retryAt": circuit.retry_at,
                   "notedAt": circuit.noted_at})
        })
        .collect();
    json!({"cursors": cursors, "circuits": circuits, "reconciliations": status.reconciliations, "lastRuns": last_runs, "outbox": outbox, "deadLetters": dead_letters,
           "unmappedStatuses": unmapped, "partitions": super::maintain::coverage(status, SystemClock.now())})
}
