//! What became of a delivery. Each outcome is counted by the transaction that writes it down, and a transaction that is
//! repeated because nobody heard of its commit changes and counts nothing.

use buffalo_model::{MAX_REASON_BYTES, storable};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::LeasedDelivery;
use crate::database::Tx;
use crate::{Store, StoreError, Totals};

/// What became of an attempt to deliver a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryOutcome {
    /// The channel accepted it.
    Delivered,
    /// The channel did not accept it, and it is tried again.
    Failed,
    /// The channel did not accept it, and it was the last attempt.
    GivenUp,
}

impl DeliveryOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::GivenUp];

    /// The name in tables and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

impl Store {
    /// Says that a channel accepted a notification. With the last of its channels it counts as notified; channels that
    /// gave it up do not hold that back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn delivered(&self, delivery: &LeasedDelivery, now: DateTime<Utc>) -> Result<(), StoreError> {
        let operation = "record a delivery";
        let id = delivery.notification.id;
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let written = sqlx::query!(
            "UPDATE notification_deliveries SET delivered_at = $3, last_error = NULL
             WHERE notification_id = $1 AND channel = $2 AND delivered_at IS NULL",
            id,
            delivery.channel,
            now,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        if written.rows_affected() == 0 {
            return Ok(());
        }
        let mut totals = Totals::default();
        totals.notification(&delivery.channel, DeliveryOutcome::Delivered);
        self.settle_in_tx(&mut tx, &[id], &totals, now).await?;
        tx.commit().await.map_err(self.fail(operation))
    }

    /// Says that a channel did not accept a notification: it is tried again at `retry_at`, or given up where that is
    /// none. Does nothing when the lease was over and somebody else has taken it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn not_delivered(
        &self,
        delivery: &LeasedDelivery,
        error: &str,
        retry_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "record a failed delivery";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        // Once this is written, the lease is over and the condition on it holds no more.
        let written = sqlx::query!(
            "UPDATE notification_deliveries
             SET last_error = $4, available_at = coalesce($5, available_at),
                 given_up_at = CASE WHEN $5::timestamptz IS NULL THEN $6::timestamptz END
             WHERE notification_id = $1 AND channel = $2 AND attempts = $3 AND delivered_at IS NULL
               AND given_up_at IS NULL AND available_at = $7",
            delivery.notification.id,
            delivery.channel,
            delivery.attempt,
            &*storable(error, MAX_REASON_BYTES),
            retry_at,
            now,
            delivery.leased_until,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        if written.rows_affected() == 0 {
            return Ok(());
        }
        let outcome = if retry_at.is_some() { DeliveryOutcome::Failed } else { DeliveryOutcome::GivenUp };
        let mut totals = Totals::default();
        totals.notification(&delivery.channel, outcome);
        self.settle_in_tx(&mut tx, &[delivery.notification.id], &totals, now).await?;
        tx.commit().await.map_err(self.fail(operation))
    }

    /// Gives up what was tried `max_attempts` times, and whose last sender is gone.
    pub(super) async fn give_up_exhausted(
        &self,
        max_attempts: i32,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "give deliveries up";
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let given_up = sqlx::query!(
            "UPDATE notification_deliveries SET given_up_at = $1
             WHERE delivered_at IS NULL AND given_up_at IS NULL AND attempts >= $2 AND available_at <= $1
             RETURNING notification_id, channel",
            now,
            max_attempts,
        )
        .fetch_all(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        let mut totals = Totals::default();
        for row in &given_up {
            totals.notification(&row.channel, DeliveryOutcome::GivenUp);
        }
        let ids: Vec<Uuid> = given_up.iter().map(|row| row.notification_id).collect();
        self.settle_in_tx(&mut tx, &ids, &totals, now).await?;
        tx.commit().await.map_err(self.fail(operation))
    }

    /// Notes of notifications which no channel still has to accept, and of which at least one did, that they are told.
    ///
    /// Their rows are locked by a statement of its own, so that of two channels that are done at once the second sees
    /// what became of the first.
    async fn settle_in_tx(
        &self,
        tx: &mut Tx<'_>,
        ids: &[Uuid],
        totals: &Totals,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "note that a notification was delivered";
        sqlx::query!("SELECT FROM notifications WHERE id = ANY ($1) ORDER BY id FOR UPDATE", ids)
            .execute(&mut *tx)
            .await
            .map_err(self.fail(operation))?;
        sqlx::query!(
            "UPDATE notifications n SET notified_at = $2
             WHERE n.id = ANY ($1) AND n.notified_at IS NULL
               AND EXISTS (SELECT FROM notification_deliveries d
                           WHERE d.notification_id = n.id AND d.delivered_at IS NOT NULL)
               AND NOT EXISTS (SELECT FROM notification_deliveries d
                               WHERE d.notification_id = n.id AND d.delivered_at IS NULL AND d.given_up_at IS NULL)",
            ids,
            now,
        )
        .execute(&mut *tx)
        .await
        .map_err(self.fail(operation))?;
        self.add_totals_in_tx(tx, totals).await
    }
}
