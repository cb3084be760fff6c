//! Reading sums: from buckets, or from payments.

use buffalo_model::{Basis, Currency, Figures, Freshness, Overflow, RevenueDrift, RevenueQuery, Source, Sum};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{Executor, Postgres};

use super::range::{Bounds, Range};
use super::row::{Row, sum};
use crate::database::Tx;
use crate::{Store, StoreError};

/// The instant after all others: payments as they are known now.
pub(super) const NOW_AND_EVER: DateTime<Utc> =
    DateTime::from_timestamp(8_000_000_000_000, 0).expect("a time");

/// All statements of an answer have one snapshot.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Figures of each source and currency.
pub(super) type BySource = Vec<(Source, Currency, Figures)>;

/// What was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) sums: Vec<Sum>,
    /// The same without buckets, by source and currency.
    pub(super) by_source: BySource,
    /// What is on no day by the day of the charge, as the charge is not known.
    pub(super) unattributed: Vec<(Currency, Figures)>,
    pub(super) freshness: Vec<Freshness>,
    pub(super) drift: Option<RevenueDrift>,
    pub(super) verified_at: Option<DateTime<Utc>>,
    /// Marks, of the range or not; at most as many as were to be looked at.
    pub(super) marks: i64,
    /// Changed buckets of the range.
    pub(super) recomputed: i64,
    /// Days of the range whose sums are not kept.
    pub(super) unknown_days: i64,
    /// Whether something was found in a gap, where there should be nothing.
    pub(super) in_gaps: bool,
    /// Where payments are, if it was asked for.
    pub(super) bounds: Option<Bounds>,
}

impl Store {
    /// Sums of days from buckets. Where there are `most_marks` or more, the sums are of no use.
    pub(super) async fn read_buckets(
        &self,
        query: &RevenueQuery,
        range: &Range,
        with_bounds: bool,
        most_marks: i64,
    ) -> Result<Read, StoreError> {
        let fail = || self.fail("compute revenue");
        if query.basis == Basis::Event {
            // One statement is one snapshot, which costs a third of a transaction's exchanges.
            let row = self.ask_buckets(&self.pool, query, range, with_bounds, most_marks).await?;
            return row.read(query, range, with_bounds, Vec::new(), Vec::new());
        }
        let mut tx = self.pool.begin_with(BEGIN).await.map_err(fail())?;
        let read = self.read_buckets_in_tx(&mut tx, query, range, with_bounds, most_marks).await?;
        tx.commit().await.map_err(fail())?;
        Ok(read)
    }

    pub(super) async fn read_buckets_in_tx(
        &self,
        tx: &mut Tx<'_>,
        query: &RevenueQuery,
        range: &Range,
        with_bounds: bool,
        most_marks: i64,
    ) -> Result<Read, StoreError> {
        let row = self.ask_buckets(&mut *tx, query, range, with_bounds, most_marks).await?;
        let unattributed = self.unattributed_in_tx(tx, query, range.starts_at(), range.ends_at()).await?;
        row.read(query, range, with_bounds, unattributed, Vec::new())
    }

    /// Sums of days that begin within buckets, which are read from payments, and of those that follow.
    pub(super) async fn read_both(
        &self,
        query: &RevenueQuery,
        (odd, even): (&Range, &Range),
        most_marks: i64,
    ) -> Result<Read, StoreError> {
        let fail = || self.fail("compute revenue");
        let mut tx = self.pool.begin_with(BEGIN).await.map_err(fail())?;
        let before = self.ask_rows(&mut tx, query, odd, false).await?;
        let before = before.read(query, odd, false, Vec::new(), Vec::new())?;
        let row = self.ask_buckets(&mut tx, query, even, true, most_marks).await?;
        let unattributed = self.unattributed_in_tx(&mut tx, query, odd.starts_at(), even.ends_at()).await?;
        tx.commit().await.map_err(fail())?;
        let mut read = row.read(query, even, true, unattributed, before.by_source)?;
        read.sums.extend(before.sums);
        read.in_gaps |= before.in_gaps;
        read.drift = before.drift.or(read.drift);
        // A sale may say so for days of both parts: that it is missing is not lost, and it counts once.
        for fresh in &mut read.freshness {
            let earlier = before.freshness.iter().find(|earlier| earlier.source == fresh.source);
            fresh.missing_returns =
                fresh.missing_returns.max(earlier.map_or(0, |earlier| earlier.missing_returns));
        }
        Ok(read)
    }

    async fn ask_buckets(
        &self,
        executor: impl Executor<'_, Database = Postgres>,
        query: &RevenueQuery,
        range: &Range,
        with_bounds: bool,
        most_marks: i64,
    ) -> Result<Row, StoreError> {
        let sources = sources(query);
        sqlx::query_file_as!(
            Row,
            "queries/revenue/buckets.sql",
            &range.starts_at,
            &range.ends_at,
            &range.pieces,
            query.basis.as_str(),
            query.currency.as_str(),
            sources.as_deref() as Option<&[&str]>,
            with_bounds,
            most_marks,
        )
        .fetch_one(executor)
        .await
        .map_err(self.fail("compute revenue"))
    }

    /// Sums of pieces from payments, as they were known at the instant of the question.
    pub(super) async fn read_rows(
        &self,
        query: &RevenueQuery,
        range: &Range,
        with_bounds: bool,
    ) -> Result<Read, StoreError> {
        let fail = || self.fail("compute revenue");
        let mut tx = self.pool.begin_with(BEGIN).await.map_err(fail())?;
        let read = self.read_rows_in_tx(&mut tx, query, range, with_bounds).await?;
        tx.commit().await.map_err(fail())?;
        Ok(read)
    }

    pub(super) async fn read_rows_in_tx(
        &self,
        tx: &mut Tx<'_>,
        query: &RevenueQuery,
        range: &Range,
        with_bounds: bool,
    ) -> Result<Read, StoreError> {
        let row = self.ask_rows(tx, query, range, with_bounds).await?;
        let unattributed = self.unattributed_in_tx(tx, query, range.starts_at(), range.ends_at()).await?;
        row.read(query, range, with_bounds, unattributed, Vec::new())
    }

    async fn ask_rows(
        &self,
        tx: &mut Tx<'_>,
        query: &RevenueQuery,
        range: &Range,
        with_bounds: bool,
    ) -> Result<Row, StoreError> {
        let sources = sources(query);
        sqlx::query_file_as!(
            Row,
            "queries/revenue/rows.sql",
            &range.starts_at,
            &range.ends_at,
            &range.pieces,
            query.as_of.unwrap_or(NOW_AND_EVER),
            query.basis.as_str(),
            query.currency.as_str(),
            sources.as_deref() as Option<&[&str]>,
            with_bounds,
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(self.fail("compute revenue"))
    }

    async fn unattributed_in_tx(
        &self,
        tx: &mut Tx<'_>,
        query: &RevenueQuery,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<(Currency, Figures)>, StoreError> {
        if query.basis == Basis::Event {
            return Ok(Vec::new());
        }
        let sources = sources(query);
        let rows = sqlx::query_file!(
            "queries/revenue/unattributed.sql",
            from,
            until,
            query.as_of.unwrap_or(NOW_AND_EVER),
            sources.as_deref() as Option<&[&str]>,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(self.fail("find returns without their sale"))?;
        let mut found: Vec<(Currency, Figures)> = Vec::new();
        for row in rows {
            let sum = sum(&row.currency, &row.measure, &row.amount, row.payments)?;
            let at = found.iter().position(|(currency, _)| *currency == sum.currency).unwrap_or_else(|| {
                found.push((sum.currency, Figures::default()));
                found.len() - 1
            });
            let added = found[at].1.plus(sum.measure, sum.amount, sum.payments);
            found[at].1 = added.ok_or(StoreError::Overflow(Overflow(sum.currency)))?;
        }
        Ok(found)
    }
}

pub(super) fn sources(query: &RevenueQuery) -> Option<Vec<&str>> {
    query.sources().map(|sources| sources.into_iter().map(Source::as_str).collect())
}

pub(super) fn document<T: serde::de::DeserializeOwned>(found: Value) -> Result<T, StoreError> {
    serde_json::from_value(found).map_err(|error| unreadable(error.to_string()))
}

pub(super) fn unreadable(what: String) -> StoreError {
    StoreError::Unreadable { table: "payments", what }
}
