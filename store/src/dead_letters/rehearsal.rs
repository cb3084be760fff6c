//! Rehearsing a replay: dead letters are processed in a transaction that is never committed.
//!
//! What the upsert makes of a row depends on what is there, and a value may be refused by the database alone. Whoever
//! wants to know what a replay would do must do it, and look.

use buffalo_model::{DeadLetterId, Entity, RecordKey, RunId, Source};
use chrono::{DateTime, Utc};

use super::{StoredRow, stored_rows, uuids};
use crate::error::classify;
use crate::{ClaimedBatch, ClaimedRow, Store, StoreError, StoreFailure, UpsertRow};

/// Dead letters as rows that are claimed. Dropped it leaves everything as it was, and there is no other way to end it.
#[derive(Debug)]
pub struct Rehearsal {
    batch: ClaimedBatch,
    ids: Vec<DeadLetterId>,
}

/// Nothing is claimed, so nothing is noted as claimed either.
const NO_CLAIM: i64 = 0;

impl Store {
    /// Begins to rehearse the replay of these dead letters. Left out are letters that are gone, and those of entities
    /// that this program does not know. The caller bounds what their payloads take.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn rehearse_replay(&self, ids: &[DeadLetterId]) -> Result<Rehearsal, StoreError> {
        let operation = "rehearse a replay";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let found = sqlx::query!(
            "SELECT id, raw_id, source, entity, external_id, revision, observed_at, run_id, api_version, context, payload
             FROM dead_letters WHERE id = ANY ($1::uuid[]) ORDER BY source, entity, external_id, revision",
            &uuids(ids),
        )
        .fetch_all(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        let (mut rows, mut ids) = (Vec::with_capacity(found.len()), Vec::with_capacity(found.len()));
        for letter in found {
            let Ok(entity) = letter.entity.parse::<Entity>() else { continue };
            ids.push(DeadLetterId(letter.id));
            rows.push(ClaimedRow {
                raw_id: letter.raw_id,
                key: RecordKey {
                    source: Source::new(letter.source),
                    entity,
                    external_id: letter.external_id,
                },
                revision: letter.revision,
                observed_at: letter.observed_at,
                attempts: 0,
                last_error: None,
                run_id: RunId(letter.run_id.unwrap_or_default()),
                api_version: letter.api_version,
                context: letter.context,
                payload: letter.payload,
            });
        }
        Ok(Rehearsal {
            batch: ClaimedBatch { tx, claim_id: NO_CLAIM, rows, server: self.server.clone(), tries: 0 },
            ids,
        })
    }
}

impl Rehearsal {
    /// The letters as rows to process.
    #[must_use]
    pub fn rows(&self) -> &[ClaimedRow] {
        self.batch.rows()
    }

    /// The letters, in the order of [`Rehearsal::rows`].
    #[must_use]
    pub fn ids(&self) -> &[DeadLetterId] {
        &self.ids
    }

    /// What is stored of the record of each row at this moment, in the order of [`Rehearsal::rows`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn stored(&mut self) -> Result<Vec<Option<StoredRow>>, StoreError> {
        let ClaimedBatch { tx, rows, server, .. } = &mut self.batch;
        let records: Vec<_> = rows
            .iter()
            .map(|row| (row.key.source.as_str(), row.key.entity.as_str(), row.key.external_id.as_str()))
            .collect();
        stored_rows(tx, &records).await.map_err(|error| classify(server, "read what is stored", error))
    }

    /// Upserts as a batch does; see [`ClaimedBatch::upsert`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; the rehearsal is over then.
    pub async fn upsert(
        &mut self,
        upserts: &[UpsertRow],
        now: DateTime<Utc>,
    ) -> Result<Vec<StoreFailure>, StoreError> {
        self.batch.upsert(upserts, now).await
    }
}
