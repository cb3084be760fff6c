//! What the database says, as metrics.

use std::collections::BTreeMap;

use buffalo_model::CircuitState;
use buffalo_store::{CursorRow, Measurements};
use chrono::{DateTime, TimeDelta, Utc};

use super::catalogue::{
    CIRCUIT_STATE, DATA_THROUGH_AGE, DEAD_LETTERS, OUTBOX_DEPTH, OUTBOX_OLDEST_AGE, REVENUE_DRIFT,
};
use super::exposition::{Exposition, Value};

/// Writes everything that was measured. What is empty is written as 0 for every source that was ever fetched: a series
/// that vanishes can't be told from a scrape that failed.
pub(super) fn write(exposition: &mut Exposition, measured: &Measurements, now: DateTime<Utc>) {
    let circuits = measured.circuits.iter().flat_map(|circuit| {
        CircuitState::ALL.map(|state| {
            let is = Value::Count(i64::from(circuit.state == state));
            (vec![circuit.source.as_str(), state.as_str()], is)
        })
    });
    exposition.metric(&CIRCUIT_STATE, circuits);
    let ages = measured.cursors.iter().filter_map(|cursor| {
        let age = Value::Seconds(now - cursor.data_through?);
        Some((key(cursor).to_vec(), age))
    });
    exposition.metric(&DATA_THROUGH_AGE, ages);
    exposition.metric(&OUTBOX_DEPTH, outbox_depths(measured));
    exposition.metric(&OUTBOX_OLDEST_AGE, oldest_ages(measured, now));
    exposition.metric(&DEAD_LETTERS, dead_letters(measured));
    exposition.metric(&REVENUE_DRIFT, [(Vec::new(), Value::Count(measured.revenue_drift))]);
}

fn outbox_depths(measured: &Measurements) -> impl Iterator<Item = (Vec<&str>, Value)> {
    let mut depths: BTreeMap<[&str; 2], i64> =
        measured.cursors.iter().map(|cursor| (key(cursor), 0)).collect();
    for found in &measured.outbox {
        depths.insert([&found.source, &found.entity], found.rows);
    }
    depths.into_iter().map(|(key, rows)| (key.to_vec(), Value::Count(rows)))
}

fn oldest_ages(measured: &Measurements, now: DateTime<Utc>) -> impl Iterator<Item = (Vec<&str>, Value)> {
    let mut ages: BTreeMap<&str, TimeDelta> =
        measured.cursors.iter().map(|cursor| (cursor.source.as_str(), TimeDelta::zero())).collect();
    for (source, since) in &measured.longest_due_since {
        ages.insert(source, now - since);
    }
    ages.into_iter().map(|(source, age)| (vec![source], Value::Seconds(age)))
}

fn dead_letters(measured: &Measurements) -> impl Iterator<Item = (Vec<&str>, Value)> {
    let mut letters: BTreeMap<&str, i64> =
        measured.cursors.iter().map(|cursor| (cursor.source.as_str(), 0)).collect();
    for found in &measured.dead_letters {
        *letters.entry(&found.source).or_default() += found.rows;
    }
    letters.into_iter().map(|(source, rows)| (vec![source], Value::Count(rows)))
}

fn key(cursor: &CursorRow) -> [&str; 2] {
    [cursor.source.as_str(), &cursor.entity]
}
