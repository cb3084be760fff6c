//! What vendors post: the states that events carry are enqueued by one statement.

use std::borrow::Cow;

use buffalo_model::{Entity, Identity, RawRecord, Source, storable_id};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::enqueue::CLOCKS_APART;
use crate::identity::json;
use crate::{Lane, Store, StoreError};

/// The run to which the raw records of webhooks belong: none, as they are not fetched. A row for each event would be one
/// that nobody reads, and a row for all of them one that each has to wait for.
const NO_RUN: Uuid = Uuid::nil();

/// How many events are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 10_000;

/// A state of a record that came by an event.
#[derive(Debug, Clone, Copy)]
pub struct EventState<'a> {
    /// The source.
    pub source: &'a Source,
    /// The entity of the record.
    pub entity: Entity,
    /// The vendor's id of the event.
    pub event_id: &'a str,
    /// The state.
    pub record: &'a RawRecord,
    /// Whose data it is, as far as it is known.
    pub identity: &'a Identity,
}

/// What became of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in the outbox.
    Enqueued,
    /// Its event was taken before.
    Repeated,
    /// It is known, or something newer is.
    NoNews,
    /// It is of another account or mode than what is stored; its event is not remembered.
    Foreign,
    /// Which of two states is newer can't be told from it: the record has to be fetched.
    Unclear,
}

impl Store {
    /// Enqueues the state that an event carries: see [`Store::take_events`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; nothing is stored then, or all of it.
    pub async fn take_event(&self, event: &EventState<'_>, now: DateTime<Utc>) -> Result<Taken, StoreError> {
        let taken = self.take_events(std::slice::from_ref(event), now).await?;
        taken.first().copied().ok_or_else(|| StoreError::Unreadable {
            table: "webhook_events",
            what: "nothing is said of an event that was taken".to_owned(),
        })
    }

    /// Enqueues the states that events carry, each unless its event was taken before or something newer is known; says what
    /// became of each, in the same order. No two may be of one event, or of one record. Does not say so to those who wait
    /// for rows: see [`Store::announce_rows`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; nothing is stored then, or all of it.
    pub async fn take_events(
        &self,
        events: &[EventState<'_>],
        now: DateTime<Utc>,
    ) -> Result<Vec<Taken>, StoreError> {
        let storable: Vec<Cow<'_, RawRecord>> = events.iter().map(|event| event.record.storable()).collect();
        let records = || storable.iter().map(|record| &**record);
        let hashes: Vec<_> = records().map(RawRecord::content_hash).collect();
        let rows = sqlx::query_file!(
            "queries/take_events.sql",
            &events.iter().map(|event| event.source.as_str()).collect::<Vec<_>>() as &[&str],
            &events.iter().map(|event| storable_id(event.event_id)).collect::<Vec<_>>() as &[Cow<'_, str>],
            &events.iter().map(|event| event.entity.as_str()).collect::<Vec<_>>() as &[&str],
            &records().map(|record| record.external_id.as_str()).collect::<Vec<_>>() as &[&str],
            &records().map(|record| record.observed_at).collect::<Vec<_>>(),
            &hashes.iter().map(|hash| hash.as_bytes()).collect::<Vec<_>>() as &[&[u8]],
            &records().map(|record| record.api_version.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
            &records().map(|record| record.context.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
            &records().map(|record| record.payload.as_str()).collect::<Vec<_>>() as &[&str],
            now,
            NO_RUN,
            Lane::Live.as_str(),
            &events.iter().map(|event| json(event.identity)).collect::<Vec<_>>(),
            now + CLOCKS_APART,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("enqueue events"))?;
        let became = rows.into_iter().map(|row| match (row.is_new, row.is_enqueued, row.is_settled) {
            _ if row.is_foreign => Taken::Foreign,
            (false, ..) => Taken::Repeated,
            (true, true, _) => Taken::Enqueued,
            (true, false, true) => Taken::NoNews,
            (true, false, false) => Taken::Unclear,
        });
        Ok(became.collect())
    }

    /// How many events were received before a time.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn count_events_before(&self, before: DateTime<Utc>) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM webhook_events WHERE received_at < $1"#,
            before
        )
        .fetch_one(&self.pool)
        .await
        .map_err(self.fail("count old events"))
    }

    /// Forgets some of the events that were received before a time. Returns how many; zero when there are no more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn forget_events_before(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let forgotten = sqlx::query!(
            "DELETE FROM webhook_events e USING (
                 SELECT source, event_id FROM webhook_events WHERE received_at < $1 LIMIT $2
             ) old
             WHERE e.source = old.source AND e.event_id = old.event_id",
            before,
            FORGOTTEN_AT_ONCE,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("forget old events"))?;
        Ok(forgotten.rows_affected())
    }
}
