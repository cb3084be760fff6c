//! What the sources said and is not stored: payments, from heads and raw records on, and returns of sales that tell of them.

use buffalo_model::{
    FieldDifference, FigureDifference, MissingReturn, Normalised, PaymentDifference, Verification,
};
use buffalo_store::{Mending, MissingPayment, RawOfPayment, StoreError, WrongPayment};

use super::{PAGE, SAMPLES, Verify};
use crate::Stop;
use crate::process::normalise;

/// Missing payments that are held in memory by their keys. A repair goes on where there are more.
const MAX_KEYS: i64 = 100_000;

impl Verify<'_> {
    /// Finds payments that are not stored, and restores them from their raw records if that is wanted. What it changes of
    /// figures, or would; none when it was asked to stop.
    pub(super) async fn restore_missing(
        &self,
        report: &mut Verification,
        stop: &Stop,
    ) -> Result<Option<Vec<FigureDifference>>, StoreError> {
        let mut figures = Vec::new();
        loop {
            let (missing, number) = self.store.missing_payments(MAX_KEYS).await?;
            let restored_before = report.missing_payments;
            // Sorted by id: rows of one partition are read together.
            let mut raw_ids: Vec<i64> = missing.iter().filter_map(|missing| missing.raw_id).collect();
            raw_ids.sort_unstable();
            for page in raw_ids.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
                if stop.is_requested() {
                    return Ok(None);
                }
                let wrong = self.readable(self.store.raw_of_payments(page).await?, report);
                if !wrong.is_empty() {
                    let now = self.clock.now();
                    figures.extend(self.store.correct_payments(&wrong, self.mending, now).await?);
                }
            }
            let all_seen = number <= MAX_KEYS;
            if self.mending == Mending::OnlyTold {
                let unseen = number.saturating_sub(MAX_KEYS).max(0);
                report.missing_payments = report.missing_payments.saturating_add(unseen);
            }
            if all_seen || self.mending == Mending::OnlyTold || report.missing_payments == restored_before {
                self.ask_for_lost(&missing, report).await?;
                return Ok(Some(figures));
            }
        }
    }

    /// What raw records say of missing payments. One that can't be read, or is in a currency that is not accepted, was a dead
    /// letter that was discarded.
    fn readable(&self, page: Vec<RawOfPayment>, report: &mut Verification) -> Vec<WrongPayment> {
        let mut wrong = Vec::new();
        for RawOfPayment { raw, stored_at } in page {
            let Ok(expected) = normalise(&raw, self.currencies, u32::MAX) else {
                report.unreadable += 1;
                continue;
            };
            report.missing_payments += 1;
            let told = match &expected {
                Normalised::Payment(payment) => {
                    format!("{} {} {}", payment.status, payment.amount_minor, payment.currency)
                }
                _ => "deleted".to_owned(),
            };
            let stored = stored_at.map(|_| "an older state".to_owned());
            note_missing(report, raw.key.source.as_str(), &raw.key.external_id, stored, Some(told));
            wrong.push(WrongPayment { raw, stored_at, expected });
        }
        wrong
    }

    /// Has those read again of which no raw record is left.
    async fn ask_for_lost(
        &self,
        missing: &[MissingPayment],
        report: &mut Verification,
    ) -> Result<(), StoreError> {
        let lost: Vec<_> = missing
            .iter()
            .filter(|missing| missing.raw_id.is_none())
            .map(|missing| missing.key.clone())
            .collect();
        for key in &lost {
            report.missing_payments += 1;
            report.lost_payments += 1;
            note_missing(report, key.source.as_str(), &key.external_id, None, None);
        }
        if self.mending == Mending::Done && !lost.is_empty() {
            self.store.refetch_lost(&lost, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Compares what sales say of their returns with those that are stored.
    pub(super) async fn compare_returns(&self, report: &mut Verification) -> Result<(), StoreError> {
        let limit = i64::try_from(SAMPLES).unwrap_or(i64::MAX);
        let (sales, number) = self.store.note_contradicted_sales(limit, self.clock.now()).await?;
        report.missing_returns = number;
        report.missing_return_samples = sales
            .into_iter()
            .map(|key| MissingReturn { source: key.source.to_string(), external_id: key.external_id })
            .collect();
        Ok(())
    }
}

fn note_missing(
    report: &mut Verification,
    source: &str,
    external_id: &str,
    stored: Option<String>,
    expected: Option<String>,
) {
    if report.payment_samples.len() < SAMPLES {
        report.payment_samples.push(PaymentDifference {
            source: source.to_owned(),
            external_id: external_id.to_owned(),
            fields: vec![FieldDifference { field: "payment", stored, expected }],
        });
    }
}
