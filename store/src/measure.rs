//! What a monitoring system asks every few seconds, found at a price that does not grow with the tables.

use chrono::{DateTime, Utc};

use crate::{CircuitRow, Counter, CursorRow, Durations, Store, StoreError, Total};

/// The most of a table that is read to tell how many rows it has, in bytes: about 60,000 rows of the outbox.
const READ_AT_MOST: i64 = 16 * 1024 * 1024;

/// How things stand, as numbers.
#[derive(Debug)]
pub struct Measurements {
    /// The circuit breakers of sources.
    pub circuits: Vec<CircuitRow>,
    /// All cursors: which sources and entities there are, and how far each was fetched.
    pub cursors: Vec<CursorRow>,
    /// Rows in the outbox; nothing where there are none.
    pub outbox: Vec<RowEstimate>,
    /// By source: since when the outbox row that waits longest could have been claimed; nothing where no row is due.
    pub longest_due_since: Vec<(String, DateTime<Utc>)>,
    /// Dead letters; nothing where there are none.
    pub dead_letters: Vec<RowEstimate>,
    /// Differences in figures and payments that verifications have found so far.
    pub revenue_drift: i64,
    /// What runs did so far, whichever process did it.
    pub totals: Vec<Total>,
    /// How long claims took that found something.
    pub claims: Durations,
    /// How long batches took, from the claim to the commit.
    pub batches: Durations,
}

/// How many rows of a table belong to a source and entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowEstimate {
    /// The source.
    pub source: String,
    /// The entity.
    pub entity: String,
    /// How many; exact for a table of up to 16 MiB, and an estimate from a sample of that size for a larger one.
    pub rows: i64,
}

impl Store {
    /// How things stand, as numbers. Reads a bounded part of each table however large it is: a queue that is counted
    /// every few seconds is busiest with being counted when it is longest.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn measure(&self, now: DateTime<Utc>) -> Result<Measurements, StoreError> {
        let totals = self.totals().await?;
        Ok(Measurements {
            circuits: self.circuits().await?,
            cursors: self.list_cursors().await?,
            outbox: self.estimate_outbox().await?,
            longest_due_since: self.longest_due_since(now).await?,
            dead_letters: self.estimate_dead_letters().await?,
            revenue_drift: self.revenue_drift().await?,
            claims: Durations::among(&totals, Counter::ClaimDuration),
            batches: Durations::among(&totals, Counter::BatchDuration),
            totals,
        })
    }

    async fn revenue_drift(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar!("SELECT drift_total FROM revenue_proof")
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("measure drift"))
    }

    /// The sample is the same part of the table every time, so that the estimate moves with the rows and not by chance.
    async fn estimate_outbox(&self) -> Result<Vec<RowEstimate>, StoreError> {
        sqlx::query_as!(
            RowEstimate,
            r#"SELECT source, entity,
                      (count(*) * greatest(pg_relation_size('ingest_outbox'), $1::bigint) / $1)::bigint AS "rows!"
               FROM ingest_outbox
               TABLESAMPLE SYSTEM (least(100, 100.0 * $1::bigint / greatest(pg_relation_size('ingest_outbox'), 1)))
               REPEATABLE (1)
               GROUP BY source, entity"#,
            READ_AT_MOST,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("measure the outbox"))
    }

    async fn estimate_dead_letters(&self) -> Result<Vec<RowEstimate>, StoreError> {
        sqlx::query_as!(
            RowEstimate,
            r#"SELECT source, entity,
                      (count(*) * greatest(pg_relation_size('dead_letters'), $1::bigint) / $1)::bigint AS "rows!"
               FROM dead_letters
               TABLESAMPLE SYSTEM (least(100, 100.0 * $1::bigint / greatest(pg_relation_size('dead_letters'), 1)))
               REPEATABLE (1)
               GROUP BY source, entity"#,
            READ_AT_MOST,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("measure dead letters"))
    }

    /// The first rows of the index that claims walk along, one for each lane. They are not the rows that were enqueued
    /// first: one that failed begins to wait anew, as nobody could claim it before.
    pub(crate) async fn longest_due_since(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
        let (sources, lanes): (Vec<String>, Vec<String>) = self.lanes_in_use().await?.into_iter().unzip();
        let rows = sqlx::query!(
            r#"SELECT used.source AS "source!", min(first.available_at) AS "since!"
             FROM unnest($1::text[], $2::text[]) AS used (source, lane)
             CROSS JOIN LATERAL (
                 SELECT available_at FROM ingest_outbox
                 WHERE source = used.source AND lane = used.lane AND available_at <= $3
                 ORDER BY available_at LIMIT 1
             ) first
             GROUP BY used.source"#,
            &sources,
            &lanes,
            now,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("find the oldest outbox rows"))?;
        Ok(rows.into_iter().map(|row| (row.source, row.since)).collect())
    }
}
