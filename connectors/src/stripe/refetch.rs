//! Reading records again by their ids, and what belongs to a charge by the charge's.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::{Cursor, Identity, RawRecord, Refetch, RefetchPart, RequestCounts};
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::REGISTRATION;
use super::api::{StripeApi, can_be_asked_for, is_gone, not_by_id};
use super::config::StripeConfig;
use super::resource::Resource;
use crate::connector::{FetchedPage, Pages, SourceError};

/// Objects that are read at the same time.
const PARALLEL: usize = 4;

/// Objects on a page that is given out.
const PAGE_SIZE: usize = 100;

/// The most pages that are read of the refunds or disputes of one charge: 2,000 of them.
const MAX_PAGES_OF_A_CHARGE: usize = 20;

/// Reads records by their ids; the cursors of its pages mean nothing.
pub(super) struct RefetchPages {
    api: StripeApi,
    config: Arc<StripeConfig>,
    now: DateTime<Utc>,
    records: Vec<String>,
    charges: VecDeque<String>,
    /// An id that is none of Stripe's, so that there is nothing to ask for: the refusal comes after all answers.
    strange: Option<String>,
}

impl RefetchPages {
    pub(super) fn new(
        api: StripeApi,
        config: Arc<StripeConfig>,
        wanted: &[Refetch],
        now: DateTime<Utc>,
    ) -> Self {
        let of = |part: RefetchPart| {
            wanted
                .iter()
                .filter(move |refetch| refetch.part == part)
                .map(|refetch| refetch.external_id.clone())
        };
        // What is not fetched is not asked for: the key need not be allowed to.
        let is_fetched =
            |id: &String| Resource::of_id(id).is_none_or(|kind| config.resources.contains(&kind));
        let (records, strange): (Vec<_>, Vec<_>) =
            of(RefetchPart::Record).filter(is_fetched).partition(|id| can_be_asked_for(id));
        let charges = of(RefetchPart::Returns).collect();
        Self { api, config, now, records, charges, strange: strange.into_iter().next() }
    }

    async fn record(&self, id: String) -> Result<RawRecord, SourceError> {
        let resource = Resource::of_id(&id).ok_or_else(|| not_by_id(&id))?;
        match self.api.retrieve(resource, &id).await {
            Ok(answer) => Ok(self.state(id, answer.asked_at, answer.value.payload)),
            Err(error) if is_gone(&error, &id) => Ok(RawRecord {
                external_id: id,
                // By our clock: an error tells no time.
                observed_at: self.now,
                api_version: None,
                context: None,
                payload: REGISTRATION.gone.to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// All refunds and disputes of a charge, as far as they are fetched at all.
    async fn returns(&self, charge: &str) -> Result<Vec<RawRecord>, SourceError> {
        let mut records = Vec::new();
        for resource in [Resource::Refunds, Resource::Disputes] {
            if self.config.resources.contains(&resource) {
                self.list(resource, charge, &mut records).await?;
            }
        }
        Ok(records)
    }

    async fn list(
        &self,
        resource: Resource,
        charge: &str,
        records: &mut Vec<RawRecord>,
    ) -> Result<(), SourceError> {
        let mut after = None;
        for _ in 0..MAX_PAGES_OF_A_CHARGE {
            let answer = self.api.list_of_charge(resource, charge, after.take()).await?;
            let last = answer.value.objects.iter().rev().find_map(|object| object.id.clone());
            records.extend(answer.value.objects.into_iter().map(|object| {
                let id = object.external_id();
                self.state(id, answer.asked_at, object.payload)
            }));
            if !answer.value.has_more {
                return Ok(());
            }
            after = last;
        }
        Err(SourceError::Malformed {
            request: format!("stripe: GET {}", resource.path()),
            what: format!("more than {MAX_PAGES_OF_A_CHARGE} pages of {resource} of one charge"),
        })
    }

    /// A state as it was read, which is as true as anything that was heard before.
    fn state(&self, external_id: String, observed_at: DateTime<Utc>, payload: String) -> RawRecord {
        let api_version = Some(self.config.api_version.clone());
        RawRecord { external_id, observed_at, api_version, context: None, payload }
    }
}

#[async_trait]
impl Pages for RefetchPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        let records = if self.records.is_empty() {
            let Some(charge) = self.charges.pop_front() else {
                return self.strange.take().map_or(Ok(None), |id| Err(not_by_id(&id)));
            };
            self.returns(&charge).await?
        } else {
            let ids: Vec<String> = self.records.drain(..self.records.len().min(PAGE_SIZE)).collect();
            let reading = stream::iter(ids).map(|id| self.record(id)).buffer_unordered(PARALLEL);
            reading.try_collect().await?
        };
        let cursor = Cursor::new(serde_json::Value::Null);
        Ok(Some(FetchedPage { records, cursor, data_through: None, sweep: None }))
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    fn identity(&self) -> Identity {
        self.api.identity()
    }
}
