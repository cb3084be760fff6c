//! Taking what was posted: a state goes into the outbox, a hint to those who fetch. Nobody is asked anything.

mod together;

use std::sync::Arc;

use buffalo_connectors::{Hint, News};
use buffalo_model::{Clock, Entity, Identity, Refetch, Source};
use buffalo_store::{RefetchRequest, Store, StoreError, Taken, decided_at};
use chrono::{DateTime, Utc};
use together::{Event, Together};
use tokio::sync::Notify;

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intaken {
    /// What follows from it is stored.
    Stored,
    /// It is about another account or mode than what is stored: nothing was done.
    Foreign,
}

/// Takes posts. Clones share what they have to tell.
#[derive(Debug, Clone)]
pub struct Intake {
    store: Store,
    clock: Arc<dyn Clock>,
    together: Arc<Together>,
    enqueued: Arc<Notify>,
}

impl Intake {
    /// An intake, and what tells workers of the rows that it enqueues, for as long as that is waited for.
    ///
    /// PostgreSQL lets only one transaction at a time commit that notifies, so the writes themselves don't: what was
    /// enqueued while one notification was on its way is told by the next.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> (Self, impl Future<Output = std::convert::Infallible>) {
        let enqueued = Arc::new(Notify::new());
        let telling = tell(store.clone(), Arc::clone(&enqueued));
        let together = Arc::new(Together::new(store.clone(), Arc::clone(&clock)));
        (Self { store, clock, together, enqueued }, telling)
    }

    /// Stores what follows from a post about the data of `identity`.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: the post was not taken and should be made again.
    pub async fn take(&self, source: &Source, news: News, identity: Identity) -> Result<Intaken, StoreError> {
        match news {
            News::Nothing => Ok(Intaken::Stored),
            News::Hints(hints) => self.raise_all(source, hints, &identity).await,
            News::Erased { entity, ids, hints } => {
                if self.is_foreign(source, entity, &identity).await? {
                    return Ok(Intaken::Foreign);
                }
                // Before the hints, whose fetches erase them.
                self.store.request_erasures(source, entity, &ids, self.clock.now()).await?;
                self.raise_all(source, hints, &identity).await
            }
            News::State { event_id, record, otherwise } => {
                let observed_at = record.observed_at;
                let event =
                    Event { source: source.clone(), entity: otherwise.entity, event_id, record, identity };
                let taken = self.together.take(event).await?;
                tracing::debug!(%source, ?taken, "a post was taken");
                match taken {
                    Taken::Enqueued => self.enqueued.notify_one(),
                    // Should this fail, the event counts as taken and the next fetch brings the record all the same.
                    Taken::Unclear => {
                        let due_at = decided_at(observed_at, self.clock.now());
                        self.raise(source, otherwise, due_at).await?;
                    }
                    Taken::Repeated | Taken::NoNews => {}
                    Taken::Foreign => return Ok(Intaken::Foreign),
                }
                Ok(Intaken::Stored)
            }
        }
    }

    /// Whether a post is about other data than what is stored.
    async fn is_foreign(
        &self,
        source: &Source,
        entity: Entity,
        identity: &Identity,
    ) -> Result<bool, StoreError> {
        Ok(!identity.is_unknown() && self.store.is_of_another(source, entity, identity).await?)
    }

    async fn raise_all(
        &self,
        source: &Source,
        hints: Vec<Hint>,
        identity: &Identity,
    ) -> Result<Intaken, StoreError> {
        for hint in hints {
            if self.is_foreign(source, hint.entity, identity).await? {
                return Ok(Intaken::Foreign);
            }
            self.raise(source, hint, self.clock.now()).await?;
        }
        Ok(Intaken::Stored)
    }

    /// Has an entity fetched, and what the hint names read by its id from `due_at` on.
    async fn raise(&self, source: &Source, hint: Hint, due_at: DateTime<Utc>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let reason = "a webhook named it";
        let named: Vec<RefetchRequest> = hint
            .objects
            .into_iter()
            .map(|id| RefetchRequest { refetch: Refetch::record(id), reason, due_at })
            .collect();
        // Before the hint, whose fetch reads them.
        self.store.request_refetches(source, hint.entity, &named, now).await?;
        self.store.raise_hint(source, hint.entity, hint.lag, now).await
    }
}

async fn tell(store: Store, enqueued: Arc<Notify>) -> std::convert::Infallible {
    loop {
        enqueued.notified().await;
        if let Err(error) = store.announce_rows().await {
            tracing::debug!(%error, "workers were not told of new rows; they look by themselves every few seconds");
        }
    }
}
