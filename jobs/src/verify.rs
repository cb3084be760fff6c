//! Verifying: what the sources said against payments, payments against their raw records, and figures against payments.

mod missing;

use buffalo_model::{
    Clock, FieldDifference, FigureDifference, Normalised, PaymentDifference, SupportedCurrencies,
    Verification,
};
use buffalo_store::{Mending, PaymentAndRaw, Store, StoreError, WrongPayment};

use crate::Stop;
use crate::process::normalise;

/// Payments that are compared at once.
const PAGE: i64 = 1_000;

/// The most differences that a report lists, of either kind.
const SAMPLES: usize = 50;

/// The most differences of figures that are kept, over which nothing is served.
const MOST_FIGURES: i64 = 10_000;

/// Verifies everything.
#[derive(Debug)]
pub struct Verify<'a> {
    /// Where everything is.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Currencies that are accepted (`SUPPORTED_CURRENCIES`): what is in another one is not missing.
    pub currencies: &'a SupportedCurrencies,
    /// What to do about what is found.
    pub mending: Mending,
}

impl Verify<'_> {
    /// Compares everything, and writes the result down; none when it was asked to stop before the end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; nothing is written down then, and what was mended stays mended.
    pub async fn run(&self, stop: &Stop) -> Result<Option<Verification>, StoreError> {
        let mut report = Verification {
            checked_at: self.clock.now(),
            payments: 0,
            without_raw: 0,
            unreadable: 0,
            wrong_payments: 0,
            missing_payments: 0,
            lost_payments: 0,
            payment_samples: Vec::new(),
            missing_returns: 0,
            missing_return_samples: Vec::new(),
            wrong_figures: 0,
            figure_samples: Vec::new(),
            repaired: self.mending == Mending::Done,
        };
        self.store.settle_revenue().await?;
        // First, so that no figure is mended to less than what the sources said.
        let Some(mut figures) = self.restore_missing(&mut report, stop).await? else { return Ok(None) };
        let mut after = None;
        loop {
            let page = self.store.payments_and_raw(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            let wrong = compare(page, &mut report);
            if !wrong.is_empty() {
                let now = self.clock.now();
                figures.extend(self.store.correct_payments(&wrong, self.mending, now).await?);
            }
            if stop.is_requested() {
                return Ok(None);
            }
        }
        self.compare_returns(&mut report).await?;
        if self.mending == Mending::Done {
            self.store.settle_revenue().await?;
        }
        figures.extend(self.store.verify_buckets(self.mending, MOST_FIGURES).await?);
        if self.mending == Mending::Done {
            self.store.settle_revenue().await?;
        }
        report.wrong_figures = i64::try_from(figures.len()).unwrap_or(i64::MAX);
        report.figure_samples = figures.iter().take(SAMPLES).cloned().collect();
        let unmended: &[FigureDifference] = if report.repaired { &[] } else { &figures };
        let wrong = report.wrong_payments.saturating_add(report.missing_payments);
        let found = wrong.saturating_add(report.wrong_figures);
        self.store.note_verification(unmended, found, self.clock.now()).await?;
        Ok(Some(report))
    }
}

/// The payments of a page that are not what their raw records say.
fn compare(page: Vec<PaymentAndRaw>, report: &mut Verification) -> Vec<WrongPayment> {
    let mut wrong = Vec::new();
    for mut stored in page {
        let Some(raw) = stored.raw.take() else {
            report.without_raw += 1;
            continue;
        };
        report.payments += 1;
        let Ok(expected) = normalise(&raw, &SupportedCurrencies::All, u32::MAX) else {
            report.unreadable += 1;
            continue;
        };
        let fields = match &expected {
            Normalised::Payment(payment) => fields(&stored, &PaymentAndRaw::expected(payment)),
            Normalised::Gone if stored.is_gone() => continue,
            _ => vec![FieldDifference { field: "deleted", stored: text("false"), expected: text("true") }],
        };
        if fields.is_empty() {
            continue;
        }
        report.wrong_payments += 1;
        if report.payment_samples.len() < SAMPLES {
            let source = stored.key.source.to_string();
            let external_id = stored.key.external_id.clone();
            report.payment_samples.push(PaymentDifference { source, external_id, fields });
        }
        wrong.push(WrongPayment { raw, stored_at: Some(stored.occurred_at), expected });
    }
    wrong
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn fields(stored: &PaymentAndRaw, expected: &[Option<String>; 17]) -> Vec<FieldDifference> {
    let columns = PaymentAndRaw::COLUMNS.iter().zip(&stored.stored).zip(expected);
    columns
        .filter(|((_, stored), expected)| stored != expected)
        .map(|((field, stored), expected)| {
            let personal = *field == "customerEmail";
            let shown = |text: &Option<String>| text.clone().filter(|_| !personal);
            FieldDifference { field, stored: shown(stored), expected: shown(expected) }
        })
        .collect()
}
