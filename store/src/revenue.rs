//! The one place that asks Postgres how much revenue was collected.
//!
//! A figure is a sum over the view `revenue_rows`. Sums of quarters of an hour are kept, and a read takes those whose payments
//! have not changed since; `migrations/20261121000021_revenue_marks_by_statement.sql` says how that is known, and
//! `migrations/20261201000025_money_that_moved.sql` what a payment counts for.

mod changes;
mod decisions;
mod explain;
mod overlaps;
mod range;
mod read;
mod row;
mod settle;
mod verify;

use buffalo_model::{
    Currency, Day, Figures, Freshness, Proof, Reporting, Revenue, RevenueQuery, RevenueQueryError, Source,
    midnight,
};
use chrono::{DateTime, Utc};

pub use self::decisions::{Commitment, Decided, DecisionError, Decisions, Judgement};
use self::range::{Bounds, Cut, Range, Stretch};
use self::read::Read;
use self::settle::Turn;
use crate::{Store, StoreError};
pub(crate) use settle::Settler;
pub use verify::{Mending, MissingPayment, PaymentAndRaw, RawOfPayment, WrongPayment};

/// Where there are as many marks, it costs less to settle them first, for all who ask, than to look at them for one answer.
const MOST_MARKS: i64 = 250;

/// How often settling is tried before a read looks at all marks, however many.
const SETTLING_TRIES: u32 = 10;

impl Store {
    /// Answers a question about revenue as of `now`, from one snapshot: totals, buckets and freshness are of the same
    /// moment.
    ///
    /// `sources` are those whose freshness is told even when nothing was ever fetched from them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Drift`] when a verification found that figures of the range differ from what they are made of;
    /// [`StoreError::Unanswerable`] when the range is too long to be cut so finely; [`StoreError::Unreachable`] and its
    /// like.
    pub async fn revenue(
        &self,
        query: RevenueQuery,
        sources: &[Source],
        now: DateTime<Utc>,
    ) -> Result<Revenue, StoreError> {
        let read = self.read_revenue(&query, now).await?;
        self.assemble(query, read, sources, now).await
    }

    /// Makes an answer of what was read.
    async fn assemble(
        &self,
        query: RevenueQuery,
        read: Read,
        sources: &[Source],
        now: DateTime<Utc>,
    ) -> Result<Revenue, StoreError> {
        if let Some(drift) = read.drift {
            return Err(drift.into());
        }
        let freshness: Vec<Freshness> = sources
            .iter()
            .filter(|source| !read.freshness.iter().any(|known| known.source == **source))
            .map(|source| Freshness::none(source.clone()))
            .chain(read.freshness.iter().cloned())
            .filter(|fresh| query.counts(&fresh.source))
            .map(|fresh| self.as_far_as_seen(fresh, &query, now))
            .collect();
        let proof =
            Proof { checked_at: now, buckets_recomputed: read.recomputed, verified_at: read.verified_at };
        let asked_until = query.end_date.map(|end| midnight(end.succ_opt().unwrap_or(end), query.timezone));
        let mut revenue = Revenue::assemble(query, &read.sums, &freshness, asked_until, proof)
            .map_err(StoreError::Overflow)?;
        revenue.unattributed = read.unattributed;
        revenue.by_source = read.by_source;
        // Nothing is left of what moved away.
        revenue.by_source.retain(|(_, _, figures)| *figures != Figures::default());
        revenue.by_source.sort_unstable_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
        revenue.reporting = self.reporting(&revenue, now).await?;
        Ok(revenue)
    }

    /// Says since when changes of a source's payments are seen, where the range reaches further back.
    fn as_far_as_seen(&self, mut fresh: Freshness, query: &RevenueQuery, now: DateTime<Utc>) -> Freshness {
        let begins_at = query.start_date.map(|day| midnight(day, query.timezone));
        fresh.changes_seen_since = self
            .sees_changes_for
            .get(&fresh.source)
            .map(|span| now - *span)
            .filter(|since| begins_at.is_none_or(|begins_at| begins_at < *since));
        fresh
    }

    /// The totals in one currency, at the rates of the last day of the range, or of today where that is earlier.
    async fn reporting(
        &self,
        revenue: &Revenue,
        now: DateTime<Utc>,
    ) -> Result<Option<Reporting>, StoreError> {
        let Some(into) = revenue.query.reporting else { return Ok(None) };
        let today = Day::date_of(now, revenue.query.timezone);
        let day = revenue.query.end_date.map_or(today, |end| end.min(today));
        let others = revenue.other_currencies.iter().map(|(currency, figures)| (*currency, figures));
        let totals: Vec<_> = [(revenue.query.currency, &revenue.total)].into_iter().chain(others).collect();
        let currencies: Vec<Currency> = totals.iter().map(|(currency, _)| *currency).chain([into]).collect();
        let rates = self.fx_rates(&currencies, day, day).await?;
        Reporting::of(totals.into_iter(), into, &rates, day).map(Some).map_err(StoreError::Overflow)
    }

    async fn read_revenue(&self, query: &RevenueQuery, now: DateTime<Utc>) -> Result<Read, StoreError> {
        let mut bounds = if Range::needs_bounds(query) { Some(self.revenue_bounds().await?) } else { None };
        let mut tries = 0;
        loop {
            let parts = match self.cut(query, bounds, now).await {
                // A mark of what was taken away may reach far beyond what there is.
                Err(StoreError::Unanswerable(_)) if bounds.is_some() && tries == 0 => {
                    self.settle(&[], &[], Turn::Wait).await?;
                    bounds = Some(self.revenue_bounds().await?);
                    tries += 1;
                    continue;
                }
                found => found?,
            };
            let Some(range) = parts.last() else { return Err(RevenueQueryError::TooManyPieces(0).into()) };
            let from_rows = query.as_of.is_some() || range.cut == Cut::Pieces;
            let most = if tries < SETTLING_TRIES { MOST_MARKS } else { i64::MAX };
            let read = match &parts[..] {
                [odd, even] => self.read_both(query, (odd, even), most).await?,
                _ if from_rows => self.read_rows(query, range, bounds.is_some()).await?,
                _ => self.read_buckets(query, range, bounds.is_some(), most).await?,
            };
            // What was committed since the bounds were asked for may lie beyond them or in a gap, and so may what has
            // moved since the instant of the question.
            if let (Some(known), Some(found)) = (bounds, read.bounds)
                && (!known.cover(found) || read.in_gaps)
            {
                bounds = Some(found);
                continue;
            }
            if from_rows {
                return Ok(read);
            }
            if read.marks >= most {
                self.settle_revenue_in_turn(range, Turn::Wait).await?;
                tries += 1;
                continue;
            }
            if read.marks > 0 || read.unknown_days > 0 {
                self.settle_in_background(range.clone());
            }
            return Ok(read);
        }
    }

    /// Cuts the range of a question into what is read: one part, or two where some of its days begin within buckets.
    async fn cut(
        &self,
        query: &RevenueQuery,
        bounds: Option<Bounds>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Range>, StoreError> {
        let Some(bounds) = bounds.filter(|bounds| Range::is_long(query, *bounds, now)) else {
            return Ok(vec![Range::of(query, bounds, now)?]);
        };
        let fail = || self.fail("find where payments are");
        let stretches = match query.as_of {
            None => {
                sqlx::query_file_as!(Stretch, "queries/revenue/stretches.sql").fetch_all(&self.pool).await
            }
            Some(instant) => {
                sqlx::query_file_as!(Stretch, "queries/revenue/stretches_as_of.sql", instant)
                    .fetch_all(&self.pool)
                    .await
            }
        };
        Ok(Range::parts(query, bounds, &stretches.map_err(fail())?, now)?)
    }

    async fn revenue_bounds(&self) -> Result<Bounds, StoreError> {
        let found = sqlx::query_file!("queries/revenue/bounds.sql")
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("find the range of payments"))?;
        Ok(Bounds { earliest: found.earliest, latest: found.latest })
    }
}
