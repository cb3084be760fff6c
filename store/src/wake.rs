//! Hearing of new rows and of hints: one notification for each committed write.

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{Sessions, Store, StoreError};

/// The channel on which a write that enqueued rows says so, in the transaction that it is.
pub(crate) const OUTBOX_CHANNEL: &str = "buffalo_outbox";

/// The channel on which a new hint is told.
pub(crate) const HINTS_CHANNEL: &str = "buffalo_hints";

/// What there is to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Rows that were enqueued.
    Rows,
    /// Hints that were raised.
    Hints,
}

impl Heard {
    fn channel(self) -> &'static str {
        match self {
            Self::Rows => OUTBOX_CHANNEL,
            Self::Hints => HINTS_CHANNEL,
        }
    }
}

/// Hears of things as they are written, by whatever process. It hears nothing behind a pooler that shares sessions, and of
/// nothing that is written while its connection is lost: who listens also has to look now and then.
#[derive(Debug)]
pub struct Listener {
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
    pub async fn listen_to(&self, heard: Heard) -> Result<Listener, StoreError> {
        let operation = "listen for news";
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with((*self.connect_options).clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(self.fail(operation))?;
        listener.listen(heard.channel()).await.map_err(self.fail(operation))?;
        Ok(Listener { listener, server: self.server.clone() })
    }

    /// Tells those who wait for rows that there are some. For writes that don't do so themselves, because there are too
    /// many of them: PostgreSQL lets only one transaction at a time commit that notifies.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn announce_rows(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!("SELECT pg_notify($1, '')::text", OUTBOX_CHANNEL)
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("tell of new rows"))?;
        Ok(())
    }
}

impl Listener {
    /// Waits until there is something new, or the connection was lost and is there again: something may have been missed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like: the connection is lost for good.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        match self.listener.try_recv().await {
            Ok(_) => Ok(()),
            Err(error) => Err(crate::error::classify(&self.server, "listen for news", error)),
        }
    }
}
