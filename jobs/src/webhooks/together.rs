//! Events that come at once are stored together: what comes while a statement is under way is taken by the next one.
//!
//! Nobody waits for company. Whoever brings an event puts it into the queue and asks for a place among the writers; who gets
//! one stores all that waits, its own or not. A lone event is stored at once, and the more come, the more are stored by
//! each commit.

use std::sync::{Arc, Mutex, PoisonError};

use buffalo_model::{Clock, Entity, Identity, RawRecord, Source};
use buffalo_store::{EventState, Store, StoreError, Taken};
use tokio::sync::{Semaphore, oneshot};

/// Statements at a time: one may commit, or wait for a record that somebody else writes, while the other is at work. More
/// would share the same events among more commits.
const WRITERS: usize = 2;

/// The most events in a statement.
const MOST_EVENTS: usize = 64;

/// An event, and the state of a record that it carries.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) source: Source,
    pub(super) entity: Entity,
    pub(super) event_id: String,
    pub(super) record: Box<RawRecord>,
    pub(super) identity: Identity,
}

#[derive(Debug)]
struct Waiting {
    event: Arc<Event>,
    /// Dropped without a word where the event has to be stored alone.
    tell: oneshot::Sender<Result<Taken, StoreError>>,
}

/// Events that wait, and those who store them.
#[derive(Debug)]
pub(super) struct Together {
    store: Store,
    clock: Arc<dyn Clock>,
    waiting: Mutex<Vec<Waiting>>,
    places: Semaphore,
}

impl Event {
    fn state(&self) -> EventState<'_> {
        let Self { source, entity, event_id, record, identity } = self;
        EventState { source, entity: *entity, event_id, record, identity }
    }

    /// Whether one statement can't take both: one would have to see what became of the other.
    fn excludes(&self, other: &Self) -> bool {
        let same_record = self.entity == other.entity && self.record.external_id == other.record.external_id;
        self.source == other.source && (same_record || self.event_id == other.event_id)
    }
}

impl Together {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, waiting: Mutex::default(), places: Semaphore::new(WRITERS) }
    }

    /// Stores an event, together with others that wait.
    ///
    /// # Errors
    ///
    /// Those of [`Store::take_event`].
    pub(super) async fn take(&self, event: Event) -> Result<Taken, StoreError> {
        let event = Arc::new(event);
        let (tell, mut told) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Waiting { event: event.clone(), tell });
        loop {
            tokio::select! {
                biased;
                taken = &mut told => return self.taken_or_alone(taken.ok(), &event).await,
                _place = self.places.acquire() => {
                    let together = self.next();
                    if together.is_empty() {
                        break;
                    }
                    self.write(together).await;
                }
            }
        }
        // Another writer has it.
        self.taken_or_alone(told.await.ok(), &event).await
    }

    /// What waits, oldest first, as far as one statement can take it.
    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next: Vec<Waiting> = Vec::with_capacity(waiting.len().min(MOST_EVENTS));
        let mut later = Vec::new();
        for one in waiting.drain(..) {
            if next.len() < MOST_EVENTS && !next.iter().any(|other| other.event.excludes(&one.event)) {
                next.push(one);
            } else {
                later.push(one);
            }
        }
        *waiting = later;
        next
    }

    async fn write(&self, mut together: Vec<Waiting>) {
        let states: Vec<_> = together.iter().map(|waiting| waiting.event.state()).collect();
        match self.store.take_events(&states, self.clock.now()).await {
            Ok(taken) => {
                for (waiting, taken) in together.into_iter().zip(taken) {
                    // Whoever has gone does not hear it.
                    drop(waiting.tell.send(Ok(taken)));
                }
            }
            Err(error) if together.len() == 1 => {
                drop(together.pop().map(|waiting| waiting.tell.send(Err(error))));
            }
            Err(error) => tracing::debug!(%error, events = together.len(), "each is stored alone"),
        }
    }

    /// An event whose company could not be stored, or lost its writer, may be in order itself. Should it have been stored
    /// after all, it counts as repeated.
    async fn taken_or_alone(
        &self,
        taken: Option<Result<Taken, StoreError>>,
        event: &Event,
    ) -> Result<Taken, StoreError> {
        match taken {
            Some(taken) => taken,
            None => self.store.take_event(&event.state(), self.clock.now()).await,
        }
    }
}
