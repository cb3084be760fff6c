//! Delivering notifications: each through every channel, again and again until it is accepted or given up.

use std::sync::Arc;

use buffalo_connectors::channels::{Channel, ChannelError};
use buffalo_model::{Clock, Notification, NotificationKind};
use buffalo_store::{LeasedDelivery, Store, StoreError};
use chrono::TimeDelta;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::RetrySchedule;
use crate::persist::persist;

/// Attempts after which a channel gives a notification up: about ten hours. Mail services know a message again for a day, so
/// that whatever happens no attempt comes after that.
const MAX_ATTEMPTS: i32 = 12;

/// The most messages that one call sends through a channel.
const MOST_AT_ONCE: u32 = 50;

/// When a failed delivery is tried again.
fn retry() -> RetrySchedule {
    RetrySchedule { first: TimeDelta::minutes(1), longest: TimeDelta::hours(2) }
}

/// What a call of [`deliver_due`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages that a channel accepted.
    pub delivered: u64,
    /// Messages that a channel did not accept.
    pub failed: u64,
}

/// Sends what is due through all channels side by side. Any number of processes may do so at once.
///
/// What does not work is logged and left to the next call: nothing that was fetched or processed is worse for it.
pub async fn deliver_due(store: &Store, clock: &dyn Clock, channels: &[Arc<dyn Channel>]) -> Delivered {
    if channels.is_empty() {
        return Delivered::default();
    }
    let names: Vec<_> = channels.iter().map(|channel| channel.name()).collect();
    if let Err(error) = persist(|| store.plan_deliveries(&names, MAX_ATTEMPTS, clock.now())).await {
        tracing::warn!(%error, "notifications could not be looked for; the next command does");
        return Delivered::default();
    }
    let all = join_all(channels.iter().map(|channel| deliver_through(store, clock, &**channel))).await;
    all.into_iter().fold(Delivered::default(), |sum, one| Delivered {
        delivered: sum.delivered + one.delivered,
        failed: sum.failed + one.failed,
    })
}

/// Sends what is due through one channel, up to the first message that it does not accept: the others would most likely
/// lose an attempt to the same cause.
async fn deliver_through(store: &Store, clock: &dyn Clock, channel: &dyn Channel) -> Delivered {
    let mut done = Delivered::default();
    for _ in 0..MOST_AT_ONCE {
        match deliver_one(store, clock, channel).await {
            Ok(None) => break,
            Ok(Some(true)) => done.delivered += 1,
            Ok(Some(false)) => {
                done.failed += 1;
                break;
            }
            Err(error) => {
                tracing::warn!(%error, channel = channel.name(), "notifications are left to the next command");
                break;
            }
        }
    }
    done
}

/// Leases a message, sends it and records what became of it. Returns whether it was accepted; none when nothing is due.
async fn deliver_one(
    store: &Store,
    clock: &dyn Clock,
    channel: &dyn Channel,
) -> Result<Option<bool>, StoreError> {
    let Some(delivery) = store.lease_delivery(channel.name(), MAX_ATTEMPTS, clock.now()).await? else {
        return Ok(None);
    };
    // No transaction is open here. A process that dies now leaves the lease, after which the message is sent again.
    match channel.send(&delivery.notification, clock.now()).await {
        Ok(()) => {
            tracing::info!(channel = channel.name(), subject = delivery.notification.subject, "notified");
            persist(|| store.delivered(&delivery, clock.now())).await?;
            Ok(Some(true))
        }
        Err(error) => {
            put_back(store, clock, &delivery, &error).await?;
            Ok(Some(false))
        }
    }
}

async fn put_back(
    store: &Store,
    clock: &dyn Clock,
    delivery: &LeasedDelivery,
    error: &ChannelError,
) -> Result<(), StoreError> {
    let (channel, attempt) = (&delivery.channel, delivery.attempt);
    let failures = u32::try_from(attempt).unwrap_or(1);
    let retry_at = (attempt < MAX_ATTEMPTS).then(|| retry().after(failures, clock.now()));
    match retry_at {
        Some(at) => tracing::warn!(channel, %error, attempt, %at, "not notified; trying again later"),
        None => tracing::error!(channel, %error, attempt, "not notified; given up"),
    }
    let words = error.to_string();
    persist(|| store.not_delivered(delivery, &words, retry_at, clock.now())).await
}

/// What became of a test message.
#[derive(Debug)]
pub struct Sent {
    /// The channel.
    pub channel: &'static str,
    /// Whether it accepted the message.
    pub outcome: Result<(), ChannelError>,
}

/// Sends a test message through every channel, at once and once.
pub async fn test_channels(clock: &dyn Clock, channels: &[Arc<dyn Channel>]) -> Vec<Sent> {
    let notification = Notification {
        id: Uuid::now_v7(),
        kind: NotificationKind::Test,
        source: None,
        entity: None,
        run_id: None,
        day: None,
        subject: "[buffalo] TEST — this channel works".to_owned(),
        text: "Somebody ran `buffalo notify --test`. Failures, recoveries and daily summaries come this way.\n\n\
               It means nothing for the numbers.\n\n\
               More: buffalo status\n"
            .to_owned(),
        html: None,
        created_at: clock.now(),
    };
    let notification = &notification;
    let sending = channels.iter().map(|channel| async move {
        Sent { channel: channel.name(), outcome: channel.send(notification, clock.now()).await }
    });
    join_all(sending).await
}
