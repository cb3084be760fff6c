//! Listing everything for a comparison: what is live, then the bin.

use async_trait::async_trait;
use buffalo_model::{Identity, RequestCounts};

use super::api::{HubSpotApi, Part};
use super::backfill::CLOCK_MARGIN;
use super::context::Account;
use super::lists::Lists;
use super::page;
use super::position::{Listing, Position};
use super::records::records;
use super::resource::Resource;
use crate::connector::{FetchedPage, Pages, SourceError};

/// Reads both lists to their ends, a page at a time.
pub(super) struct CensusPages {
    api: HubSpotApi,
    lists: Lists,
    resource: Resource,
    account: Account,
    /// The list that is being read; none after the last.
    part: Option<Part>,
    after: Option<String>,
}

impl CensusPages {
    pub(super) fn new(api: HubSpotApi, resource: Resource) -> Self {
        let lists = Lists::new(api.clone(), resource);
        Self { api, lists, resource, account: Account::default(), part: Some(Part::Live), after: None }
    }
}

#[async_trait]
impl Pages for CensusPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        let Some(part) = self.part else { return Ok(None) };
        let answer = self.lists.page(part, self.after.as_deref()).await?;
        let objects = answer.value.objects;
        let contexts = self.account.contexts(&self.api, self.resource, part, &objects).await?;
        let seen_at = Some(answer.asked_at - CLOCK_MARGIN);
        let records = records(&self.api, objects, contexts, answer.asked_at, seen_at);
        self.after = answer.value.next;
        if self.after.is_none() {
            self.part = (part == Part::Live).then_some(Part::Bin);
        }
        Ok(Some(page(records, &Position::Listing(Listing::default()))))
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    fn identity(&self) -> Identity {
        self.api.identity()
    }
}
