//! Whose data a cursor stands for: facts that are learned once, and compared from then on.

use buffalo_model::{Entity, Identity, Source};
use chrono::{DateTime, Utc};

use crate::{Store, StoreError};

/// Newest raw records among which those of one entity are looked for. Bounded, since those of others may be in front.
const LOOKED_THROUGH: i64 = 10_000;

/// Payloads of an entity that are enough to learn from: not each of them says whose it is.
const ENOUGH_PAYLOADS: i64 = 50;

impl Store {
    /// Adds facts about whose data an entity's is, and returns whether they fit: where one of them is known otherwise, nothing
    /// is changed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn learn_identity(
        &self,
        source: &Source,
        entity: Entity,
        facts: &Identity,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        // Joined in both orders: the same unless a fact has two values.
        let learned = sqlx::query!(
            "UPDATE sync_cursors SET identity = coalesce(identity, '{}') || $3, updated_at = $4
             WHERE source = $1 AND entity = $2
               AND coalesce(identity, '{}') || $3 = $3 || coalesce(identity, '{}')",
            source.as_str(),
            entity.as_str(),
            json(facts),
            now,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("note whose data this is"))?;
        Ok(learned.rows_affected() > 0)
    }

    /// Whether an entity's stored data is known to belong to another account or mode than these facts.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn is_of_another(
        &self,
        source: &Source,
        entity: Entity,
        facts: &Identity,
    ) -> Result<bool, StoreError> {
        sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT FROM sync_cursors
                   WHERE source = $1 AND entity = $2 AND identity || $3::jsonb <> $3 || identity
               ) AS "other!""#,
            source.as_str(),
            entity.as_str(),
            json(facts),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(self.fail("read whose data this is"))
    }

    /// Some of the newest payloads of an entity, newest first; none where it has no recent ones.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn newest_payloads(&self, source: &Source, entity: Entity) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar!(
            "SELECT payload FROM (SELECT source, entity, id, payload FROM raw_records ORDER BY id DESC LIMIT $3) newest
             WHERE source = $1 AND entity = $2 ORDER BY id DESC LIMIT $4",
            source.as_str(),
            entity.as_str(),
            LOOKED_THROUGH,
            ENOUGH_PAYLOADS,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("read the newest raw records"))
    }
}

/// A map of texts has no way to fail.
pub(crate) fn json(facts: &Identity) -> serde_json::Value {
    serde_json::to_value(facts).unwrap_or_default()
}
