//! Settling: what becomes of claimed rows, in the transaction that claimed them.

use std::borrow::Cow;

use buffalo_model::{MAX_REASON_BYTES, storable};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::error::classify;
use crate::{ClaimedBatch, StoreError};

/// A row that is to be tried again.
#[derive(Debug)]
pub struct RetryRow {
    /// The index into [`ClaimedBatch::rows`].
    pub row: usize,
    /// Not before this time.
    pub available_at: DateTime<Utc>,
    /// Where it failed.
    pub stage: &'static str,
    /// Why it failed.
    pub reason: String,
}

/// A row that has failed for the last time.
#[derive(Debug)]
pub struct DeadRow {
    /// The index into [`ClaimedBatch::rows`].
    pub row: usize,
    /// How often it has failed.
    pub attempts: u32,
    /// Where it failed.
    pub stage: &'static str,
    /// Why it failed.
    pub reason: String,
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Rows processed.
    pub processed: u64,
    /// Rows put back for another attempt.
    pub retried: u64,
    /// Rows that became dead letters.
    pub dead: u64,
}

impl ClaimedBatch {
    /// Ends the batch: processed rows leave the outbox, failed ones are put back or become dead letters, and all of it
    /// is committed together with what was upserted.
    ///
    /// # Errors
    ///
    /// [`StoreError::SettledOther`] when a claimed row is gone, [`StoreError::Unreachable`] and its like; nothing was
    /// changed then, unless the connection broke at the very commit, in which case the rows tell.
    pub async fn settle(
        mut self,
        retries: &[RetryRow],
        dead: &[DeadRow],
        now: DateTime<Utc>,
    ) -> Result<Settled, StoreError> {
        self.put_back(retries).await?;
        self.bury(dead, now).await?;
        let mut leaves = vec![true; self.rows.len()];
        for retry in retries {
            leaves[retry.row] = false;
        }
        let leaving: Vec<i64> =
            self.rows.iter().zip(&leaves).filter(|(_, leaves)| **leaves).map(|(row, _)| row.raw_id).collect();
        let server = self.server;
        let fail = |error| classify(&server, "settle outbox rows", error);
        let gone = sqlx::query!(
            "WITH claim AS (DELETE FROM outbox_claims WHERE claim_id = $2)
             DELETE FROM ingest_outbox WHERE raw_id = ANY ($1)",
            &leaving,
            self.claim_id,
        )
        .execute(&mut self.tx)
        .await
        .map_err(fail)?
        .rows_affected();
        let expected = leaving.len() as u64;
        if gone != expected {
            return Err(StoreError::SettledOther { expected, found: gone });
        }
        self.tx.commit().await.map_err(fail)?;
        let dead = dead.len() as u64;
        Ok(Settled { processed: expected - dead, retried: retries.len() as u64, dead })
    }

    async fn put_back(&mut self, retries: &[RetryRow]) -> Result<(), StoreError> {
        if retries.is_empty() {
            return Ok(());
        }
        let raw_ids: Vec<i64> = retries.iter().map(|retry| self.rows[retry.row].raw_id).collect();
        let available_at: Vec<_> = retries.iter().map(|retry| retry.available_at).collect();
        let reasons: Vec<_> = retries.iter().map(|retry| storable(&retry.reason, MAX_REASON_BYTES)).collect();
        let updated = sqlx::query!(
            "UPDATE ingest_outbox AS o
             SET attempts = o.attempts + 1, available_at = failed.available_at, last_error = failed.reason
             FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS failed (raw_id, available_at, reason)
             WHERE o.raw_id = failed.raw_id",
            &raw_ids,
            &available_at,
            &reasons as &[Cow<'_, str>],
        )
        .execute(&mut self.tx)
        .await
        .map_err(|error| classify(&self.server, "put outbox rows back", error))?
        .rows_affected();
        let expected = retries.len() as u64;
        if updated == expected { Ok(()) } else { Err(StoreError::SettledOther { expected, found: updated }) }
    }

    async fn bury(&mut self, dead: &[DeadRow], now: DateTime<Utc>) -> Result<(), StoreError> {
        if dead.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = dead.iter().map(|_| Uuid::now_v7()).collect();
        let raw_ids: Vec<i64> = dead.iter().map(|dead| self.rows[dead.row].raw_id).collect();
        let attempts: Vec<i32> =
            dead.iter().map(|dead| i32::try_from(dead.attempts).unwrap_or(i32::MAX)).collect();
        let stages: Vec<&str> = dead.iter().map(|dead| dead.stage).collect();
        let reasons: Vec<_> = dead.iter().map(|dead| storable(&dead.reason, MAX_REASON_BYTES)).collect();
        let buried = sqlx::query!(
            "INSERT INTO dead_letters
                 (id, source, entity, external_id, revision, raw_id, observed_at, attempts, stage, reason, api_version,
                  context, payload, run_id, enqueued_at, dead_at)
             SELECT failed.id, o.source, o.entity, o.external_id, o.revision, o.raw_id, o.observed_at, failed.attempts,
                    failed.stage, failed.reason, r.api_version, r.context, r.payload, r.run_id, o.enqueued_at, $5
             FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $6::integer[])
                 AS failed (id, raw_id, stage, reason, attempts)
             JOIN ingest_outbox o ON o.raw_id = failed.raw_id
             JOIN raw_records r ON r.id = o.raw_id AND r.fetched_at = o.enqueued_at AND r.source = o.source
                  AND r.entity = o.entity AND r.external_id = o.external_id",
            &ids,
            &raw_ids,
            &stages as &[&str],
            &reasons as &[Cow<'_, str>],
            now,
            &attempts,
        )
        .execute(&mut self.tx)
        .await
        .map_err(|error| classify(&self.server, "write dead letters", error))?
        .rows_affected();
        let expected = dead.len() as u64;
        if buried == expected { Ok(()) } else { Err(StoreError::SettledOther { expected, found: buried }) }
    }
}
