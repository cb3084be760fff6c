//! Sweeping: what a listing of everything did not show is looked up by its id, and only then taken for gone.

use buffalo_connectors::{FetchedPage, Sweep, registration};
use buffalo_model::RawRecord;
use buffalo_store::{ProducerLock, Unseen};
use tokio::time::Instant;

use super::Fetch;
use super::trouble::Trouble;
use super::write::{Requests, Writing};
use crate::absence::{Absence, LOOKED_UP_TOGETHER};
use crate::persist::persist;

/// Ids that are held in memory until they are looked up.
const UNSEEN_AT_ONCE: i64 = 1_000;

impl Fetch<'_> {
    /// Writes pages; before one that ends a listing of everything, what was not seen is looked up. What is gone is written
    /// with that page, so that it is done exactly when the cursor says so.
    pub(super) async fn write_and_sweep(
        &self,
        writing: &mut Writing<'_>,
        pages: Vec<FetchedPage>,
        lock: &mut ProducerLock,
        requests: &mut Requests,
        deadline: Instant,
    ) -> Result<(), Trouble> {
        let mut together = Vec::with_capacity(pages.len());
        for mut page in pages {
            if let Some(sweep) = page.sweep.take() {
                if !together.is_empty() {
                    self.write(writing, std::mem::take(&mut together), requests).await?;
                }
                let mut stop = self.options.stop.clone();
                tokio::select! {
                    biased;
                    () = stop.requested() => return Err(Trouble::Stopped),
                    () = tokio::time::sleep_until(deadline) => return Err(Trouble::Deadline(self.options.deadline)),
                    swept = self.sweep(writing, &sweep, &mut page, lock, requests) => swept?,
                }
            }
            together.push(page);
        }
        if together.is_empty() { Ok(()) } else { self.write(writing, together, requests).await }
    }

    /// Looks up what was not seen, and adds what is gone to the page.
    async fn sweep(
        &self,
        writing: &mut Writing<'_>,
        sweep: &Sweep,
        page: &mut FetchedPage,
        lock: &mut ProducerLock,
        requests: &mut Requests,
    ) -> Result<(), Trouble> {
        let source = self.connector.source();
        let Some(registration) = registration(source.as_str()) else { return Ok(()) };
        let (connector, entity, mass_delete) = (self.connector, self.entity, self.options.mass_delete);
        let absence = Absence { connector, registration, entity, mass_delete };
        let Sweep { id_prefix, began_at } = sweep;
        let unseen = Unseen { source, entity, id_prefix, began_at: *began_at };
        let on_the_page: Vec<String> = page.records.iter().map(|record| record.external_id.clone()).collect();
        let on_the_page: Vec<&str> = on_the_page.iter().map(String::as_str).collect();
        let mut gone: Vec<RawRecord> = Vec::new();
        let (mut after, mut by_listing) = (String::new(), false);
        loop {
            let ids = persist(|| self.store.unseen(&unseen, &after, &on_the_page, UNSEEN_AT_ONCE)).await?;
            let Some(last) = ids.last() else { break };
            after.clone_from(last);
            for together in ids.chunks(LOOKED_UP_TOGETHER) {
                let looked_up = absence.look_up(together, self.clock.now(), &mut requests.looking_up).await?;
                writing.owner.accept(&looked_up.identity).await?;
                by_listing |= looked_up.by_listing;
                gone.extend(looked_up.gone);
                self.keep(writing, looked_up.found, page, requests).await?;
                self.still_alone(writing.run_id, lock).await?;
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let stored = persist(|| self.store.count_stored(source, entity, id_prefix)).await?;
        absence.prove(&gone, by_listing, stored, self.clock.now(), &mut requests.looking_up).await?;
        page.records.extend(gone);
        Ok(())
    }

    /// Writes records that are there after all; the cursor stays where it is. Where there is none yet, they go with the page.
    async fn keep(
        &self,
        writing: &mut Writing<'_>,
        found: Vec<RawRecord>,
        page: &mut FetchedPage,
        requests: &mut Requests,
    ) -> Result<(), Trouble> {
        if found.is_empty() {
            return Ok(());
        }
        let Some(position) = writing.position.clone() else {
            page.records.extend(found);
            return Ok(());
        };
        writing.cursor = Some(position.clone());
        let page = FetchedPage { records: found, cursor: position, data_through: None, sweep: None };
        let written = self.write(writing, vec![page], requests).await;
        writing.cursor = None;
        written
    }
}
