//! Idempotency keys: of requests with the same key one does the work, and the others get its answer.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{Store, StoreError};

/// How long an answer is given again.
const REMEMBERED_H: i64 = 24;

/// How long a reservation lasts that nobody renews: its process is gone.
const LEASE_MIN: i64 = 5;

/// Old keys that a new one clears away.
const SWEPT_AT_ONCE: i64 = 100;

/// A request as it is recognised.
#[derive(Debug, Clone)]
pub struct IdempotentRequest {
    /// Who asks. The same key of another caller is another key.
    pub caller: String,
    /// The key that the caller chose.
    pub key: String,
    /// A digest of what is asked for.
    pub fingerprint: Vec<u8>,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, in JSON.
    pub body: String,
}

/// What a key leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// It was free, and is reserved now: do the work, then answer or release.
    Reserved(Uuid),
    /// The work was done.
    Answered(StoredAnswer),
    /// Somebody is at it.
    InProgress,
    /// It was used for something else.
    Mismatch,
}

struct Known {
    fingerprint: Vec<u8>,
    status: Option<i16>,
    body: Option<String>,
}

impl Store {
    /// Reserves a key, or says what it was used for. The primary key decides between requests that come at once, in
    /// however many processes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn reserve_key(
        &self,
        request: &IdempotentRequest,
        now: DateTime<Utc>,
    ) -> Result<KeyState, StoreError> {
        let reservation = Uuid::now_v7();
        loop {
            let reserved = sqlx::query!(
                "WITH old AS (
                     SELECT caller, key FROM idempotency_keys
                     WHERE reserved_at < $6 AND (caller, key) <> ($1, $2)
                     ORDER BY reserved_at LIMIT $8 FOR UPDATE SKIP LOCKED
                 ), swept AS (
                     DELETE FROM idempotency_keys USING old
                     WHERE (idempotency_keys.caller, idempotency_keys.key) = (old.caller, old.key)
                 )
                 INSERT INTO idempotency_keys AS known
                     (caller, key, reservation, fingerprint, reserved_at, leased_until)
                 VALUES ($1, $2, $3, $4, $5, $7)
                 ON CONFLICT (caller, key) DO UPDATE
                     SET reservation = excluded.reservation, fingerprint = excluded.fingerprint,
                         reserved_at = excluded.reserved_at, leased_until = excluded.leased_until,
                         status = NULL, body = NULL
                     WHERE known.reserved_at < $6
                        OR (known.status IS NULL AND known.leased_until < $5
                            AND known.fingerprint = excluded.fingerprint)",
                request.caller,
                request.key,
                reservation,
                request.fingerprint,
                now,
                now - TimeDelta::hours(REMEMBERED_H),
                now + TimeDelta::minutes(LEASE_MIN),
                SWEPT_AT_ONCE,
            )
            .execute(&self.pool)
            .await
            .map_err(self.fail("reserve the idempotency key"))?;
            if reserved.rows_affected() == 1 {
                return Ok(KeyState::Reserved(reservation));
            }
            // None when it was released in between; then it is free.
            if let Some(known) = self.known_key(request).await? {
                return Ok(known.state(request));
            }
        }
    }

    async fn known_key(&self, request: &IdempotentRequest) -> Result<Option<Known>, StoreError> {
        sqlx::query_as!(
            Known,
            "SELECT fingerprint, status, body FROM idempotency_keys WHERE caller = $1 AND key = $2",
            request.caller,
            request.key,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(self.fail("read the idempotency key"))
    }

    /// Says that the work goes on whose key was reserved, so that nobody else begins it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn renew_key(&self, reservation: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE idempotency_keys SET leased_until = $2 WHERE reservation = $1 AND status IS NULL",
            reservation,
            now + TimeDelta::minutes(LEASE_MIN),
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("renew the idempotency key"))?;
        Ok(())
    }

    /// Stores the answer of a reservation. One whose lease ran out and that another request took over is left to that.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn answer_key(&self, reservation: Uuid, answer: &StoredAnswer) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE idempotency_keys SET status = $2, body = $3 WHERE reservation = $1",
            reservation,
            i16::try_from(answer.status).unwrap_or(i16::MAX),
            answer.body,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("store the answer to an idempotency key"))?;
        Ok(())
    }

    /// Frees a key whose request came to nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn release_key(&self, reservation: Uuid) -> Result<(), StoreError> {
        sqlx::query!("DELETE FROM idempotency_keys WHERE reservation = $1 AND status IS NULL", reservation)
            .execute(&self.pool)
            .await
            .map_err(self.fail("release the idempotency key"))?;
        Ok(())
    }
}

impl Known {
    fn state(self, request: &IdempotentRequest) -> KeyState {
        if self.fingerprint != request.fingerprint {
            return KeyState::Mismatch;
        }
        match (self.status.and_then(|status| u16::try_from(status).ok()), self.body) {
            (Some(status), Some(body)) => KeyState::Answered(StoredAnswer { status, body }),
            _ => KeyState::InProgress,
        }
    }
}
