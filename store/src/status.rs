//! How things stand: the outbox, dead letters, statuses nobody knows.

use buffalo_model::{Reconciliation, RunStatus, plausible_times};
use chrono::{DateTime, Utc};

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

/// Dead letters of one source and entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterCount {
    /// The source.
    pub source: String,
    /// The entity.
    pub entity: String,
    /// How many.
    pub count: i64,
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

/// Payments of a source that count on days that are not plausible: they are probably mistyped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MistypedDates {
    /// The source.
    pub source: String,
    /// How many payments.
    pub count: i64,
    /// The id of one of them.
    pub sample: String,
    /// When that one happened, as it is dated.
    pub at: DateTime<Utc>,
}

/// How the fetches of a source and entity go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchLine {
    /// The source.
    pub source: String,
    /// The entity.
    pub entity: String,
    /// How the newest fetch that ended came out; one that found another at work does not count.
    pub last_status: Option<RunStatus>,
    /// When it ended.
    pub last_finished_at: Option<DateTime<Utc>>,
    /// What went wrong in it.
    pub last_error: Option<String>,
    /// When the newest successful fetch ended.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// When the first of the failures ended that no success has followed.
    pub failing_since: Option<DateTime<Utc>>,
}

/// How things stand at one moment.
#[derive(Debug)]
pub struct Status {
    /// All cursors.
    pub cursors: Vec<CursorRow>,
    /// How fetching goes, by source and entity.
    pub fetches: Vec<FetchLine>,
    /// The outbox by source and entity; nothing where it is empty.
    pub outbox: Vec<OutboxDepth>,
    /// By source: since when the outbox row that waits longest could have been claimed; nothing where no row is due.
    pub longest_due_since: Vec<(String, DateTime<Utc>)>,
    /// The number of dead letters by source and entity.
    pub dead_letters: Vec<DeadLetterCount>,
    /// The newest comparison of each source and entity with what the source has.
    pub reconciliations: Vec<Reconciliation>,
    /// The circuit breakers of sources.
    pub circuits: Vec<CircuitRow>,
    /// Statuses that Buffalo does not know, the most frequent first, at most fifty.
    pub unmapped: Vec<UnmappedStatus>,
    /// Payments whose dates are not plausible, by source.
    pub mistyped: Vec<MistypedDates>,
    /// The partitions of raw history, without the default one.
    pub partitions: Vec<Partition>,
    /// Whether raw records had to be put into the default partition.
    pub default_holds_rows: bool,
}

impl Store {
    /// Makes sure that the database answers.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!("SELECT 1").fetch_one(&self.pool).await.map_err(self.fail("ask for anything"))?;
        Ok(())
    }

    /// How things stand.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Status, StoreError> {
        let dead_letters = sqlx::query_as!(
            DeadLetterCount,
            r#"SELECT source, entity, count(*) AS "count!" FROM dead_letters
               GROUP BY source, entity ORDER BY source, entity"#
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("count dead letters"))?;
        Ok(Status {
            cursors: self.list_cursors().await?,
            fetches: self.fetch_lines().await?,
            outbox: self.outbox_depth().await?,
            reconciliations: self.newest_reconciliations().await?,
            circuits: self.circuits().await?,
            longest_due_since: self.longest_due_since(now).await?,
            dead_letters,
            unmapped: self.unmapped_statuses(50).await?,
            mistyped: self.mistyped_dates(now).await?,
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

    /// Payments whose dates are not plausible, by source: a look at both ends of an index.
    async fn mistyped_dates(&self, now: DateTime<Utc>) -> Result<Vec<MistypedDates>, StoreError> {
        let (from, until) = plausible_times(now);
        sqlx::query_as!(
            MistypedDates,
            r#"SELECT source AS "source!", count(*) AS "count!",
                      (array_agg(external_id ORDER BY at, external_id))[1] AS "sample!", min(at) AS "at!"
               FROM (SELECT source, external_id, at FROM revenue_rows
                     WHERE at < $1 AND basis = 'both' AND measure IN ('collected', 'refunded')
                     UNION ALL
                     SELECT source, external_id, at FROM revenue_rows
                     WHERE at >= $2 AND basis = 'both' AND measure IN ('collected', 'refunded')) AS far
               GROUP BY source ORDER BY source"#,
            from,
            until,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("look for dates that are not plausible"))
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

    /// How fetching goes, by source and entity: of every one that was ever asked for.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn fetch_lines(&self) -> Result<Vec<FetchLine>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT line.source AS "source!", line.entity AS "entity!",
                      last.status AS "last_status?", last.finished_at AS last_finished_at, last.error AS last_error,
                      success.finished_at AS succeeded_at, alarm.failing_since AS "failing_since?"
               FROM (SELECT source, entity FROM sync_cursors
                     UNION SELECT source, entity FROM run_alarms WHERE work = 'fetch') AS line
               LEFT JOIN run_alarms AS alarm
                   ON alarm.work = 'fetch' AND (alarm.source, alarm.entity) = (line.source, line.entity)
               LEFT JOIN LATERAL (
                   SELECT status, finished_at, error FROM sync_runs
                   WHERE source = line.source AND entity = line.entity AND mode IN ('incremental', 'full')
                     AND status NOT IN ('running', 'skipped')
                   ORDER BY run_id DESC LIMIT 1
               ) AS last ON true
               LEFT JOIN LATERAL (
                   SELECT finished_at FROM sync_runs
                   WHERE source = line.source AND entity = line.entity AND mode IN ('incremental', 'full')
                     AND status = 'success'
                   ORDER BY run_id DESC LIMIT 1
               ) AS success ON true
               ORDER BY 1, 2"#,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("find the newest runs"))?;
        rows.into_iter()
            .map(|row| {
                let status = row.last_status.map(|status| status.parse::<RunStatus>()).transpose();
                Ok(FetchLine {
                    source: row.source,
                    entity: row.entity,
                    last_status: status
                        .map_err(|what| StoreError::Unreadable { table: "sync_runs", what })?,
                    last_finished_at: row.last_finished_at,
                    last_error: row.last_error,
                    succeeded_at: row.succeeded_at,
                    failing_since: row.failing_since,
                })
            })
            .collect()
    }
}
