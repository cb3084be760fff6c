//! Comparing a source with what is stored of it: the stored side.

mod listed;
mod stored;

use std::collections::HashSet;

use buffalo_model::{Discrepancy, Entity, ReconciledTotal, Reconciliation, RunId, Source};
use chrono::{DateTime, Utc};

use self::listed::{Listed, Sought};
use crate::database::Database;
use crate::error::classify;
use crate::{Store, StoreError};

pub use stored::{StoredContact, StoredEvent, StoredPayment, StoredState};

/// A census under way.
#[derive(Debug)]
pub struct Census {
    listed: Listed,
    pool: Database,
    server: String,
    source: Source,
    entity: Entity,
}

/// A total of payments of one currency and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTotal {
    /// The currency.
    pub currency: String,
    /// What the vendor's status means.
    pub status: String,
    /// How many payments.
    pub count: i64,
    /// Their amounts in minor units, as a decimal string.
    pub amount: String,
}

impl Store {
    /// Begins a census.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn begin_census(&self, source: &Source, entity: Entity) -> Result<Census, StoreError> {
        let listed = Listed::begin(self).await.map_err(self.fail("begin a census"))?;
        let (pool, server) = (self.pool.clone(), self.server.clone());
        Ok(Census { listed, pool, server, source: source.clone(), entity })
    }

    /// Makes the next state of these records news, whatever it is, if it is of the time `at` or later: a head that a wrong
    /// clock stamped later does not hold it up.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn doubt(
        &self,
        source: &Source,
        entity: Entity,
        external_ids: &[&str],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            r"UPDATE record_heads SET content_hash = '\x', observed_at = least(observed_at, $4)
              WHERE source = $1 AND entity = $2 AND external_id = ANY ($3) AND content_hash <> '\x00'",
            source.as_str(),
            entity.as_str(),
            external_ids as &[&str],
            at,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("forget what records were"))?;
        Ok(())
    }

    /// Keeps the result of a census.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn keep_reconciliation(&self, result: &Reconciliation) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO reconciliations
                 (run_id, source, entity, since, through, compared_at, listed, missing, different, extra, repaired,
                  totals, samples)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (run_id) DO NOTHING",
            result.run_id.0,
            result.source,
            result.entity,
            result.since,
            result.through,
            result.compared_at,
            result.listed,
            result.missing,
            result.different,
            result.extra,
            result.repaired,
            serde_json::to_value(&result.totals).unwrap_or_default(),
            serde_json::to_value(&result.samples).unwrap_or_default(),
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("keep the result of a census"))?;
        Ok(())
    }

    /// The newest census of each source and entity.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn newest_reconciliations(&self) -> Result<Vec<Reconciliation>, StoreError> {
        let rows = sqlx::query!(
            "SELECT DISTINCT ON (source, entity) run_id, source, entity, since, through, compared_at, listed, missing,
                    different, extra, repaired, totals, samples
             FROM reconciliations ORDER BY source, entity, compared_at DESC",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("read the newest census"))?;
        let unreadable = |error: serde_json::Error| StoreError::Unreadable {
            table: "reconciliations",
            what: error.to_string(),
        };
        rows.into_iter()
            .map(|row| {
                let totals: Vec<ReconciledTotal> = serde_json::from_value(row.totals).map_err(unreadable)?;
                let samples: Vec<Discrepancy> = serde_json::from_value(row.samples).map_err(unreadable)?;
                Ok(Reconciliation {
                    run_id: RunId(row.run_id),
                    source: row.source,
                    entity: row.entity,
                    since: row.since,
                    through: row.through,
                    compared_at: row.compared_at,
                    listed: row.listed,
                    missing: row.missing,
                    different: row.different,
                    extra: row.extra,
                    repaired: row.repaired,
                    totals,
                    samples,
                })
            })
            .collect()
    }
}

impl Census {
    /// Notes records that the source listed; returns those that were not noted before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; a lost connection ends the census.
    pub async fn note(&mut self, external_ids: &[&str]) -> Result<HashSet<String>, StoreError> {
        self.listed
            .note(external_ids)
            .await
            .map_err(|error| classify(&self.server, "note what was listed", error))
    }

    /// Up to a thousand records from `since` until `until` that are stored, are not gone, and were not listed.
    ///
    /// # Errors
    ///
    /// As of [`Census::note`].
    pub async fn extra(
        &mut self,
        since: Option<DateTime<Utc>>,
        until: DateTime<Utc>,
    ) -> Result<Vec<String>, StoreError> {
        let sought = Sought { source: &self.source, entity: self.entity, since, until };
        self.listed
            .extra(&self.pool, &sought)
            .await
            .map_err(|error| classify(&self.server, "look for what was not listed", error))
    }

    /// The stored side of the totals: payments from `since` until `until` that are not gone, by currency and status.
    ///
    /// # Errors
    ///
    /// As of [`Census::note`].
    pub async fn totals(
        &mut self,
        since: Option<DateTime<Utc>>,
        until: DateTime<Utc>,
    ) -> Result<Vec<StoredTotal>, StoreError> {
        if self.entity != Entity::Payments {
            return Ok(Vec::new());
        }
        sqlx::query_as!(
            StoredTotal,
            r#"SELECT currency, status, count(*) AS "count!", sum(amount_minor)::text AS "amount!"
               FROM payments
               WHERE source = $1 AND entity = $2 AND deleted_at IS NULL
                 AND occurred_at >= coalesce($3, '-infinity'::timestamptz) AND occurred_at < $4
               GROUP BY currency, status ORDER BY currency, status"#,
            self.source.as_str(),
            self.entity.as_str(),
            since,
            until,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|error| classify(&self.server, "sum up what is stored", error))
    }
}
