//! `buffalo status`: how things stand, at a glance.

use buffalo_model::{Clock, SystemClock};
use buffalo_store::Status;
use serde_json::{Value, json};

use crate::cli::Format;
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say, say_csv, say_json, say_table, time};

pub(super) async fn run(format: Format, config: &Config) -> anyhow::Result<Exit> {
    let store = config.store()?;
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
            ]
        })
        .collect();
    let header =
        ["source", "entity", "data through", "last fetch", "pending", "retrying", "dead letters", "circuit"];
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
        let row = |status: &buffalo_store::UnmappedStatus| {
            vec![
                status.source.clone(),
                status.raw_status.clone(),
                status.count.to_string(),
                status.sample.clone(),
            ]
        };
        say_table(
            &["source", "status", "payments", "one of them"],
            &["payments"],
            status.unmapped.iter().map(row).collect(),
        )?;
    }
    Ok(Exit::Done)
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

fn document(status: &Status, last_runs: &[(String, String, Value)]) -> Value {
    let outbox: Vec<_> = status
        .outbox
        .iter()
        .map(|depth| {
            json!({"source": depth.source, "entity": depth.entity, "pending": depth.pending,
                   "retrying": depth.retrying, "oldestEnqueuedAt": depth.oldest_enqueued_at})
        })
        .collect();
    let unmapped: Vec<_> = status
        .unmapped
        .iter()
        .map(|unmapped| {
            json!({"source": unmapped.source, "rawStatus": unmapped.raw_status, "count": unmapped.count,
                   "sample": unmapped.sample})
        })
        .collect();
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
    json!({"cursors": cursors, "circuits": circuits, "lastRuns": last_runs, "outbox": outbox, "deadLetters": dead_letters,
           "unmappedStatuses": unmapped})
}
