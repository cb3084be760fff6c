//! Claiming: a batch of outbox rows, locked for as long as its transaction lives.

use buffalo_model::{Entity, RawState, RecordKey, Source};
use chrono::{DateTime, Utc};
use sqlx::{Postgres, Transaction};

use crate::{Store, StoreError};

/// A claimed outbox row with its payload.
#[derive(Debug)]
pub struct ClaimedRow {
    /// The raw record it stands for.
    pub raw_id: i64,
    /// The record.
    pub key: RecordKey,
    /// Orders the states of the record.
    pub revision: i64,
    /// When the source said so.
    pub observed_at: DateTime<Utc>,
    /// Attempts that failed before this one.
    pub attempts: i32,
    /// The vendor's API version in which the payload is written.
    pub api_version: Option<String>,
    /// What the source said beside the payload.
    pub context: Option<String>,
    /// The vendor's bytes.
    pub payload: String,
}

impl ClaimedRow {
    /// The state as a normaliser sees it.
    #[must_use]
    pub fn state(&self) -> RawState<'_> {
        RawState {
            entity: self.key.entity,
            external_id: &self.key.external_id,
            context: self.context.as_deref(),
            payload: &self.payload,
        }
    }
}

/// Claimed rows and the transaction that holds them. Dropped without being settled, it leaves everything as it was.
#[derive(Debug)]
pub struct ClaimedBatch {
    pub(crate) tx: Transaction<'static, Postgres>,
    pub(crate) rows: Vec<ClaimedRow>,
    pub(crate) server: String,
}

/// A queue table has no statistics worth the name: it is empty at one moment and full at the next. Where the planner
/// believes that few rows are due it sorts all of them at every claim; forbidden to sort, it walks along the index.
const BEGIN_CLAIM: &str = "BEGIN; SET LOCAL enable_sort = off";

impl Store {
    /// Claims up to `limit` rows that are due at `now`, holding no more than about `byte_budget` bytes of payload; none
    /// when nothing is due that nobody else has claimed. Rows of entities that this program does not know wait for one
    /// that does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn claim(
        &self,
        now: DateTime<Utc>,
        limit: i64,
        byte_budget: i64,
    ) -> Result<Option<ClaimedBatch>, StoreError> {
        let operation = "claim outbox rows";
        let entities = Entity::ALL.map(Entity::as_str);
        let mut tx = self.pool.begin_with(BEGIN_CLAIM).await.map_err(self.fail(operation))?;
        let found = sqlx::query_file!("queries/claim.sql", now, limit, byte_budget, &entities as &[&str])
            .fetch_all(&mut *tx)
            .await
            .map_err(self.fail(operation))?;
        if found.is_empty() {
            return Ok(None);
        }
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let entity: Entity = row.entity.parse().map_err(|error| StoreError::Unreadable {
                table: "ingest_outbox",
                what: format!("{error}"),
            })?;
            rows.push(ClaimedRow {
                raw_id: row.raw_id,
                key: RecordKey { source: Source::new(row.source), entity, external_id: row.external_id },
                revision: row.revision,
                observed_at: row.observed_at,
                attempts: row.attempts,
                api_version: row.api_version,
                context: row.context,
                payload: row.payload,
            });
        }
        Ok(Some(ClaimedBatch { tx, rows, server: self.server.clone() }))
    }
}

impl ClaimedBatch {
    /// The claimed rows.
    #[must_use]
    pub fn rows(&self) -> &[ClaimedRow] {
        &self.rows
    }
}
