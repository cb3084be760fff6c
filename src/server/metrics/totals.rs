//! What runs and deliveries of notifications did so far, as counters, whichever process did it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use buffalo_model::{RequestOutcome, RunStatus};
use buffalo_store::{Counter, DeliveryOutcome, Durations, Measurements, RecordOutcome, Total};

use super::catalogue::{
    BATCH_DURATION, CLAIM_DURATION, Metric, NOTIFICATIONS, PAGES, RECORDS, RUNS, VENDOR_REQUESTS,
    VENDOR_RETRIES,
};
use super::exposition::{Exposition, Histogram, Value};

/// Writes all counters that are kept in the database.
pub(super) fn write(exposition: &mut Exposition, measured: &Measurements) {
    let totals = &measured.totals;
    let statuses = RunStatus::ALL.into_iter().filter(|status| *status != RunStatus::Running);
    let statuses: Vec<_> = statuses.map(RunStatus::as_str).collect();
    let records = RecordOutcome::ALL.map(RecordOutcome::as_str);
    let requests = RequestOutcome::ALL.map(RequestOutcome::as_str);
    let deliveries = DeliveryOutcome::ALL.map(DeliveryOutcome::as_str);
    for (metric, counter, seen_with, outcomes) in [
        (&RUNS, Counter::Runs, Counter::Runs, statuses.as_slice()),
        (&RECORDS, Counter::Records, Counter::Records, &records),
        (&PAGES, Counter::Pages, Counter::Pages, &[""]),
        (&VENDOR_REQUESTS, Counter::Requests, Counter::Requests, &requests),
        (&VENDOR_RETRIES, Counter::Retries, Counter::Requests, &[""]),
        (&NOTIFICATIONS, Counter::Notifications, Counter::Notifications, &deliveries),
    ] {
        exposition.metric(metric, samples(metric, totals, counter, seen_with, outcomes));
    }
    exposition.histogram(&CLAIM_DURATION, [(vec![], histogram(&measured.claims))]);
    exposition.histogram(&BATCH_DURATION, [(vec![], histogram(&measured.batches))]);
}

/// The samples of a counter: for every source, entity and mode that `seen_with` has counted, one of each outcome. What
/// never was is 0, since Prometheus can't see the first step of a series that begins with it.
fn samples<'a>(
    metric: &Metric,
    totals: &'a [Total],
    counter: Counter,
    seen_with: Counter,
    outcomes: &'a [&str],
) -> Vec<(Vec<&'a str>, Value)> {
    let series: BTreeSet<[&str; 3]> =
        totals.iter().filter(|total| total.counter == seen_with).map(series).collect();
    let known: BTreeMap<([&str; 3], &str), i64> = totals
        .iter()
        .filter(|total| total.counter == counter)
        .map(|total| ((self::series(total), total.outcome.as_str()), total.total))
        .collect();
    let mut samples = Vec::new();
    for series in series {
        for outcome in outcomes {
            let [source, entity, mode] = series;
            let value = |label: &&str| match *label {
                "source" | "channel" => source,
                "entity" => entity,
                "mode" => mode,
                _ => outcome,
            };
            let labels = metric.labels.iter().map(value).collect();
            samples.push((labels, Value::Count(known.get(&(series, *outcome)).copied().unwrap_or(0))));
        }
    }
    samples
}

fn series(total: &Total) -> [&str; 3] {
    [&total.source, &total.entity, &total.mode]
}

fn histogram(durations: &Durations) -> Histogram {
    let bounds = durations.up_to_us.iter();
    Histogram {
        up_to: bounds.map(|(bound, count)| (Duration::from_micros(*bound), *count)).collect(),
        count: durations.count,
        sum: Duration::from_micros(u64::try_from(durations.sum_us).unwrap_or(0)),
    }
}
