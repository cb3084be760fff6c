//! What a comparison found so far: counts, sums and samples.

use std::collections::BTreeMap;

use buffalo_model::{Discrepancy, Normalised, PaymentKind, ReconciledTotal};
use buffalo_store::StoredTotal;
use chrono::{DateTime, Utc};

/// Records in question that the result names.
const SAMPLES: usize = 20;

#[derive(Default)]
pub(super) struct Findings {
    pub(super) listed: i64,
    pub(super) missing: i64,
    pub(super) different: i64,
    pub(super) extra: i64,
    pub(super) repaired: i64,
    pub(super) samples: Vec<Discrepancy>,
    sums: BTreeMap<(String, String), Sums>,
}

/// Both sides of a total, by currency and status.
#[derive(Default)]
struct Sums {
    listed_count: i64,
    listed: i128,
    stored_count: i64,
    stored: Option<String>,
}

impl Findings {
    /// Names a record in question, as long as there are few of them.
    pub(super) fn sample(&mut self, external_id: &str, what: String) {
        if self.samples.len() < SAMPLES {
            self.samples.push(Discrepancy { external_id: external_id.to_owned(), what });
        }
    }

    /// Counts a listed record whose payload means nothing to us: not everything is there.
    pub(super) fn unreadable(&mut self, external_id: &str, is_stored: bool) {
        self.listed += 1;
        if is_stored {
            self.different += 1;
        } else {
            self.missing += 1;
        }
        let what = "listed by the source in a state that can't be read; see `buffalo dead-letters list`";
        self.sample(external_id, what.to_owned());
    }

    /// Adds a listed record to the totals, which begin at `since` and end at `through`, as their stored side does.
    pub(super) fn add_up(
        &mut self,
        listed: &Normalised,
        since: Option<DateTime<Utc>>,
        through: Option<DateTime<Utc>>,
    ) {
        let Normalised::Payment(payment) = listed else { return };
        let at = payment.occurred_at;
        if payment.deleted
            || since.is_some_and(|since| at < since)
            || through.is_some_and(|through| at >= through)
        {
            return;
        }
        let key = (payment.currency.as_str().to_owned(), payment.status.as_str().to_owned());
        let sums = self.sums.entry(key).or_default();
        sums.listed_count += 1;
        sums.listed += i128::from(payment.amount_minor);
    }

    /// The totals, with their stored side.
    pub(super) fn totals(&mut self, stored: Vec<StoredTotal>) -> Vec<ReconciledTotal> {
        for total in stored {
            let sums = self.sums.entry((total.currency, total.status)).or_default();
            (sums.stored_count, sums.stored) = (total.count, Some(total.amount));
        }
        let total = |((currency, status), sums): ((String, String), Sums)| ReconciledTotal {
            currency,
            status,
            listed_count: sums.listed_count,
            listed_cents: sums.listed.to_string(),
            stored_count: sums.stored_count,
            stored_cents: sums.stored.unwrap_or_else(|| "0".to_owned()),
        };
        std::mem::take(&mut self.sums).into_iter().map(total).collect()
    }
}

/// Whether a record came into being after everything that was fetched. A deal's time is that of its closing, which may lie
/// in the future.
pub(super) fn came_later(listed: &Normalised, through: Option<DateTime<Utc>>) -> bool {
    match (listed, through) {
        (Normalised::Payment(payment), Some(through)) => {
            !matches!(payment.kind, PaymentKind::Deal | PaymentKind::Credit) && payment.occurred_at >= through
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
