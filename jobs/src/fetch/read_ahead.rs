//! Reading pages while earlier ones are written.

use std::sync::Arc;

use buffalo_connectors::{FetchedPage, Pages, SourceError};
use buffalo_model::{Identity, RequestCounts};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::Instrument;

/// Pages that may wait while one is being written. They are written together, in one transaction.
pub(super) const PAGES_AHEAD: usize = 4;

/// The most payload that waits or is being written, in KiB; a single page may be larger.
const KIB_AHEAD: u32 = 1_024;

/// What the reading of a page came to: none at the end.
pub(super) struct Read {
    pub(super) page: Result<Option<FetchedPage>, SourceError>,
    /// Requests made up to then.
    pub(super) requests: RequestCounts,
    /// Whose data it is, as far as the answers up to then said.
    pub(super) identity: Identity,
    /// Held until the page is written.
    pub(super) room: OwnedSemaphorePermit,
}

/// Pages that are being read. Dropping it ends the reading.
pub(super) struct ReadAhead {
    receiver: mpsc::Receiver<Read>,
    _reading: JoinSet<()>,
}

impl ReadAhead {
    /// Begins to read.
    pub(super) fn begin(pages: Box<dyn Pages>) -> Self {
        let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
        let mut reading = JoinSet::new();
        reading.spawn(read(pages, sender).in_current_span());
        Self { receiver, _reading: reading }
    }

    /// Waits for what is read next, and adds all that is there, at most [`PAGES_AHEAD`]. Returns how many; zero after the
    /// end. Nothing is lost where it is given up.
    pub(super) async fn next_into(&mut self, batch: &mut Vec<Read>) -> usize {
        self.receiver.recv_many(batch, PAGES_AHEAD).await
    }
}

async fn read(mut pages: Box<dyn Pages>, sender: mpsc::Sender<Read>) {
    let space = Arc::new(Semaphore::new(KIB_AHEAD as usize));
    loop {
        let page = pages.next().await;
        let requests = pages.requests();
        let identity = pages.identity();
        let last = !matches!(page, Ok(Some(_)));
        let size = page.as_ref().map_or(0, |page| page.as_ref().map_or(0, kib));
        // The semaphore is never closed. What is given up with the message frees its room.
        let Ok(room) = Arc::clone(&space).acquire_many_owned(size).await else { return };
        if sender.send(Read { page, requests, identity, room }).await.is_err() || last {
            return;
        }
    }
}

/// The room that a page takes, at most all of it.
fn kib(page: &FetchedPage) -> u32 {
    let bytes: usize = page.records.iter().map(|record| record.payload.len()).sum();
    u32::try_from(bytes / 1_024).unwrap_or(KIB_AHEAD).min(KIB_AHEAD)
}
