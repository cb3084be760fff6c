//! Tests that what is documented of an answer about revenue is what is written.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::*;
use crate::{Granularity, Measure, Revenue, RevenueQuery, Source, Sum};

/// An answer with everything that there can be, as it is written.
fn written(granularity: Granularity) -> Value {
    let query = RevenueQuery::of(granularity, "USD".parse().unwrap());
    let sum = |currency: &str| Sum {
        currency: currency.parse().unwrap(),
        bucket: Some("2026-11-30".parse().unwrap()),
        measure: Measure::Collected,
        amount: 5,
        payments: 1,
    };
    let proof = Proof { checked_at: DateTime::UNIX_EPOCH, buckets_recomputed: 0, verified_at: None };
    let mut revenue = Revenue::assemble(query, &[sum("USD"), sum("EUR")], &[], None, proof).unwrap();
    revenue.by_source = vec![(Source::new("stripe"), revenue.query.currency, revenue.total)];
    json!(revenue)
}

/// The fields that are documented of a type, those of the types it is made of included.
fn documented<T: ToSchema>() -> BTreeSet<String> {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    let schemas: BTreeMap<_, _> = schemas.into_iter().map(|(name, schema)| (name, json!(schema))).collect();
    let mut fields = BTreeSet::new();
    collect(&schemas[T::name().as_ref()], &schemas, &mut fields);
    fields
}

fn collect(schema: &Value, schemas: &BTreeMap<String, Value>, fields: &mut BTreeSet<String>) {
    fields.extend(schema["properties"].as_object().into_iter().flat_map(|object| object.keys().cloned()));
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(part, schemas, fields);
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        collect(&schemas[name], schemas, fields);
    }
}

fn fields(document: &Value) -> BTreeSet<String> {
    document.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn what_is_documented_is_what_is_written() {
    let summary = written(Granularity::Summary);
    assert_eq!(fields(&summary), documented::<RevenueSummary>());
    assert_eq!(fields(&summary["otherCurrencies"][0]), documented::<RevenueTotals>());
    assert_eq!(fields(&summary["bySource"][0]), documented::<RevenueOfSource>());
    for (granularity, whole, part) in [
        (Granularity::Daily, documented::<RevenueByDay>(), documented::<RevenueOfDay>()),
        (Granularity::Weekly, documented::<RevenueByWeek>(), documented::<RevenueOfWeek>()),
        (Granularity::Monthly, documented::<RevenueByMonth>(), documented::<RevenueOfMonth>()),
        (Granularity::Quarterly, documented::<RevenueByQuarter>(), documented::<RevenueOfQuarter>()),
        (Granularity::Yearly, documented::<RevenueByYear>(), documented::<RevenueOfYear>()),
    ] {
        let answer = written(granularity);
        assert_eq!(fields(&answer), whole);
        assert_eq!(fields(&answer["breakdown"][0]), part);
    }
}
