//! Waking whoever waits for something to do.

use std::time::Duration;

use buffalo_store::{Heard, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::Stop;

/// How long somebody idle waits before looking again, whether or not anything was heard of: a notification may have been
/// lost, and rows that failed become due without one.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// How long to wait for more before looking at what was just heard of.
const DEBOUNCE: Duration = Duration::from_millis(10);

/// How long to wait before listening is tried anew.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Counts what was heard of; the numbers mean nothing.
#[derive(Debug, Clone)]
pub(crate) struct Wake(watch::Receiver<u64>);

impl Wake {
    /// Something that nobody calls.
    pub(crate) fn never() -> Self {
        Self(watch::channel(0).1)
    }

    /// Listens for as long as `listeners` are kept; where that is of no use, nobody calls.
    pub(crate) fn of(store: &Store, heard: Heard, listeners: &mut JoinSet<()>) -> Self {
        if !store.can_listen() {
            return Self::never();
        }
        let store = store.clone();
        let (sender, receiver) = watch::channel(0);
        let listening = async move {
            loop {
                let Err(error) = listen(&store, heard, &sender).await;
                tracing::debug!(%error, ?heard, "news are looked for now and then until they can be listened for");
                tokio::time::sleep(LISTEN_AGAIN_AFTER).await;
            }
        };
        listeners.spawn(listening.in_current_span());
        Self(receiver)
    }

    /// Forgets what was heard of: whoever looks from now on finds it.
    pub(crate) fn looking(&mut self) {
        self.0.borrow_and_update();
    }

    /// Waits until something was heard of since the last look, or for a while, or until asked to stop.
    pub(crate) async fn wait(&mut self, stop: &mut Stop) {
        tokio::select! {
            () = tokio::time::sleep(POLL_EVERY) => {}
            () = stop.requested() => {}
            Ok(()) = self.0.changed() => tokio::time::sleep(DEBOUNCE).await,
        }
    }
}

async fn listen(
    store: &Store,
    heard: Heard,
    told: &watch::Sender<u64>,
) -> Result<std::convert::Infallible, StoreError> {
    let mut listener = store.listen_to(heard).await?;
    loop {
        listener.next().await?;
        told.send_modify(|count| *count += 1);
    }
}
