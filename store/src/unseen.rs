//! Records that a listing of everything did not show: those that may be gone.

use buffalo_model::{Entity, Source};
use chrono::{DateTime, Utc};

use crate::{Store, StoreError};

/// What a listing did not show.
#[derive(Debug, Clone, Copy)]
pub struct Unseen<'a> {
    /// The source.
    pub source: &'a Source,
    /// The entity.
    pub entity: Entity,
    /// What the ids of the part that was listed begin with; empty for all.
    pub id_prefix: &'a str,
    /// When the listing began: what it showed was stamped with this time or a later one.
    pub began_at: DateTime<Utc>,
}

impl Store {
    /// Ids, in their order, of records that were not seen since a listing began, greater than `after` and none of `except`;
    /// at most `limit`. Left out is what is known to be gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn unseen(
        &self,
        unseen: &Unseen<'_>,
        after: &str,
        except: &[&str],
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        sqlx::query_file_scalar!(
            "queries/unseen.sql",
            unseen.source.as_str(),
            unseen.entity.as_str(),
            unseen.id_prefix,
            unseen.began_at,
            after,
            except as &[&str],
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("find records that may be gone"))
    }

    /// How many records are stored, and not gone, of the part of a source whose ids begin with `id_prefix`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn count_stored(
        &self,
        source: &Source,
        entity: Entity,
        id_prefix: &str,
    ) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            r#"SELECT (SELECT count(*) FROM payments WHERE source = $1 AND entity = $2 AND deleted_at IS NULL
                                                       AND starts_with(external_id, $3))
                    + (SELECT count(*) FROM contacts WHERE source = $1 AND entity = $2 AND deleted_at IS NULL
                                                       AND starts_with(external_id, $3))
                    + (SELECT count(*) FROM events WHERE source = $1 AND entity = $2 AND deleted_at IS NULL
                                                     AND starts_with(external_id, $3)) AS "count!""#,
            source.as_str(),
            entity.as_str(),
            id_prefix,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(self.fail("count what is stored"))
    }
}
