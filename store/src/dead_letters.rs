//! Dead letters: finding them, putting them back into the outbox, throwing them away.

mod rehearsal;

use buffalo_model::{DeadLetter, DeadLetterId, DeadLetterPosition, Entity, OpenDeadLetter, RunId, Source};
use chrono::{DateTime, Utc};
use sqlx::{Executor, Postgres};
use uuid::Uuid;

use crate::wake::OUTBOX_CHANNEL;
use crate::{Store, StoreError};

pub use rehearsal::Rehearsal;

/// Which dead letters; without any bound all of them.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Only these.
    pub ids: Option<Vec<DeadLetterId>>,
    /// Only those of this source.
    pub source: Option<Source>,
    /// Only those of this entity.
    pub entity: Option<Entity>,
    /// Only those whose reason contains this text, upper and lower case being the same.
    pub reason: Option<String>,
    /// Only those that were given up at this time or later.
    pub since: Option<DateTime<Utc>>,
}

/// What a replay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Letters that are back in the outbox.
    pub replayed: u64,
    /// Letters that are gone, since their record is stored in the same or a newer state.
    pub already_newer: u64,
}

/// A normalised record as it is stored: its row, whichever table that is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// Orders the states of the record.
    pub revision: i64,
    /// Every column by its name, in the order of the table, as text.
    pub columns: Vec<(String, Option<String>)>,
}

impl StoredRow {
    /// What is in a column; none also where there is no such column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&str> {
        let (_, content) = self.columns.iter().find(|(column, _)| column == name)?;
        content.as_deref()
    }
}

impl Store {
    /// Dead letters, newest first; those that follow `after`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn list_dead_letters(
        &self,
        filter: &DeadLetterFilter,
        after: Option<DeadLetterPosition>,
        limit: i64,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let ids = filter.ids.as_deref().map(uuids);
        let rows = sqlx::query_as!(
            DeadLetterRecord,
            r#"SELECT id, source, entity, external_id, revision, attempts, stage, reason, observed_at, enqueued_at,
                      dead_at, run_id, octet_length(payload) AS "payload_bytes!"
               FROM dead_letters
               WHERE ($1::uuid[] IS NULL OR id = ANY ($1)) AND ($2::text IS NULL OR source = $2)
                 AND ($3::text IS NULL OR entity = $3)
                 AND ($4::text IS NULL OR strpos(lower(reason), lower($4)) > 0)
                 AND ($5::timestamptz IS NULL OR dead_at >= $5)
                 AND ($6::timestamptz IS NULL OR (dead_at, id) < ($6, $7::uuid))
               ORDER BY dead_at DESC, id DESC LIMIT $8"#,
            ids.as_deref(),
            filter.source.as_ref().map(Source::as_str),
            filter.entity.map(Entity::as_str),
            filter.reason,
            filter.since,
            after.map(|position| position.dead_at),
            after.map(|position| position.id.0),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("list dead letters"))?;
        Ok(rows.into_iter().map(DeadLetter::from).collect())
    }

    /// A dead letter with its payload; none when there is no such letter (any more).
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn open_dead_letter(&self, id: DeadLetterId) -> Result<Option<OpenDeadLetter>, StoreError> {
        let only = DeadLetterFilter { ids: Some(vec![id]), ..DeadLetterFilter::default() };
        let Some(letter) = self.list_dead_letters(&only, None, 1).await?.pop() else { return Ok(None) };
        let contents =
            sqlx::query!("SELECT api_version, context, payload FROM dead_letters WHERE id = $1", id.0)
                .fetch_optional(&self.pool)
                .await
                .map_err(self.fail("read a dead letter"))?;
        Ok(contents.map(|found| OpenDeadLetter {
            letter,
            api_version: found.api_version,
            context: found.context,
            payload: found.payload,
        }))
    }

    /// What is stored now of the record of a dead letter.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn stored_row(&self, letter: &DeadLetter) -> Result<Option<StoredRow>, StoreError> {
        let key = (letter.source.as_str(), letter.entity.as_str(), letter.external_id.as_str());
        let rows = stored_rows(&self.pool, &[key]).await.map_err(self.fail("read what is stored"))?;
        Ok(rows.into_iter().next().flatten())
    }

    /// Puts these dead letters back into the outbox, due at `now` and with no attempt counted, and removes them; all of
    /// it or nothing. Letters that are gone are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn replay_dead_letters(
        &self,
        ids: &[DeadLetterId],
        now: DateTime<Utc>,
    ) -> Result<Replayed, StoreError> {
        let done = sqlx::query_file!("queries/replay_dead_letters.sql", &uuids(ids), now, OUTBOX_CHANNEL)
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("replay dead letters"))?;
        Ok(Replayed {
            replayed: done.replayed.unsigned_abs(),
            already_newer: done.already_newer.unsigned_abs(),
        })
    }

    /// Removes these dead letters for ever, and returns how many there were. Their raw records stay.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn discard_dead_letters(&self, ids: &[DeadLetterId]) -> Result<u64, StoreError> {
        // Locked in the order in which a replay locks them.
        let done = sqlx::query!(
            "WITH taken AS (SELECT id FROM dead_letters WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE)
             DELETE FROM dead_letters d USING taken WHERE d.id = taken.id",
            &uuids(ids),
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("discard dead letters"))?;
        Ok(done.rows_affected())
    }
}

/// What is stored of each of these records, in their order.
async fn stored_rows<'c>(
    database: impl Executor<'c, Database = Postgres>,
    records: &[(&str, &str, &str)],
) -> Result<Vec<Option<StoredRow>>, sqlx::Error> {
    let sources: Vec<&str> = records.iter().map(|record| record.0).collect();
    let entities: Vec<&str> = records.iter().map(|record| record.1).collect();
    let external_ids: Vec<&str> = records.iter().map(|record| record.2).collect();
    let found = sqlx::query_file!(
        "queries/stored_rows.sql",
        &sources as &[&str],
        &entities as &[&str],
        &external_ids as &[&str],
    )
    .fetch_all(database)
    .await?;
    let mut rows = vec![None; records.len()];
    for row in found {
        let place = usize::try_from(row.place - 1).unwrap_or(usize::MAX);
        let columns = row.names.into_iter().zip(row.contents).collect();
        if let Some(slot) = rows.get_mut(place) {
            *slot = Some(StoredRow { revision: row.revision, columns });
        }
    }
    Ok(rows)
}

fn uuids(ids: &[DeadLetterId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}

struct DeadLetterRecord {
    id: Uuid,
    source: String,
    entity: String,
    external_id: String,
    revision: i64,
    attempts: i32,
    stage: String,
    reason: String,
    observed_at: DateTime<Utc>,
    enqueued_at: DateTime<Utc>,
    dead_at: DateTime<Utc>,
    run_id: Option<Uuid>,
    payload_bytes: i32,
}

impl From<DeadLetterRecord> for DeadLetter {
    fn from(row: DeadLetterRecord) -> Self {
        Self {
            id: DeadLetterId(row.id),
            source: row.source,
            entity: row.entity,
            external_id: row.external_id,
            revision: row.revision,
            attempts: row.attempts,
            stage: row.stage,
            reason: row.reason,
            observed_at: row.observed_at,
            enqueued_at: row.enqueued_at,
            dead_at: row.dead_at,
            run_id: row.run_id.map(RunId),
            payload_bytes: row.payload_bytes,
        }
    }
}
