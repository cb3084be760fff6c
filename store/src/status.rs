//! How things stand: the outbox, dead letters, statuses nobody knows.

use buffalo_model::Reconciliation;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{CircuitRow, CursorRow, Partition, Store, StoreError};

/// Outbox rows of one source and entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxDepth {
    /// The source.
    pub source: String,
    /// The entity.
    pub entity: String,
    /// Rows waiting.
    pub pending: i64,
    /// Of these, rows that have failed at least once.
    pub retrying: i64,
    /// When the oldest of them was enqueued.
    pub oldest_enqueued_at: Option<DateTime<Utc>>,
}

/// A vendor status that Buffalo does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmappedStatus {
    /// The source.
    pub source: String,
    /// The vendor's word.
    pub raw_status: String,
    /// How many records have it.
    pub count: i64,
    /// The id of one of them.
    pub sample: String,
}

/// How things stand at one moment.
#[derive(Debug)]
pub struct Status {
    /// All cursors.
    pub cursors: Vec<CursorRow>,
    /// The outbox by source and entity; nothing where it is empty.
    pub outbox: Vec<OutboxDepth>,
    /// The number of dead letters by source.
    pub dead_letters: Vec<(String, i64)>,
    /// The newest comparison of each source and entity with what the source has.
    pub reconciliations: Vec<Reconciliation>,
    /// The circuit breakers of sources.
    pub circuits: Vec<CircuitRow>,
    /// Statuses that Buffalo does not know, the most frequent first, at most fifty.
    pub unmapped: Vec<UnmappedStatus>,
    /// The partitions of raw history, without the default one.
    pub partitions: Vec<Partition>,
    /// Whether raw records had to be put into the default partition.
    pub default_holds_rows: bool,
}

impl Store {
    /// How things stand.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn status(&self) -> Result<Status, StoreError> {
        let dead_letters = sqlx::query!(
            r#"SELECT source, count(*) AS "count!" FROM dead_letters GROUP BY source ORDER BY source"#
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("count dead letters"))?;
        Ok(Status {
            cursors: self.list_cursors().await?,
            outbox: self.outbox_depth().await?,
            reconciliations: self.newest_reconciliations().await?,
            circuits: self.circuits().await?,
            dead_letters: dead_letters.into_iter().map(|row| (row.source, row.count)).collect(),
            unmapped: self.unmapped_statuses(50).await?,
            partitions: self.partitions().await?,
            default_holds_rows: self.default_holds_rows().await?,
        })
    }

    /// Statuses that Buffalo does not know, the most frequent first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn unmapped_statuses(&self, limit: i64) -> Result<Vec<UnmappedStatus>, StoreError> {
        sqlx::query_as!(
            UnmappedStatus,
            r#"SELECT source AS "source!", raw_status AS "raw_status!", count(*) AS "count!",
                      min(external_id) AS "sample!"
               FROM (SELECT source, raw_status, external_id FROM payments WHERE status = 'UNKNOWN'
                     UNION ALL
                     SELECT source, raw_status, external_id FROM events WHERE status = 'UNKNOWN') AS unmapped
               GROUP BY source, raw_status ORDER BY 3 DESC, 1, 2 LIMIT $1"#,
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("list unmapped statuses"))
    }

    /// What waits in the outbox, by source and entity.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn outbox_depth(&self) -> Result<Vec<OutboxDepth>, StoreError> {
        sqlx::query_as!(
            OutboxDepth,
            r#"SELECT source, entity, count(*) AS "pending!",
                      count(*) FILTER (WHERE attempts > 0) AS "retrying!",
                      min(enqueued_at) AS oldest_enqueued_at
               FROM ingest_outbox GROUP BY source, entity ORDER BY source, entity"#,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("measure the outbox"))
    }

    /// The end of the newest successful fetch of each source and entity.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn last_fetches(&self) -> Result<Vec<(String, String, Value)>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT DISTINCT ON (source, entity) source, entity,
                      jsonb_build_object('status', status, 'startedAt', started_at, 'finishedAt', finished_at) AS "run!"
               FROM sync_runs WHERE mode IN ('incremental', 'full') AND status NOT IN ('running', 'skipped')
               ORDER BY source, entity, run_id DESC"#,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("find the newest runs"))?;
        Ok(rows.into_iter().map(|row| (row.source, row.entity, row.run)).collect())
    }
}
