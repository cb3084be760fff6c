//! The one place that asks Postgres how much revenue was collected.
//!
//! A figure is a sum over the view `revenue_rows`. Sums of quarters of an hour are kept, and a read takes those whose payments
//! have not changed since; `migrations/20261121000016_revenue_buckets.sql` says how that is known.

mod explain;
mod range;
mod read;
mod settle;
mod verify;

use buffalo_model::{Freshness, Proof, Revenue, RevenueQuery, Source};
use chrono::{DateTime, Utc};

use self::range::{Bounds, Cut, Range};
use self::read::Read;
use self::settle::Turn;
use crate::{Store, StoreError};
pub use verify::{Mending, PaymentAndRaw, WrongPayment};

/// Computing more buckets than these for one answer costs more than to settle them first, for all who ask.
const MOST_RECOMPUTED: i64 = 1_000;

/// How often settling is tried before a read computes what there is, however much.
const SETTLING_TRIES: u32 = 3;

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
        let (range, read) = self.read_revenue(&query, now).await?;
        self.assemble(query, &range, read, sources, now).await
    }

    /// Makes an answer of what was read.
    async fn assemble(
        &self,
        query: RevenueQuery,
        range: &Range,
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
            .collect();
        let proof =
            Proof { checked_at: now, buckets_recomputed: read.recomputed, verified_at: read.verified_at };
        let asked_until = query.end_date.map(|_| range.ends_at());
        let unattributed = self.unattributed(&query, range).await?;
        let mut revenue = Revenue::assemble(query, &read.sums, &freshness, asked_until, proof)
            .map_err(StoreError::Overflow)?;
        revenue.unattributed = unattributed;
        Ok(revenue)
    }

    async fn read_revenue(
        &self,
        query: &RevenueQuery,
        now: DateTime<Utc>,
    ) -> Result<(Range, Read), StoreError> {
        let mut bounds =
            if Range::needs_bounds(query) { Some(self.revenue_bounds(query).await?) } else { None };
        let mut tries = 0;
        loop {
            let range = Range::of(query, bounds, now)?;
            if query.as_of.is_some() || range.cut == Cut::Pieces {
                let read = self.read_rows(query, &range).await?;
                return Ok((range, read));
            }
            let most = if tries < SETTLING_TRIES { MOST_RECOMPUTED } else { i64::MAX };
            let read = self.read_buckets(query, &range, bounds.is_some(), most).await?;
            // What was committed since the bounds were asked for may lie beyond them.
            if let (Some(known), Some(found)) = (bounds, read.bounds)
                && !known.cover(found)
            {
                bounds = Some(found);
                continue;
            }
            if read.recomputed > most {
                self.settle_revenue_in_turn(&range, Turn::Wait).await?;
                tries += 1;
                continue;
            }
            if read.unsettled > 0 || read.unknown_days > 0 {
                self.settle_in_background(range.clone());
            }
            return Ok((range, read));
        }
    }

    async fn revenue_bounds(&self, query: &RevenueQuery) -> Result<Bounds, StoreError> {
        let found = sqlx::query_file!("queries/revenue/bounds.sql", query.as_of.is_some())
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("find the range of payments"))?;
        Ok(Bounds { earliest: found.earliest, latest: found.latest })
    }
}
