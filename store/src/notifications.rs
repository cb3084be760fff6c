//! Notifications on their way: which are to be sent through which channel, who is sending them, what became of it.
//!
//! No transaction is open while a message is being sent. Whoever sends one has leased it: nobody else takes it before the
//! lease is over, and when its holder is gone somebody else sends it again, under the same id.

mod outcome;

use buffalo_model::{Notification, RunId};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

pub use self::outcome::DeliveryOutcome;
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
    /// When another may take it over.
    pub leased_until: DateTime<Utc>,
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
        .map_err(self.fail("plan deliveries"))?;
        self.give_up_exhausted(max_attempts, now).await
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
        Ok(Some(LeasedDelivery {
            notification,
            channel: channel.to_owned(),
            attempt: row.attempts,
            leased_until: row.leased_until,
        }))
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
