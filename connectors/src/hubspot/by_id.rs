//! Reading objects by their ids: what a webhook names, and what is to be proved gone.

use std::collections::HashSet;

use async_trait::async_trait;
use buffalo_model::{Identity, RawRecord, Refetch, RequestCounts};
use chrono::{DateTime, Utc};

use super::api::{BATCH, HubSpotApi, Part};
use super::context::Account;
use super::page;
use super::position::{Listing, Position};
use super::records::{GONE, records};
use super::resource::Resource;
use crate::connector::{FetchedPage, Pages, SourceError};

/// Reads batches, each among what is live and then, for those that are not, in the bin. What is in neither is gone.
pub(super) struct ByIdPages {
    api: HubSpotApi,
    resource: Resource,
    account: Account,
    /// When nothing had to be asked to know that an id is none.
    now: DateTime<Utc>,
    /// Ids that are still to be read, the next ones at the end.
    wanted: Vec<String>,
}

impl ByIdPages {
    pub(super) fn new(api: HubSpotApi, resource: Resource, wanted: &[Refetch], now: DateTime<Utc>) -> Self {
        let mut wanted: Vec<String> = wanted.iter().map(|refetch| refetch.external_id.clone()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        Self { api, resource, account: Account::default(), now, wanted }
    }

    async fn read(&mut self, ids: Vec<String>) -> Result<Vec<RawRecord>, SourceError> {
        // An id that is no number is none of HubSpot's, and would have the whole batch refused.
        let (mut missing, others): (HashSet<String>, HashSet<String>) =
            ids.into_iter().partition(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
        let mut read = Vec::new();
        let mut looked_at = self.now;
        for part in [Part::Live, Part::Bin] {
            if missing.is_empty() {
                break;
            }
            let asked: Vec<&str> = missing.iter().map(String::as_str).collect();
            let answer = self.api.batch(self.resource, part, &asked).await?;
            looked_at = answer.asked_at;
            let objects = answer.value;
            let contexts = self.account.contexts(&self.api, self.resource, part, &objects).await?;
            let found = records(&self.api, objects, contexts, answer.asked_at, Some(answer.asked_at));
            for record in &found {
                missing.remove(&record.external_id);
            }
            read.extend(found);
        }
        read.extend(missing.into_iter().chain(others).map(|id| self.gone(id, looked_at)));
        Ok(read)
    }

    fn gone(&self, external_id: String, observed_at: DateTime<Utc>) -> RawRecord {
        RawRecord {
            external_id,
            observed_at,
            api_version: Some(self.api.version().to_owned()),
            context: None,
            payload: GONE.to_owned(),
        }
    }
}

#[async_trait]
impl Pages for ByIdPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        if self.wanted.is_empty() {
            return Ok(None);
        }
        let ids = self.wanted.split_off(self.wanted.len().saturating_sub(BATCH));
        let records = self.read(ids).await?;
        Ok(Some(page(records, &Position::Listing(Listing::default()))))
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    fn identity(&self) -> Identity {
        self.api.identity()
    }
}
