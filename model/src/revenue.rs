//! Revenue: the question, the answer, and what an answer says of itself.
//!
//! What a payment counts for is defined once, in the database (the view `revenue_rows`); `buffalo-store` adds it up in
//! pieces. Everything that turns pieces into figures is here, once, for every face of the program.

mod changes;
mod completeness;
mod days;
mod document;
mod documents;
mod explanation;
mod figures;
mod granularity;
mod plausible;
mod query;
mod reporting;
mod verification;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::{Currency, Source};

pub use changes::{
    ChangesQuery, RestatedDay, Restatement, RestatementPosition, RestatementReason, RevenueChanges,
    UnknownRestatement,
};
pub use completeness::{Freshness, Gap, GapCode, gaps};
pub use days::{Day, midnight};
pub use documents::{
    DriftCheck, RevenueByDay, RevenueByMonth, RevenueByQuarter, RevenueByWeek, RevenueByYear, RevenueFigures,
    RevenueOfDay, RevenueOfMonth, RevenueOfQuarter, RevenueOfSource, RevenueOfWeek, RevenueOfYear,
    RevenueSummary, RevenueTotals,
};
pub use explanation::{
    Contribution, ContributionPosition, Explanation, ExplanationQuery, UnknownContribution, payload_document,
};
pub use figures::{Figures, Measure, Overflow};
pub use granularity::{Bucket, Granularity};
pub use plausible::{plausible_days, plausible_times};
pub use query::{Basis, RevenueQuery, RevenueQueryError, parse_date, parse_timezone};
pub use reporting::{Reporting, ReportingRate};
pub use verification::{FieldDifference, FigureDifference, MissingReturn, PaymentDifference, Verification};

use query::MAX_FILLED_BUCKETS;

/// What payments of one currency count for together, in a piece of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// The currency.
    pub currency: Currency,
    /// The first day of the bucket; none where buckets are not told apart.
    pub bucket: Option<NaiveDate>,
    /// What they count for.
    pub measure: Measure,
    /// How much, in minor units.
    pub amount: i128,
    /// How many.
    pub payments: i64,
}

/// A difference between what is stored of figures and what the rows behind them say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(serialize = "camelCase"))]
pub struct Difference {
    /// The source.
    pub source: Source,
    /// The currency.
    pub currency: String,
    /// What the payments count for.
    pub measure: String,
    /// From when on.
    pub starts_at: DateTime<Utc>,
    /// Up to, and without, this time.
    pub ends_at: DateTime<Utc>,
    /// What would be served, in minor units.
    pub stored: String,
    /// What it should be, in minor units.
    pub expected: String,
}

/// A verification found figures that differ from what they are made of, so there is no answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error(
    "revenue can't be proved: what {} {} of {} from {} on adds up to is stored as {} and should be {}{}; \
     `buffalo verify` tells more, and mends it with --repair",
    .first.currency, .first.measure, .first.source,
    .first.starts_at.to_rfc3339_opts(SecondsFormat::Secs, true), .first.stored, .first.expected,
    if *.more == 0 { String::new() } else { format!(" (and {more} more)") }
)]
pub struct RevenueDrift {
    /// One of the differences.
    pub first: Box<Difference>,
    /// The number of others in the range.
    pub more: usize,
}

/// How an answer was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// When: all changes of payments that were committed before are in the figures.
    pub checked_at: DateTime<Utc>,
    /// How many buckets were computed from payments for this answer, as they had changed.
    pub buckets_recomputed: i64,
    /// When everything was last verified, from raw records on; none where it never was.
    pub verified_at: Option<DateTime<Utc>>,
}

/// The answer to a [`RevenueQuery`].
#[derive(Debug, Clone, PartialEq)]
pub struct Revenue {
    /// The question.
    pub query: RevenueQuery,
    /// The total in the query's currency.
    pub total: Figures,
    /// The buckets in the query's currency, ascending; empty for a summary.
    pub breakdown: Vec<(NaiveDate, Figures)>,
    /// The totals in all other currencies that have any.
    pub other_currencies: Vec<(Currency, Figures)>,
    /// The totals of each source, by source and currency: how much of a figure comes from where.
    pub by_source: Vec<(Source, Currency, Figures)>,
    /// Refunds and disputes of the range whose charge is not known, by currency: by the day of the charge they are nowhere.
    pub unattributed: Vec<(Currency, Figures)>,
    /// The totals of all currencies in one, where it was asked for.
    pub reporting: Option<Reporting>,
    /// For each source the time up to which everything it said is in these figures; none where no fetch was completed.
    pub data_through: BTreeMap<Source, Option<DateTime<Utc>>>,
    /// Why the figures may lack something; nothing where they are complete.
    pub gaps: Vec<Gap>,
    /// How the answer was checked.
    pub proof: Proof,
}

impl Revenue {
    /// Adds up pieces that come from one snapshot.
    ///
    /// # Errors
    ///
    /// [`Overflow`] where a sum can't be reckoned with.
    pub fn assemble(
        query: RevenueQuery,
        sums: &[Sum],
        freshness: &[Freshness],
        ends_at: Option<DateTime<Utc>>,
        proof: Proof,
    ) -> Result<Self, Overflow> {
        let mut totals: BTreeMap<Currency, Figures> = BTreeMap::new();
        let mut breakdown: BTreeMap<NaiveDate, Figures> = BTreeMap::new();
        for sum in sums {
            let add = |figures: &mut Figures| {
                let added = figures.plus(sum.measure, sum.amount, sum.payments);
                *figures = added.ok_or(Overflow(sum.currency))?;
                Ok(())
            };
            add(totals.entry(sum.currency).or_default())?;
            if sum.currency == query.currency
                && query.granularity.unit().is_some()
                && let Some(first_day) = sum.bucket
            {
                add(breakdown.entry(first_day).or_default())?;
            }
        }
        // A bucket of which nothing but pending or unknown is told is empty: its figures are all zero.
        breakdown.retain(|_, figures| figures.count != 0 || figures.refunded != 0 || figures.disputed != 0);
        // Nothing is left of what moved away.
        totals.retain(|_, figures| *figures != Figures::default());
        let total = totals.remove(&query.currency).unwrap_or_default();
        let gaps = gaps(freshness, ends_at, proof.checked_at);
        Ok(Self {
            query,
            total,
            breakdown: breakdown.into_iter().collect(),
            other_currencies: totals.into_iter().collect(),
            by_source: Vec::new(),
            unattributed: Vec::new(),
            reporting: None,
            data_through: freshness.iter().map(|fresh| (fresh.source.clone(), fresh.through)).collect(),
            gaps,
            proof,
        })
    }

    /// Whether nothing is known to be missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// The figures of each source, where more than one contributes to what is told: a sale that is in two is in both.
    #[must_use]
    pub fn sources_that_contribute(&self) -> Vec<&(Source, Currency, Figures)> {
        let contributes = |figures: &Figures| figures.count != 0 || figures.net() != 0;
        let all: Vec<_> = self.by_source.iter().filter(|(_, _, figures)| contributes(figures)).collect();
        let first = all.first().map(|(source, ..)| source);
        if all.iter().all(|(source, ..)| Some(source) == first) { Vec::new() } else { all }
    }

    /// Adds the buckets in which nothing happened, when the query asks for them.
    ///
    /// Without a start or end date the range is that of the buckets there are, but for those whose dates are not plausible:
    /// they stay by themselves, and nothing is filled up to them.
    ///
    /// # Errors
    ///
    /// [`RevenueQueryError::TooManyBuckets`].
    pub fn filled(mut self) -> Result<Self, RevenueQueryError> {
        let Some(unit) = self.query.granularity.unit().filter(|_| self.query.fill) else {
            return Ok(self);
        };
        let first = self.query.start_date.map(|day| unit.start_of(day));
        let (believed_from, believed_to) = plausible_days(self.proof.checked_at);
        let believed = |day: &NaiveDate| (believed_from..=believed_to).contains(day);
        let mut days = self.breakdown.iter().map(|(day, _)| *day).filter(believed);
        let (earliest, latest) = (days.next(), days.next_back());
        let first = first.or(earliest);
        let last = self.query.end_date.or(latest).or(earliest);
        let (Some(mut day), Some(last)) = (first, last) else { return Ok(self) };
        let mut buckets: BTreeMap<NaiveDate, Figures> = self.breakdown.into_iter().collect();
        while day <= last {
            buckets.entry(day).or_default();
            if buckets.len() > MAX_FILLED_BUCKETS {
                return Err(RevenueQueryError::TooManyBuckets(MAX_FILLED_BUCKETS));
            }
            let Some(next) = unit.next(day) else { break };
            day = next;
        }
        self.breakdown = buckets.into_iter().collect();
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
