//! What a batch adds to the running totals.

use std::collections::HashMap;

use buffalo_store::{ClaimedBatch, DeadRow, RecordOutcome, RetryRow, Totals};

/// What became of the rows of a batch, by source and entity.
pub(super) fn of_rows(batch: &ClaimedBatch, retries: &[RetryRow], dead: &[DeadRow]) -> Totals {
    let failed: HashMap<usize, RecordOutcome> = retries
        .iter()
        .map(|retry| (retry.row, RecordOutcome::Failed))
        .chain(dead.iter().map(|dead| (dead.row, RecordOutcome::DeadLettered)))
        .collect();
    let mut counts: HashMap<(&str, &str, RecordOutcome), i64> = HashMap::new();
    for (row, claimed) in batch.rows().iter().enumerate() {
        let outcome = failed.get(&row).copied().unwrap_or(RecordOutcome::Processed);
        *counts.entry((claimed.key.source.as_str(), claimed.key.entity.as_str(), outcome)).or_default() += 1;
    }
    let mut totals = Totals::default();
    for ((source, entity, outcome), count) in counts {
        totals.records(source, entity, outcome, count);
        if outcome == RecordOutcome::DeadLettered {
            totals.records(source, entity, RecordOutcome::Failed, count);
        }
    }
    totals
}
