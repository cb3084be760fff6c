//! Push channels that were opened at vendors.

use buffalo_model::{MAX_TEXT_BYTES, PushChannel, Source, storable};

use crate::{Store, StoreError};

impl Store {
    /// The channels of a source, those that expire last first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn push_channels(&self, source: &Source) -> Result<Vec<PushChannel>, StoreError> {
        sqlx::query_as!(
            PushChannel,
            "SELECT id, subject, resource, address, terms, opened_at, expires_at FROM push_channels
             WHERE source = $1 ORDER BY expires_at DESC, id",
            source.as_str(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("read the push channels"))
    }

    /// Remembers a channel that was opened.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn keep_push_channel(&self, source: &Source, channel: &PushChannel) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO push_channels (source, id, subject, resource, address, terms, opened_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (source, id) DO NOTHING",
            source.as_str(),
            channel.id,
            channel.subject,
            &*storable(&channel.resource, MAX_TEXT_BYTES),
            channel.address,
            channel.terms,
            channel.opened_at,
            channel.expires_at,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("remember a push channel"))?;
        Ok(())
    }

    /// Forgets a channel that was closed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn forget_push_channel(&self, source: &Source, id: &str) -> Result<(), StoreError> {
        sqlx::query!("DELETE FROM push_channels WHERE source = $1 AND id = $2", source.as_str(), id)
            .execute(&self.pool)
            .await
            .map_err(self.fail("forget a push channel"))?;
        Ok(())
    }
}
