//! How an answer is written: the document of the HTTP contract, in camelCase, amounts as decimal strings of minor units.

use chrono::NaiveDate;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Bucket, DriftCheck, Figures, Revenue};
use crate::{Currency, Source};

impl Serialize for Revenue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let query = &self.query;
        let mut map = serializer.serialize_map(None)?;
        totals_entries(&mut map, query.currency, &self.total)?;
        map.serialize_entry("startDate", &query.start_date)?;
        map.serialize_entry("endDate", &query.end_date)?;
        map.serialize_entry("source", &query.source)?;
        map.serialize_entry("sources", &query.sources())?;
        map.serialize_entry("timezone", query.timezone.name())?;
        map.serialize_entry("basis", &query.basis)?;
        map.serialize_entry("asOf", &query.as_of)?;
        map.serialize_entry("dataThrough", &self.data_through)?;
        map.serialize_entry("complete", &self.is_complete())?;
        map.serialize_entry("incompleteBecause", &self.gaps)?;
        map.serialize_entry("drift", &DriftCheck::of(&self.proof))?;
        map.serialize_entry("otherCurrencies", &totals(&self.other_currencies))?;
        let by_source: Vec<_> = self.by_source.iter().map(OfSource).collect();
        map.serialize_entry("bySource", &by_source)?;
        map.serialize_entry("unattributed", &totals(&self.unattributed))?;
        map.serialize_entry("reporting", &self.reporting)?;
        if let Some(unit) = query.granularity.unit() {
            let rows: Vec<_> =
                self.breakdown.iter().map(|(day, figures)| Row { unit, day: *day, figures }).collect();
            map.serialize_entry("breakdown", &rows)?;
        }
        map.end()
    }
}

fn totals_entries<M: SerializeMap>(
    map: &mut M,
    currency: Currency,
    figures: &Figures,
) -> Result<(), M::Error> {
    map.serialize_entry("totalRevenueCents", &figures.collected.to_string())?;
    map.serialize_entry("currency", &currency)?;
    map.serialize_entry("count", &figures.count)?;
    map.serialize_entry("refundedCents", &figures.refunded.to_string())?;
    map.serialize_entry("disputedCents", &figures.disputed.to_string())?;
    map.serialize_entry("disputedOpenCents", &figures.withdrawn.to_string())?;
    map.serialize_entry("netRevenueCents", &figures.net().to_string())?;
    map.serialize_entry("pendingCents", &figures.pending.to_string())?;
    map.serialize_entry("pendingCount", &figures.pending_count)?;
    map.serialize_entry("pendingReturnsCents", &figures.pending_returns.to_string())?;
    map.serialize_entry("pendingReturnsCount", &figures.pending_returns_count)?;
    map.serialize_entry("unknownCents", &figures.unknown.to_string())?;
    map.serialize_entry("unknownCount", &figures.unknown_count)?;
    map.serialize_entry("excludedCents", &figures.excluded.to_string())?;
    map.serialize_entry("excludedCount", &figures.excluded_count)?;
    map.serialize_entry("refundsWithoutPaymentCents", &figures.refunds_without_payment.to_string())?;
    map.serialize_entry("refundsWithoutPaymentCount", &figures.refunds_without_payment_count)
}

fn totals(of: &[(Currency, Figures)]) -> Vec<Totals<'_>> {
    of.iter().map(Totals).collect()
}

struct Totals<'a>(&'a (Currency, Figures));

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        totals_entries(&mut map, self.0.0, &self.0.1)?;
        map.end()
    }
}

struct OfSource<'a>(&'a (Source, Currency, Figures));

impl Serialize for OfSource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (source, currency, figures) = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("source", source)?;
        totals_entries(&mut map, *currency, figures)?;
        map.end()
    }
}

struct Row<'a> {
    unit: Bucket,
    day: NaiveDate,
    figures: &'a Figures,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.unit.field(), &self.unit.label(self.day))?;
        map.serialize_entry("amountCents", &self.figures.collected.to_string())?;
        map.serialize_entry("count", &self.figures.count)?;
        map.serialize_entry("refundedCents", &self.figures.refunded.to_string())?;
        map.serialize_entry("disputedCents", &self.figures.disputed.to_string())?;
        map.serialize_entry("netCents", &self.figures.net().to_string())?;
        map.end()
    }
}
