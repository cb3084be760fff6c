//! How far each producer has come.

use buffalo_model::{Cursor, Entity, Identity, Source};
use chrono::{DateTime, Utc};

use crate::{Store, StoreError};

/// A row of `sync_cursors`.
#[derive(Debug, Clone, PartialEq)]
pub struct CursorRow {
    /// The source.
    pub source: Source,
    /// The entity, by name: a newer program may have written one that this one does not know.
    pub entity: String,
    /// Rises with every write.
    pub version: i64,
    /// The connector's position; none before the first page.
    pub cursor: Option<Cursor>,
    /// Everything the source said up to this time has been enqueued.
    pub data_through: Option<DateTime<Utc>>,
    /// When the newest backfill began.
    pub last_full_backfill_at: Option<DateTime<Utc>>,
    /// Whose data is stored, as far as it is known; none before anything was learned.
    pub identity: Option<Identity>,
    /// When the row was written last.
    pub updated_at: DateTime<Utc>,
}

/// What a reset forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorReset {
    /// The position: the next run is a backfill.
    Position,
    /// Also whose data it is: the next run learns it anew.
    PositionAndIdentity,
}

struct CursorRecord {
    source: String,
    entity: String,
    version: i64,
    state: Option<serde_json::Value>,
    data_through: Option<DateTime<Utc>>,
    last_full_backfill_at: Option<DateTime<Utc>>,
    identity: Option<serde_json::Value>,
    updated_at: DateTime<Utc>,
}

impl From<CursorRecord> for CursorRow {
    fn from(row: CursorRecord) -> Self {
        Self {
            source: Source::new(row.source),
            entity: row.entity,
            version: row.version,
            cursor: row.state.map(Cursor::new),
            data_through: row.data_through,
            last_full_backfill_at: row.last_full_backfill_at,
            // An unreadable identity is learned anew.
            identity: row.identity.and_then(|facts| serde_json::from_value(facts).ok()),
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// The cursor of one entity; the row is made if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn read_cursor(
        &self,
        source: &Source,
        entity: Entity,
        now: DateTime<Utc>,
    ) -> Result<CursorRow, StoreError> {
        let operation = "read the cursor";
        sqlx::query!(
            "INSERT INTO sync_cursors (source, entity, updated_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            source.as_str(),
            entity.as_str(),
            now,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail(operation))?;
        let row = sqlx::query_as!(
            CursorRecord,
            "SELECT source, entity, version, state, data_through, last_full_backfill_at, identity, updated_at
             FROM sync_cursors WHERE source = $1 AND entity = $2",
            source.as_str(),
            entity.as_str(),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(self.fail(operation))?;
        Ok(row.into())
    }

    /// All cursors, by source and entity.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn list_cursors(&self) -> Result<Vec<CursorRow>, StoreError> {
        let rows = sqlx::query_as!(
            CursorRecord,
            "SELECT source, entity, version, state, data_through, last_full_backfill_at, identity, updated_at
             FROM sync_cursors ORDER BY source, entity",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("list the cursors"))?;
        Ok(rows.into_iter().map(CursorRow::from).collect())
    }

    /// Notes that a backfill begins now. The note outlives a crash, so that backfills can't follow one another at will.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn note_full_backfill(
        &self,
        source: &Source,
        entity: Entity,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE sync_cursors SET last_full_backfill_at = $3 WHERE source = $1 AND entity = $2",
            source.as_str(),
            entity.as_str(),
            now,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("note the backfill"))?;
        Ok(())
    }

    /// Forgets the position of one entity, so that its next run is a backfill. Records stay; equal content will be
    /// recognised. Returns whether there was anything to forget.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn reset_cursor(
        &self,
        source: &Source,
        entity: Entity,
        reset: CursorReset,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        // Not null: null would be learned anew from what is stored, which is the other account's.
        let done = sqlx::query!(
            "UPDATE sync_cursors
             SET identity = CASE WHEN $4 THEN '{}' ELSE identity END, state = NULL, version = version + 1,
                 last_full_backfill_at = NULL, written_by = NULL, updated_at = $3
             WHERE source = $1 AND entity = $2 AND (state IS NOT NULL OR $4 AND identity IS NOT NULL)",
            source.as_str(),
            entity.as_str(),
            now,
            reset == CursorReset::PositionAndIdentity,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("reset the cursor"))?;
        Ok(done.rows_affected() > 0)
    }
}
