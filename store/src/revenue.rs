//! The one place that asks Postgres how much revenue was collected.

use std::collections::BTreeMap;

use buffalo_model::{BucketRow, Entity, Figures, Revenue, RevenueQuery, Source};
use chrono::{DateTime, Utc};

use crate::{Store, StoreError};

impl Store {
    /// Answers a question about revenue, from one snapshot: totals, buckets and freshness are of the same moment.
    ///
    /// `sources` are those whose freshness is told even when nothing was ever fetched from them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Drift`] when the parts do not add up to the total; [`StoreError::Unreachable`] and its like.
    pub async fn revenue(&self, query: RevenueQuery, sources: &[Source]) -> Result<Revenue, StoreError> {
        let operation = "compute revenue";
        let mut tx = self
            .pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(self.fail(operation))?;
        let found = sqlx::query_file!(
            "queries/revenue.sql",
            query.start_date,
            query.end_date,
            query.source.as_ref().map(Source::as_str),
            query.timezone.name(),
            query.granularity.bucket().as_str(),
        )
        .fetch_all(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        // What is enqueued and not yet processed is not in the figures, so they reach only as far as the oldest of it.
        let freshness = sqlx::query!(
            r#"SELECT c.source,
                      least(c.data_through,
                            (SELECT min(o.observed_at) FROM ingest_outbox o
                             WHERE o.source = c.source AND o.entity = c.entity)) AS data_through,
                      c.data_through IS NULL AS "never_complete!"
               FROM sync_cursors c WHERE c.entity = $1"#,
            Entity::Payments.as_str(),
        )
        .fetch_all(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        tx.commit().await.map_err(self.fail(operation))?;

        let mut data_through: BTreeMap<Source, Option<DateTime<Utc>>> =
            sources.iter().map(|source| (source.clone(), None)).collect();
        for row in freshness {
            let through = row.data_through.filter(|_| !row.never_complete);
            data_through.insert(Source::new(row.source), through);
        }
        if let Some(only) = &query.source {
            data_through.retain(|source, _| source == only);
        }
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let unreadable = |what: String| StoreError::Unreadable { table: "payments", what };
            let minor = |text: &str| text.parse::<i128>().map_err(|error| unreadable(error.to_string()));
            rows.push(BucketRow {
                currency: row.currency.parse().map_err(|error| unreadable(format!("{error}")))?,
                bucket: row.bucket,
                figures: Figures {
                    collected: minor(&row.collected)?,
                    count: row.count,
                    refunded: minor(&row.refunded)?,
                    disputed: minor(&row.disputed)?,
                },
            });
        }
        Ok(Revenue::assemble(query, &rows, data_through)?)
    }
}
