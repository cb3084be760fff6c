//! The one place that asks Postgres how much revenue was collected.

use std::collections::BTreeMap;

use buffalo_model::{BucketRow, Entity, Figures, Revenue, RevenueQuery, Source};
use chrono::{DateTime, Utc};

use crate::{Store, StoreError};

impl Store {
    /// Answers a question about revenue, from one statement: totals, buckets and freshness are of the same moment.
    ///
    /// `sources` are those whose freshness is told even when nothing was ever fetched from them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Drift`] when the parts do not add up to the total; [`StoreError::Unreachable`] and its like.
    pub async fn revenue(&self, query: RevenueQuery, sources: &[Source]) -> Result<Revenue, StoreError> {
        let found = sqlx::query_file!(
            "queries/revenue.sql",
            query.start_date,
            query.end_date,
            query.source.as_ref().map(Source::as_str),
            query.timezone.name(),
            query.granularity.bucket().as_str(),
            Entity::Payments.as_str(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("compute revenue"))?;
        let unreadable = |what: String| StoreError::Unreadable { table: "payments", what };
        let mut data_through: BTreeMap<Source, Option<DateTime<Utc>>> =
            sources.iter().map(|source| (source.clone(), None)).collect();
        if let Some(row) = found.first() {
            let known: BTreeMap<Source, Option<DateTime<Utc>>> =
                serde_json::from_value(row.freshness.clone())
                    .map_err(|error| unreadable(error.to_string()))?;
            data_through.extend(known);
        }
        if let Some(only) = &query.source {
            data_through.retain(|source, _| source == only);
        }
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let (Some(currency), Some(count)) = (row.currency, row.count) else { continue };
            let minor = |text: Option<String>| {
                let text = text.unwrap_or_default();
                text.parse::<i128>().map_err(|error| unreadable(error.to_string()))
            };
            rows.push(BucketRow {
                currency: currency.parse().map_err(|error| unreadable(format!("{error}")))?,
                bucket: row.bucket,
                figures: Figures {
                    collected: minor(row.collected)?,
                    count,
                    refunded: minor(row.refunded)?,
                    disputed: minor(row.disputed)?,
                },
            });
        }
        Ok(Revenue::assemble(query, &rows, data_through)?)
    }
}
