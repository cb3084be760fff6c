//! Writing pages: those that wait together, in one transaction.

use buffalo_connectors::{FetchedPage, registration};
use buffalo_model::{Cursor, RawRecord, RequestCounts, RunId};
use buffalo_store::{Lane, Page, Sweep};

use super::Fetch;
use super::trouble::Trouble;
use crate::identity::Owner;
use crate::persist::persist;

/// Requests made, and how many of them are recorded with the run.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) made: RequestCounts,
    recorded: RequestCounts,
}

impl Requests {
    pub(super) fn unrecorded(&self) -> RequestCounts {
        self.made.since(&self.recorded)
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
        let mut records: Vec<RawRecord> =
            Vec::with_capacity(pages.iter().map(|page| page.records.len()).sum());
        let mut cursor = None;
        let mut sweeps = Vec::new();
        let gone = registration(self.connector.source().as_str()).map_or("{}", |source| source.gone);
        for page in pages {
            records.extend(page.records);
            cursor = Some(page.cursor);
            sweeps.extend(page.sweep.map(|sweep| Sweep {
                id_prefix: sweep.id_prefix,
                began_at: sweep.began_at,
                payload: gone,
            }));
        }
        let Some(cursor) = writing.cursor.clone().or(cursor) else { return Ok(()) };
        let page = Page {
            source: self.connector.source(),
            entity: self.entity,
            run_id: writing.run_id,
            records: &records,
            lane: writing.lane,
            pages: count,
            requests: requests.unrecorded(),
            cursor: &cursor,
            data_through,
            sweeps: &sweeps,
            cursor_version: writing.cursor_version,
        };
        let written = persist(|| self.store.write_page(&page, self.clock.now())).await?;
        requests.recorded = requests.made;
        (self.options.on_progress)(records.len() as u64);
        tracing::debug!(pages = count, enqueued = written.enqueued, deduped = written.deduped, "stored");
        writing.cursor_version = written.cursor_version;
        Ok(())
    }
}
