//! Writing pages: those that wait together, in one transaction.

use buffalo_connectors::FetchedPage;
use buffalo_model::{Cursor, RawRecord, RequestCounts, RunId, Ties};
use buffalo_store::{Lane, Page};

use super::Fetch;
use super::trouble::Trouble;
use crate::identity::Owner;
use crate::persist::persist;

/// Requests made, and how many of them are recorded with the run.
#[derive(Default)]
pub(super) struct Requests {
    /// For the pages of the run.
    pub(super) made: RequestCounts,
    /// To look up what the pages did not show.
    pub(super) looking_up: RequestCounts,
    recorded: RequestCounts,
}

impl Requests {
    pub(super) fn unrecorded(&self) -> RequestCounts {
        self.all().since(&self.recorded)
    }

    fn all(&self) -> RequestCounts {
        self.made + self.looking_up
    }
}

/// Where a run writes.
pub(super) struct Writing<'a> {
    pub(super) run_id: RunId,
    pub(super) lane: Lane,
    /// Whose data it is.
    pub(super) owner: Owner<'a>,
    /// The version of the cursor that the run read or wrote last.
    pub(super) cursor_version: i64,
    /// The cursor that stays as it is while records are read by their ids; none where each page moves it.
    pub(super) cursor: Option<Cursor>,
    /// The cursor as it is stored; none before the first page.
    pub(super) position: Option<Cursor>,
    /// The cursor that was written last.
    pub(super) written: Option<Cursor>,
    /// Whether the page that was written last was the last of its plan: it said up to when everything is there.
    pub(super) is_at_end: bool,
    /// Records that are to be read again, as two states of one time are known.
    pub(super) ties: i64,
}

impl Fetch<'_> {
    /// Writes pages.
    pub(super) async fn write(
        &self,
        writing: &mut Writing<'_>,
        pages: Vec<FetchedPage>,
        requests: &mut Requests,
    ) -> Result<(), Trouble> {
        let count = i64::try_from(pages.len()).unwrap_or(i64::MAX);
        let data_through = pages.iter().filter_map(|page| page.data_through).max();
        let is_last = pages.last().is_some_and(|page| page.data_through.is_some());
        let mut records: Vec<RawRecord> =
            Vec::with_capacity(pages.iter().map(|page| page.records.len()).sum());
        let mut cursor = None;
        for page in pages {
            records.extend(page.records);
            cursor = Some(page.cursor);
        }
        let Some(cursor) = writing.cursor.clone().or(cursor) else { return Ok(()) };
        let page = Page {
            source: self.connector.source(),
            entity: self.entity,
            run_id: writing.run_id,
            records: &records,
            // What was read by its id is the truth of that moment.
            ties: if writing.cursor.is_some() { Ties::LaterHolds } else { self.connector.ties() },
            lane: writing.lane,
            pages: count,
            requests: requests.unrecorded(),
            cursor: &cursor,
            data_through,
            cursor_version: writing.cursor_version,
        };
        let written = persist(|| self.store.write_page(&page, self.clock.now())).await?;
        requests.recorded = requests.all();
        (self.options.on_progress)(records.len() as u64);
        tracing::debug!(pages = count, enqueued = written.enqueued, deduped = written.deduped, "stored");
        writing.cursor_version = written.cursor_version;
        writing.ties += written.ties;
        writing.position = Some(cursor.clone());
        writing.written = Some(cursor);
        writing.is_at_end = is_last;
        Ok(())
    }
}
