//! Hints: somebody has said that a source has something new, without saying what. They lead to a fetch.
//!
//! A hint that comes while a fetch is at work is answered by another one afterwards, as the fetch may have passed the
//! place already. One that nobody has begun to answer stands for all that come after it, so a burst writes one row.

use buffalo_model::{Entity, Source};
use chrono::{DateTime, TimeDelta, Utc};

use crate::lock::LOCK_CLASS;
use crate::runs::SILENT_FOR_S;
use crate::wake::HINTS_CHANNEL;
use crate::{Sessions, Store, StoreError};

/// How long somebody who follows a hint has to take the producer's lock; whoever holds that is left alone in any case.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// A hint that a fetch has begun to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BegunHint {
    raised: i64,
    begun_at: DateTime<Utc>,
}

impl Store {
    /// Notes that a source has something new of an entity, which it may show only `lag` later.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn raise_hint(
        &self,
        source: &Source,
        entity: Entity,
        lag: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // Looked at without a lock: where a fetch begins at this moment, it asks the source later than the source told us.
        sqlx::query_scalar!(
            "WITH raised AS (
                 INSERT INTO fetch_hints AS known (source, entity, lag_s, hinted_at, due_at)
                 SELECT $1, $2, $3, $4, $4
                 WHERE NOT EXISTS (
                     SELECT FROM fetch_hints WHERE source = $1 AND entity = $2 AND raised > begun
                 )
                 ON CONFLICT (source, entity) DO UPDATE
                     SET raised = known.raised + 1, lag_s = excluded.lag_s, hinted_at = excluded.hinted_at,
                         due_at = excluded.due_at
                 RETURNING source
             )
             SELECT pg_notify($5, '')::text FROM raised",
            source.as_str(),
            entity.as_str(),
            lag.num_seconds(),
            now,
            HINTS_CHANNEL,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(self.fail("note a hint"))?;
        Ok(())
    }

    /// Takes the hints that are due among `lines`, for a minute: whoever takes one is to fetch at once. Left out are those
    /// of an entity that somebody is fetching at this moment, and those whose last fetch began less than `interval` ago.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn take_due_hints(
        &self,
        lines: &[(Source, Entity)],
        interval: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Source, Entity)>, StoreError> {
        let sources: Vec<&str> = lines.iter().map(|(source, _)| source.as_str()).collect();
        let entities: Vec<&str> = lines.iter().map(|(_, entity)| entity.as_str()).collect();
        let shared = self.pool.sessions() == Sessions::Shared;
        let silent_since = shared.then(|| now - TimeDelta::seconds(SILENT_FOR_S));
        let taken = sqlx::query_file!(
            "queries/take_due_hints.sql",
            &sources as &[&str],
            &entities as &[&str],
            now,
            now + LEASE,
            now - interval,
            i64::from(LOCK_CLASS.cast_unsigned()),
            silent_since,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("look for hints"))?;
        let line = |source: String, entity: &str| {
            let entity = entity
                .parse()
                .map_err(|error| StoreError::Unreadable { table: "fetch_hints", what: format!("{error}") })?;
            Ok((Source::new(source), entity))
        };
        taken.into_iter().map(|row| line(row.source, &row.entity)).collect()
    }

    /// Says that a fetch begins, which answers every hint so far; none when there is nothing to answer. For the holder of
    /// the producer's lock.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn begin_hint(
        &self,
        source: &Source,
        entity: Entity,
        now: DateTime<Utc>,
    ) -> Result<Option<BegunHint>, StoreError> {
        let raised = sqlx::query_scalar!(
            "UPDATE fetch_hints SET begun = raised, begun_at = $3
             WHERE source = $1 AND entity = $2 AND due_at IS NOT NULL RETURNING raised",
            source.as_str(),
            entity.as_str(),
            now,
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(self.fail("begin to follow a hint"))?;
        Ok(raised.map(|raised| BegunHint { raised, begun_at: now }))
    }

    /// Says that the fetch went well. Where it began before the source has shown everything, another one is due then,
    /// however many fetches there are in between.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn answer_hint(
        &self,
        source: &Source,
        entity: Entity,
        hint: BegunHint,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE fetch_hints
             SET shown_at = greatest(shown_at, $4::timestamptz + make_interval(secs => lag_s)),
                 due_at = NULLIF(greatest(shown_at, $4::timestamptz + make_interval(secs => lag_s)), $4),
                 lag_s = 0, postponed_until = NULL
             WHERE source = $1 AND entity = $2 AND raised = $3",
            source.as_str(),
            entity.as_str(),
            hint.raised,
            hint.begun_at,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("answer a hint"))?;
        Ok(())
    }

    /// Puts a hint back that could not be followed; nobody follows it, or a newer one, before `until`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn postpone_hint(
        &self,
        source: &Source,
        entity: Entity,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE fetch_hints SET due_at = $3, postponed_until = $3
             WHERE source = $1 AND entity = $2 AND due_at IS NOT NULL",
            source.as_str(),
            entity.as_str(),
            until,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("postpone a hint"))?;
        Ok(())
    }
}
