//! Erasing records: what a vendor deleted for a person's privacy is in no table any more, and does not come back.
//!
//! Raw history has no index of ids, so finding all of a record means reading it. A post is answered at once, so it only
//! leaves a request; the next fetch erases.

use buffalo_model::{Entity, Source};
use chrono::{DateTime, Utc};

use crate::{Store, StoreError};

/// Records that are erased in one reading of raw history.
const ERASED_AT_ONCE: i64 = 1_000;

impl Store {
    /// Requests that everything about these records is erased.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn request_erasures(
        &self,
        source: &Source,
        entity: Entity,
        external_ids: &[String],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO erasures (source, entity, external_id, requested_at)
             SELECT DISTINCT $1::text, $2::text, external_id, $4::timestamptz FROM unnest($3::text[]) AS new (external_id)
             ORDER BY external_id
             ON CONFLICT (source, entity, external_id)
                 DO UPDATE SET requested_at = excluded.requested_at, erased_at = NULL",
            source.as_str(),
            entity.as_str(),
            external_ids,
            now,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("request that records are erased"))?;
        Ok(())
    }

    /// Erases what was requested to be, and returns how many records. `tombstone` is stored in place of their payloads: it
    /// says that a record is gone. For the holder of the producer's lock.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; nothing is erased then, or all of a batch.
    pub async fn erase_due(
        &self,
        source: &Source,
        entity: Entity,
        tombstone: &str,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let mut erased = 0;
        loop {
            let due = sqlx::query_scalar!(
                "SELECT external_id FROM erasures WHERE source = $1 AND entity = $2 AND erased_at IS NULL
                 ORDER BY external_id LIMIT $3",
                source.as_str(),
                entity.as_str(),
                ERASED_AT_ONCE,
            )
            .fetch_all(&self.pool)
            .await
            .map_err(self.fail("look for records to erase"))?;
            if due.is_empty() {
                return Ok(erased);
            }
            self.erase(source, entity, &due, tombstone, now).await?;
            erased += due.len();
        }
    }

    async fn erase(
        &self,
        source: &Source,
        entity: Entity,
        external_ids: &[String],
        tombstone: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "erase records";
        let (source, entity) = (source.as_str(), entity.as_str());
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        // First, so that any writer of a state of them has committed, or finds that none is accepted any more.
        sqlx::query!(
            r"INSERT INTO record_heads AS known (source, entity, external_id, revision, observed_at, content_hash)
              SELECT $1, $2, external_id, 1, $4, '\x00' FROM unnest($3::text[]) AS erased (external_id)
              ORDER BY external_id
              ON CONFLICT (source, entity, external_id) DO UPDATE
                  SET revision = known.revision + 1, observed_at = greatest(known.observed_at, excluded.observed_at),
                      content_hash = excluded.content_hash",
            source,
            entity,
            external_ids,
            now,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        // A worker that has claimed a row of them is waited for: it may be making a dead letter of it.
        sqlx::query!(
            "DELETE FROM ingest_outbox WHERE source = $1 AND entity = $2 AND external_id = ANY ($3)",
            source,
            entity,
            external_ids,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        sqlx::query_file!("queries/erase.sql", source, entity, external_ids, now, tombstone)
            .execute(&mut tx)
            .await
            .map_err(self.fail(operation))?;
        tx.commit().await.map_err(self.fail(operation))
    }
}
