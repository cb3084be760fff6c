//! Requests to read records again by their ids. A request stands until a fetch that began after it has answered it.

use std::borrow::Cow;

use buffalo_model::{Entity, Refetch, RefetchPart, Source, UnknownRefetchPart, storable_id};
use chrono::{DateTime, TimeDelta, Utc};

use crate::database::Tx;
use crate::{Store, StoreError};

/// The first delay after a refusal, doubled with each further one.
const FIRST_DELAY: TimeDelta = TimeDelta::minutes(1);

/// The longest delay after a refusal.
const MAX_DELAY: TimeDelta = TimeDelta::days(1);

/// The least time between two readings of an open payment.
const OPEN_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// Why an open payment is read again.
const OPEN: &str = "open, and older than what the source is listed back to";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefetchRequest {
    /// What to read again.
    pub refetch: Refetch,
    /// Why, in a few words.
    pub reason: &'static str,
    /// Not before this time.
    pub due_at: DateTime<Utc>,
}

/// A request that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRefetch {
    /// What to read again.
    pub refetch: Refetch,
    /// How often the source refused it.
    pub attempts: i32,
    requested_at: DateTime<Utc>,
}

impl Store {
    /// Requests that records are read again; one that is requested already is read at the earlier of the two times.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn request_refetches(
        &self,
        source: &Source,
        entity: Entity,
        requests: &[RefetchRequest],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if requests.is_empty() {
            return Ok(());
        }
        let operation = "request that records are read again";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        self.request_refetches_in_tx(&mut tx, source, entity, requests, now).await?;
        tx.commit().await.map_err(self.fail(operation))
    }

    /// The same in the caller's transaction.
    pub(crate) async fn request_refetches_in_tx(
        &self,
        tx: &mut Tx<'_>,
        source: &Source,
        entity: Entity,
        requests: &[RefetchRequest],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // Sorted by key, which keeps two writers from deadlock. A request that is made again begins anew: the fetch under
        // way may have read the record before it changed.
        sqlx::query!(
            "INSERT INTO refetch_requests AS known (source, entity, external_id, part, reason, requested_at, due_at)
             SELECT DISTINCT ON (external_id, part) $1::text, $2::text, external_id, part, reason, $7::timestamptz, due_at
             FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[]) AS new (external_id, part, reason, due_at)
             ORDER BY external_id, part, due_at
             ON CONFLICT (source, entity, external_id, part) DO UPDATE
                 SET reason = excluded.reason, requested_at = excluded.requested_at, attempts = 0,
                     due_at = least(known.due_at, excluded.due_at)",
            source.as_str(),
            entity.as_str(),
            &requests.iter().map(|request| storable_id(&request.refetch.external_id)).collect::<Vec<_>>()
                as &[Cow<'_, str>],
            &requests.iter().map(|request| request.refetch.part.as_str()).collect::<Vec<_>>() as &[&str],
            &requests.iter().map(|request| request.reason).collect::<Vec<_>>() as &[&str],
            &requests.iter().map(|request| request.due_at).collect::<Vec<_>>(),
            now,
        )
        .execute(&mut *tx)
        .await
        .map_err(self.fail("request that records are read again"))?;
        Ok(())
    }

    /// Requests that payments that are still open are read again, of which the source tells no change because they came into
    /// being before `before`; at most `limit`, those first of which nothing was heard for longest, and none more often than
    /// once an hour.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn request_open_payments(
        &self,
        source: &Source,
        entity: Entity,
        before: DateTime<Utc>,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query_file!(
            "queries/request_open_payments.sql",
            source.as_str(),
            entity.as_str(),
            before,
            limit,
            now - OPEN_INTERVAL,
            OPEN,
            now,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("request that open payments are read again"))?;
        Ok(())
    }

    /// The requests that are due, those first that were refused least often, then the oldest; at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn due_refetches(
        &self,
        source: &Source,
        entity: Entity,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<Vec<DueRefetch>, StoreError> {
        let rows = sqlx::query!(
            "SELECT external_id, part, attempts, requested_at FROM refetch_requests
             WHERE source = $1 AND entity = $2 AND due_at <= $3
             ORDER BY attempts, requested_at, external_id, part LIMIT $4",
            source.as_str(),
            entity.as_str(),
            now,
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("look for records to read again"))?;
        let request = |external_id, part: &str, attempts, requested_at| {
            let part: RefetchPart = part.parse().map_err(|error: UnknownRefetchPart| {
                StoreError::Unreadable { table: "refetch_requests", what: error.to_string() }
            })?;
            Ok(DueRefetch { refetch: Refetch { external_id, part }, attempts, requested_at })
        };
        rows.into_iter()
            .map(|row| request(row.external_id, &row.part, row.attempts, row.requested_at))
            .collect()
    }

    /// Deletes requests that were answered. One that was made again meanwhile stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn finish_refetches(
        &self,
        source: &Source,
        entity: Entity,
        answered: &[DueRefetch],
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "DELETE FROM refetch_requests known
             USING unnest($3::text[], $4::text[], $5::timestamptz[]) AS answered (external_id, part, requested_at)
             WHERE known.source = $1 AND known.entity = $2 AND known.external_id = answered.external_id
               AND known.part = answered.part AND known.requested_at = answered.requested_at",
            source.as_str(),
            entity.as_str(),
            &answered.iter().map(|due| due.refetch.external_id.as_str()).collect::<Vec<_>>() as &[&str],
            &answered.iter().map(|due| due.refetch.part.as_str()).collect::<Vec<_>>() as &[&str],
            &answered.iter().map(|due| due.requested_at).collect::<Vec<_>>(),
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("note what was read again"))?;
        Ok(())
    }

    /// Counts a refusal and puts the requests off, each for twice as long as the last time.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn postpone_refetches(
        &self,
        source: &Source,
        entity: Entity,
        refused: &[DueRefetch],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let due_at: Vec<_> = refused.iter().map(|due| now + delay_after(due.attempts)).collect();
        sqlx::query!(
            "UPDATE refetch_requests known SET attempts = known.attempts + 1, due_at = refused.due_at
             FROM unnest($3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
                 AS refused (external_id, part, requested_at, due_at)
             WHERE known.source = $1 AND known.entity = $2 AND known.external_id = refused.external_id
               AND known.part = refused.part AND known.requested_at = refused.requested_at",
            source.as_str(),
            entity.as_str(),
            &refused.iter().map(|due| due.refetch.external_id.as_str()).collect::<Vec<_>>() as &[&str],
            &refused.iter().map(|due| due.refetch.part.as_str()).collect::<Vec<_>>() as &[&str],
            &refused.iter().map(|due| due.requested_at).collect::<Vec<_>>(),
            &due_at,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("put off what is to be read again"))?;
        Ok(())
    }
}

/// The delay after one more refusal.
fn delay_after(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts).unwrap_or(0).min(16);
    (FIRST_DELAY * (1 << doublings)).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_day() {
        let minutes: Vec<i64> =
            [0, 1, 3, 10, 11, 40].map(|attempts| delay_after(attempts).num_minutes()).to_vec();
        assert_eq!(minutes, [1, 2, 8, 1_024, 1_440, 1_440]);
    }
}
