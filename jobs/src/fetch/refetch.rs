//! Reading records again by their ids, before a run reads what has changed.

use buffalo_connectors::SourceError;
use buffalo_model::Refetch;
use buffalo_store::{DueRefetch, ProducerLock};
use tokio::time::Instant;

use super::Fetch;
use super::trouble::Trouble;
use super::write::{Requests, Writing};
use crate::persist::persist;

/// Records that are read together: what one request of a vendor may name.
const MAX_TOGETHER: usize = 100;

/// Requests that a run answers; the next run goes on.
const MAX_A_RUN: i64 = 1_000;

/// Open payments that a run reads again of its own accord; the next run goes on.
const MAX_OPEN_A_RUN: i64 = 50;

/// Requests refused before that a run tries again, each alone, so that one that is always refused holds up no other.
const MAX_REFUSED_A_RUN: usize = 10;

impl Fetch<'_> {
    /// Reads what is to be read again. A refusal puts the request off; any other error ends the run.
    pub(super) async fn refetch_due(
        &self,
        writing: &mut Writing<'_>,
        lock: &mut ProducerLock,
        requests: &mut Requests,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let (source, now) = (self.connector.source(), self.clock.now());
        if let Some(span) = self.connector.sees_changes_for(self.entity) {
            persist(|| {
                self.store.request_open_payments(source, self.entity, now - span, MAX_OPEN_A_RUN, now)
            })
            .await?;
        }
        let due = persist(|| self.store.due_refetches(source, self.entity, MAX_A_RUN, now)).await?;
        let (new, refused): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| due.attempts == 0);
        for together in new.chunks(MAX_TOGETHER) {
            self.refetch(together, writing, lock, requests, deadline).await?;
        }
        for alone in refused.chunks(1).take(MAX_REFUSED_A_RUN) {
            self.refetch(alone, writing, lock, requests, deadline).await?;
        }
        Ok(())
    }

    async fn refetch(
        &self,
        due: &[DueRefetch],
        writing: &mut Writing<'_>,
        lock: &mut ProducerLock,
        requests: &mut Requests,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let source = self.connector.source();
        let wanted: Vec<Refetch> = due.iter().map(|due| due.refetch.clone()).collect();
        let pages = self.connector.refetch(self.entity, &wanted, self.clock.now());
        match self.write_all(pages, writing, lock, requests, deadline).await {
            Ok(()) => persist(|| self.store.finish_refetches(source, self.entity, due)).await?,
            Err(Trouble::Source(error @ (SourceError::Refused { .. } | SourceError::Malformed { .. }))) => {
                tracing::warn!(%error, records = due.len(), "records could not be read again by their ids; trying again later");
                let now = self.clock.now();
                persist(|| self.store.postpone_refetches(source, self.entity, due, now)).await?;
            }
            Err(trouble) => return Err(trouble),
        }
        Ok(())
    }
}
