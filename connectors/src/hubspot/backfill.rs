//! Listing everything: what is live, then the bin.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::api::{HubSpotApi, Part, is_lost_place, no_way_on};
use super::context::Account;
use super::page;
use super::position::{Changes, Listing, Position};
use super::records::records;
use super::resource::Resource;
use crate::connector::{FetchedPage, Pages, SourceError, Sweep};

/// How far the clocks that date changes and answers may be apart.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(60);

/// Lists to the end, in the order of ids. The incremental position comes only with the last page, and begins before the
/// first one was asked for: what changes meanwhile is found from there. With the last page everything has been listed, so
/// what was not in it is gone, however long ago.
pub(super) struct BackfillPages {
    api: HubSpotApi,
    resource: Resource,
    listing: Listing,
    account: Account,
    ended: bool,
}

impl BackfillPages {
    pub(super) fn new(api: HubSpotApi, resource: Resource, listing: Listing) -> Self {
        Self { api, resource, listing, account: Account::default(), ended: false }
    }
}

#[async_trait]
impl Pages for BackfillPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        let part = if self.listing.bin { Part::Bin } else { Part::Live };
        let answer = match self.api.list(self.resource, part, self.listing.after.as_deref()).await {
            Err(error) if self.listing.after.is_some() && is_lost_place(&error) => {
                tracing::warn!(%error, "the place in the list is gone; listing it from its start");
                self.listing.after = None;
                self.api.list(self.resource, part, None).await?
            }
            answer => answer?,
        };
        let known_at = answer.asked_at - CLOCK_MARGIN;
        let began_ms = *self.listing.began_ms.get_or_insert(known_at.timestamp_millis());
        let began_at = DateTime::from_timestamp_millis(began_ms).unwrap_or(DateTime::UNIX_EPOCH);
        let next = answer.value.next;
        if next.is_some() && next == self.listing.after {
            return Err(no_way_on(self.resource));
        }
        let seen_at = Some(known_at.max(began_at));
        let objects = answer.value.objects;
        let contexts = self.account.contexts(&self.api, self.resource, part, &objects).await?;
        let records = records(&self.api, objects, contexts, answer.asked_at, seen_at);
        let part_done = next.is_none();
        self.listing.after = next;
        if part_done && self.listing.bin {
            self.ended = true;
            let changes = Changes { through_ms: began_ms, window: None, bin_after: None };
            let sweep = Sweep { id_prefix: String::new(), began_at };
            let last = page(records, &Position::Changes(changes));
            return Ok(Some(FetchedPage { data_through: through(began_ms), sweep: Some(sweep), ..last }));
        }
        self.listing.bin |= part_done;
        Ok(Some(page(records, &Position::Listing(self.listing.clone()))))
    }

    fn requests_made(&self) -> u64 {
        self.api.requests_made()
    }
}

fn through(unix_ms: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(unix_ms)
}
