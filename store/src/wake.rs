//! Hearing of new rows: one notification for each committed write.

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{Sessions, Store, StoreError};

/// The channel on which a write that enqueued rows says so, in the transaction that it is.
pub(crate) const CHANNEL: &str = "buffalo_outbox";

/// Hears of rows as they are enqueued, by whatever process, but of nothing that is enqueued while its connection is lost: who
/// listens also has to look now and then.
#[derive(Debug)]
pub struct OutboxListener {
    listener: PgListener,
    server: String,
}

impl Store {
    /// Whether it is of use to listen: a session that is shared is nobody's to be told things.
    #[must_use]
    pub fn can_listen(&self) -> bool {
        self.pool.sessions() == Sessions::Own
    }

    /// Begins to listen, on a connection of its own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn listen_to_outbox(&self) -> Result<OutboxListener, StoreError> {
        let operation = "listen for new rows";
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(self.connect_options.clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(self.fail(operation))?;
        listener.listen(CHANNEL).await.map_err(self.fail(operation))?;
        Ok(OutboxListener { listener, server: self.server.clone() })
    }
}

impl OutboxListener {
    /// Waits until rows were enqueued, or the connection was lost and is there again: something may have been missed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like: the connection is lost for good.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        match self.listener.try_recv().await {
            Ok(_) => Ok(()),
            Err(error) => Err(crate::error::classify(&self.server, "listen for new rows", error)),
        }
    }
}
