//! A row of sums as it comes, and what it means.

use std::borrow::Cow;
use std::collections::BTreeMap;

use buffalo_model::{
    Basis, Currency, Difference, Figures, Freshness, Measure, Overflow, RevenueDrift, RevenueQuery, Source,
    Sum,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::range::{Bounds, Range};
use super::read::{BySource, Read, document, sources, unreadable};
use crate::StoreError;

/// What is read, as it comes: sums of what is not kept by days are arrays of the same length.
pub(super) struct Row {
    pub(super) known_days: String,
    pub(super) currencies: Vec<String>,
    pub(super) sources: Vec<String>,
    pub(super) pieces: Vec<Option<i32>>,
    pub(super) measures: Vec<String>,
    pub(super) amounts: Vec<String>,
    pub(super) payments: Vec<i64>,
    pub(super) freshness: Value,
    pub(super) missing_returns: Value,
    pub(super) verified_at: Option<DateTime<Utc>>,
    pub(super) drift: Value,
    pub(super) marks: i64,
    pub(super) recomputed: i64,
    pub(super) unknown_days: i64,
    pub(super) earliest: Option<DateTime<Utc>>,
    pub(super) latest: Option<DateTime<Utc>>,
}

impl Row {
    pub(super) fn read(
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

pub(super) fn sum(currency: &str, measure: &str, amount: &str, payments: i64) -> Result<Sum, StoreError> {
    let currency: Currency = currency.parse().map_err(|error| unreadable(format!("{error}")))?;
    Ok(Sum {
        currency,
        bucket: None,
        measure: Measure::named(measure).ok_or_else(|| unreadable(format!("the measure {measure}")))?,
        amount: amount.parse().map_err(|_| StoreError::Overflow(Overflow(currency)))?,
        payments,
    })
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
