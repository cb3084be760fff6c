//! Notifications on their way: which are to be sent through which channel, who is sending them, what became of it.
//!
//! No transaction is open while a message is being sent. Whoever sends one has leased it: nobody else takes it before the
//! lease is over, and when its holder is gone somebody else sends it again, under the same id.

use buffalo_model::{Notification, RunId};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

use crate::database::Tx;
use crate::{Store, StoreError};

/// How long a sender has. Longer than any channel waits for an answer.
const LEASE_S: i64 = 120;

/// What is older than this is not sent through a channel that did not know of it so far: whoever sets up a channel hears
/// of the last day, and not of the years before.
const NEWS_FOR_H: i64 = 24;

/// Channels that gave a notification up are told of for this long.
const GIVEN_UP_SHOWN_DAYS: i64 = 7;

/// The summary of a day, to be sent.
#[derive(Debug)]
pub struct NewSummary<'a> {
    /// The day.
    pub day: NaiveDate,
    /// One line.
    pub subject: &'a str,
    /// The summary as text.
    pub text: &'a str,
    /// The summary as HTML.
    pub html: &'a str,
}

/// A notification that this process is to send now.
#[derive(Debug)]
pub struct LeasedDelivery {
    /// What to send.
    pub notification: Notification,
    /// Through which channel.
    pub channel: String,
    /// Which attempt this is, from 1.
    pub attempt: i32,
}

/// A notification that a channel has not accepted so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The channel.
    pub channel: String,
    /// The notification's subject.
    pub subject: String,
    /// Attempts so far.
    pub attempts: i32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was given up; none while it is tried again.
    pub given_up_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Writes the summary of a day as a notification; false when that day has one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn add_summary(
        &self,
        summary: &NewSummary<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let written = sqlx::query!(
            "INSERT INTO notifications (id, event_key, kind, day, subject, body_text, body_html, created_at)
             VALUES ($1, $2, 'daily', $3, $4, $5, $6, $7) ON CONFLICT (event_key) DO NOTHING",
            Uuid::now_v7(),
            format!("daily/{}", summary.day),
            summary.day,
            summary.subject,
            summary.text,
            summary.html,
            now,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("write the summary"))?;
        Ok(written.rows_affected() == 1)
    }

    /// The last day that has a summary.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn last_summary(&self) -> Result<Option<NaiveDate>, StoreError> {
        sqlx::query_scalar!("SELECT max(day) FROM notifications WHERE kind = 'daily'")
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("find the last summary"))
    }

    /// Makes deliveries through these channels of what is new, and gives up those whose last sender is gone after
    /// `max_attempts`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn plan_deliveries(
        &self,
        channels: &[&str],
        max_attempts: i32,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let operation = "plan deliveries";
        sqlx::query!(
            "INSERT INTO notification_deliveries (notification_id, channel, available_at)
             SELECT n.id, c.channel, n.created_at
             FROM notifications n CROSS JOIN unnest($1::text[]) AS c (channel)
             WHERE n.created_at > $2
             ON CONFLICT (notification_id, channel) DO NOTHING",
            channels as &[&str],
            now - TimeDelta::hours(NEWS_FOR_H),
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail(operation))?;
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let given_up = sqlx::query_scalar!(
            "UPDATE notification_deliveries SET given_up_at = $1
             WHERE delivered_at IS NULL AND given_up_at IS NULL AND attempts >= $2 AND available_at <= $1
             RETURNING notification_id",
            now,
            max_attempts,
        )
        .fetch_all(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        self.settle_in_tx(&mut tx, &given_up, now).await?;
        tx.commit().await.map_err(self.fail(operation))
    }

    /// Leases the oldest delivery that is due through this channel; none when nothing is due that nobody else is sending.
    /// The attempt is counted here, so that a message that ends its sender is given up in the end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn lease_delivery(
        &self,
        channel: &str,
        max_attempts: i32,
        now: DateTime<Utc>,
    ) -> Result<Option<LeasedDelivery>, StoreError> {
        let found = sqlx::query_file!(
            "queries/lease_delivery.sql",
            channel,
            max_attempts,
            now,
            now + TimeDelta::seconds(LEASE_S),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(self.fail("lease a delivery"))?;
        let Some(row) = found else { return Ok(None) };
        let unreadable = |what| StoreError::Unreadable { table: "notifications", what };
        let notification = Notification {
            id: row.id,
            kind: row.kind.parse().map_err(unreadable)?,
            source: row.source,
            entity: row.entity,
            run_id: row.run_id.map(RunId),
            day: row.day,
            subject: row.subject,
            text: row.body_text,
            html: row.body_html,
            created_at: row.created_at,
        };
        Ok(Some(LeasedDelivery { notification, channel: channel.to_owned(), attempt: row.attempts }))
    }

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
        sqlx::query!(
            "UPDATE notification_deliveries SET delivered_at = $3, last_error = NULL
             WHERE notification_id = $1 AND channel = $2 AND delivered_at IS NULL",
            id,
            delivery.channel,
            now,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        self.settle_in_tx(&mut tx, &[id], now).await?;
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
        Ok(())
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
        sqlx::query!(
            "UPDATE notification_deliveries
             SET last_error = $4, available_at = coalesce($5, available_at),
                 given_up_at = CASE WHEN $5::timestamptz IS NULL THEN $6::timestamptz END
             WHERE notification_id = $1 AND channel = $2 AND attempts = $3 AND delivered_at IS NULL",
            delivery.notification.id,
            delivery.channel,
            delivery.attempt,
            error,
            retry_at,
            now,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        self.settle_in_tx(&mut tx, &[delivery.notification.id], now).await?;
        tx.commit().await.map_err(self.fail(operation))
    }

    /// What channels have refused so far, newest first, at most fifty: those that are tried again, and those of the last
    /// days that were given up.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn undelivered(&self, now: DateTime<Utc>) -> Result<Vec<Undelivered>, StoreError> {
        sqlx::query_as!(
            Undelivered,
            "SELECT d.channel, n.subject, d.attempts, d.last_error, d.given_up_at
             FROM notification_deliveries d JOIN notifications n ON n.id = d.notification_id
             WHERE d.delivered_at IS NULL AND d.attempts > 0 AND (d.given_up_at IS NULL OR d.given_up_at > $1)
             ORDER BY n.created_at DESC, d.channel LIMIT 50",
            now - TimeDelta::days(GIVEN_UP_SHOWN_DAYS),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("list undelivered notifications"))
    }
}
