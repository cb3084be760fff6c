//! Reading sums: from buckets, or from payments.

use std::borrow::Cow;
use std::collections::BTreeMap;

use buffalo_model::{
    Basis, Currency, Difference, Figures, Freshness, Measure, Overflow, RevenueDrift, RevenueQuery, Source,
    Sum,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{Executor, Postgres};

use super::range::{Bounds, Range};
use crate::database::Tx;
use crate::{Store, StoreError};

/// The instant after all others: payments as they are known now.
pub(super) const NOW_AND_EVER: DateTime<Utc> =
    DateTime::from_timestamp(8_000_000_000_000, 0).expect("a time");

/// All statements of an answer have one snapshot.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Figures of each source and currency.
type BySource = Vec<(Source, Currency, Figures)>;

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

/// What is read, as it comes: sums of what is not kept by days are arrays of the same length.
struct Row {
    known_days: String,
    currencies: Vec<String>,
    sources: Vec<String>,
    pieces: Vec<Option<i32>>,
    measures: Vec<String>,
    amounts: Vec<String>,
    payments: Vec<i64>,
    freshness: Value,
    missing_returns: Value,
    verified_at: Option<DateTime<Utc>>,
    drift: Value,
    marks: i64,
    recomputed: i64,
    unknown_days: i64,
    earliest: Option<DateTime<Utc>>,
    latest: Option<DateTime<Utc>>,
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

impl Row {
    fn read(
        self,
        query: &RevenueQuery,
        range: &Range,
        with_bounds: bool,
        unattributed: Vec<(Currency, Figures)>,
        mut by_source: BySource,
    ) -> Result<Read, StoreError> {
        Ok(Read {
            sums: self.sums(query, range, &mut by_source)?,
            by_source,
            unattributed,
            bounds: with_bounds.then_some(Bounds { earliest: self.earliest, latest: self.latest }),
            freshness: freshness(self.freshness, self.missing_returns)?,
            drift: drift(document(self.drift)?),
            verified_at: self.verified_at,
            marks: self.marks,
            recomputed: self.recomputed,
            unknown_days: self.unknown_days - i64::try_from(range.gaps.len()).unwrap_or(i64::MAX),
            in_gaps: self.pieces.iter().flatten().any(|piece| Range::is_gap(*piece)),
        })
    }

    fn sums(
        &self,
        query: &RevenueQuery,
        range: &Range,
        by_source: &mut BySource,
    ) -> Result<Vec<Sum>, StoreError> {
        let known: Vec<(i32, Vec<KeptFigure<'_>>)> = serde_json::from_str(&self.known_days)
            .map_err(|error| unreadable(format!("days that are kept: {error}")))?;
        let sources = sources(query);
        let kept =
            known.iter().flat_map(|(piece, figures)| figures.iter().map(move |figure| (piece, figure)));
        let kept = kept.filter(|(_, figure)| figure.counts(query.basis, sources.as_deref()));
        let mut sums = Vec::with_capacity(kept.size_hint().0 + self.currencies.len());
        for (piece, figure) in kept {
            let sum = sum(&figure.currency, &figure.measure, &figure.amount, figure.payments)?;
            add_to(by_source, &figure.source, &sum)?;
            sums.push(Sum { bucket: range.first_day_of(*piece), ..sum });
        }
        let rows = self.currencies.iter().zip(&self.sources).zip(&self.pieces).zip(&self.measures);
        let rows = rows.zip(&self.amounts).zip(&self.payments);
        for (((((currency, source), piece), measure), amount), payments) in rows {
            let sum = sum(currency, measure, amount, *payments)?;
            add_to(by_source, source, &sum)?;
            sums.push(Sum { bucket: piece.and_then(|piece| range.first_day_of(piece)), ..sum });
        }
        Ok(sums)
    }
}

/// Adds what counts to the figures of its source; there are few of them, so they are looked through.
fn add_to(by_source: &mut BySource, source: &str, sum: &Sum) -> Result<(), StoreError> {
    let is_it = |known: &(Source, Currency, Figures)| known.0.as_str() == source && known.1 == sum.currency;
    let at = by_source.iter().position(is_it).unwrap_or_else(|| {
        by_source.push((Source::new(source), sum.currency, Figures::default()));
        by_source.len() - 1
    });
    let figures = &mut by_source[at].2;
    let added = figures.plus(sum.measure, sum.amount, sum.payments);
    *figures = added.ok_or(StoreError::Overflow(Overflow(sum.currency)))?;
    Ok(())
}

/// One of the figures of `revenue_days`.
#[derive(Deserialize)]
struct KeptFigure<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    basis: Cow<'a, str>,
    #[serde(borrow)]
    measure: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
    payments: i64,
}

impl KeptFigure<'_> {
    fn counts(&self, basis: Basis, sources: Option<&[&str]>) -> bool {
        (self.basis == "both" || self.basis == basis.as_str())
            && sources.is_none_or(|sources| sources.contains(&&*self.source))
    }
}

fn sum(currency: &str, measure: &str, amount: &str, payments: i64) -> Result<Sum, StoreError> {
    let currency: Currency = currency.parse().map_err(|error| unreadable(format!("{error}")))?;
    Ok(Sum {
        currency,
        bucket: None,
        measure: Measure::named(measure).ok_or_else(|| unreadable(format!("the measure {measure}")))?,
        amount: amount.parse().map_err(|_| StoreError::Overflow(Overflow(currency)))?,
        payments,
    })
}

pub(super) fn sources(query: &RevenueQuery) -> Option<Vec<&str>> {
    query.sources().map(|sources| sources.into_iter().map(Source::as_str).collect())
}

/// How far sources reach, and how many of their sales contradict their returns.
fn freshness(found: Value, missing_returns: Value) -> Result<Vec<Freshness>, StoreError> {
    let mut freshness: Vec<Freshness> = document(found)?;
    let missing: BTreeMap<String, i64> = document(missing_returns)?;
    for fresh in &mut freshness {
        fresh.missing_returns = missing.get(fresh.source.as_str()).copied().unwrap_or_default();
    }
    Ok(freshness)
}

fn drift(found: Vec<Difference>) -> Option<RevenueDrift> {
    let more = found.len().saturating_sub(1);
    found.into_iter().next().map(|first| RevenueDrift { first: Box::new(first), more })
}

pub(super) fn document<T: serde::de::DeserializeOwned>(found: Value) -> Result<T, StoreError> {
    serde_json::from_value(found).map_err(|error| unreadable(error.to_string()))
}

pub(super) fn unreadable(what: String) -> StoreError {
    StoreError::Unreadable { table: "payments", what }
}
