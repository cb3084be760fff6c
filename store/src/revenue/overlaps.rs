//! Finding payments that are likely one sale.

use std::collections::HashSet;

use buffalo_model::{Currency, Overlap, OverlapQuery, Pairing, PaymentKey, Sale, Source};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;

use crate::database::Tx;
use crate::{Store, StoreError};

/// A plan for any range would read all payments for a short one.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan";

/// A row of the query: a payment that may have a partner.
struct SaleRow {
    source: String,
    external_id: String,
    kind: String,
    currency: String,
    amount: i64,
    at: DateTime<Utc>,
    customer_external_id: Option<String>,
    customer_email: Option<String>,
}

impl Store {
    /// Pairs of payments of different sources that are likely one sale and were not decided about: the surest first, then
    /// the newest. It takes as much memory as the pairs, and the most payments of one amount that follow one another.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn find_overlaps(&self, query: &OverlapQuery) -> Result<Vec<Overlap>, StoreError> {
        let fail = || self.fail("find overlaps");
        let mut tx = self.pool.begin_with(BEGIN).await.map_err(fail())?;
        let found = self.find_overlaps_in_tx(&mut tx, query).await?;
        tx.commit().await.map_err(fail())?;
        Ok(found)
    }

    pub(super) async fn find_overlaps_in_tx(
        &self,
        tx: &mut Tx<'_>,
        query: &OverlapQuery,
    ) -> Result<Vec<Overlap>, StoreError> {
        let fail = || self.fail("find overlaps");
        let pairing = Pairing::new(query.most_apart(), self.distinct_pairs_in_tx(tx).await?);
        let largest = sqlx::query_scalar!(
            "SELECT source FROM payments
             WHERE kind NOT IN ('refund', 'dispute') AND ($1::timestamptz IS NULL OR occurred_at >= $1)
               AND ($2::timestamptz IS NULL OR occurred_at < $2)
             GROUP BY source ORDER BY count(*) DESC, source LIMIT 1",
            query.starts_at,
            query.ends_at,
        )
        .fetch_optional(&mut *tx)
        .await
        .map_err(fail())?;
        let counted: Option<Vec<&str>> =
            query.counted.as_ref().map(|sources| sources.iter().map(Source::as_str).collect());
        let mut rows = sqlx::query_file_as!(
            SaleRow,
            "queries/revenue/overlaps.sql",
            counted.as_deref() as Option<&[&str]>,
            query.starts_at,
            query.ends_at,
            query.most_apart().num_seconds(),
            largest,
        )
        .fetch(&mut *tx);
        let mut found = Vec::new();
        let mut alike: Vec<Sale> = Vec::new();
        while let Some(row) = rows.try_next().await.map_err(fail())? {
            let sale = Sale::try_from(row)?;
            let follows = alike.last().is_some_and(|last| {
                (last.currency, last.amount_minor) == (sale.currency, sale.amount_minor)
                    && sale.occurred_at - last.occurred_at <= query.most_apart()
            });
            if !follows {
                found.extend(pairing.pairs(std::mem::take(&mut alike)));
            }
            alike.push(sale);
        }
        found.extend(pairing.pairs(alike));
        found.retain(|overlap| query.asks_for(overlap));
        found.sort_by_cached_key(|overlap| {
            let newest = overlap.payments.iter().map(|sale| sale.occurred_at).max();
            (overlap.certainty(), std::cmp::Reverse(newest), overlap.payments[0].key.clone())
        });
        Ok(found)
    }

    async fn distinct_pairs_in_tx(&self, tx: &mut Tx<'_>) -> Result<HashSet<[PaymentKey; 2]>, StoreError> {
        let rows = sqlx::query!(
            "SELECT source, external_id, other_source, other_external_id FROM revenue_distinct_pairs
             WHERE revoked_at IS NULL"
        )
        .fetch_all(tx)
        .await
        .map_err(self.fail("read which payments are distinct"))?;
        let key = |source: String, external_id| PaymentKey { source: Source::new(source), external_id };
        let pair = |(source, id, other_source, other_id)| [key(source, id), key(other_source, other_id)];
        Ok(rows
            .into_iter()
            .map(|row| pair((row.source, row.external_id, row.other_source, row.other_external_id)))
            .collect())
    }
}

impl TryFrom<SaleRow> for Sale {
    type Error = StoreError;

    fn try_from(row: SaleRow) -> Result<Self, StoreError> {
        let currency: Currency = row
            .currency
            .parse()
            .map_err(|error| StoreError::Unreadable { table: "payments", what: format!("{error}") })?;
        Ok(Self {
            key: PaymentKey { source: Source::new(row.source), external_id: row.external_id },
            kind: row.kind,
            currency,
            amount_minor: row.amount,
            occurred_at: row.at,
            customer_external_id: row.customer_external_id,
            customer_email: row.customer_email,
        })
    }
}
