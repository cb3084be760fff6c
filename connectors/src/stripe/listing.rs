//! Reading lists: the backfill, and the lookback that stands in for events.

use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::RawRecord;

use super::api::{StripeApi, is_lost_position};
use super::config::StripeConfig;
use super::page;
use super::position::{Events, Listing, ListingKind, Position, Window};
use crate::connector::{FetchedPage, Pages, SourceError};

/// The most objects Stripe puts on a page.
const PAGE_SIZE: &str = "100";

/// Lists every window to its end, newest first. The incremental position comes only with the last page of all, and
/// begins before the first one was asked for: what is created or changed meanwhile is found from there.
pub(super) struct ListingPages {
    api: StripeApi,
    config: Arc<StripeConfig>,
    listing: Listing,
    ended: bool,
}

impl ListingPages {
    pub(super) fn new(api: StripeApi, config: Arc<StripeConfig>, listing: Listing) -> Self {
        Self { api, config, listing, ended: false }
    }

    async fn read_window(&mut self, at: usize) -> Result<Vec<RawRecord>, SourceError> {
        let window = &self.listing.windows[at];
        let answer = match self.api.list(window.resource, &query(window)).await {
            Err(error) if window.after.is_some() && is_lost_position(&error) => {
                // The object that marked the place was deleted; the window starts over, and what is stored is
                // recognised.
                tracing::warn!(resource = %window.resource, "the place in the list is gone; listing it from its start");
                self.listing.windows[at].after = None;
                let window = &self.listing.windows[at];
                self.api.list(window.resource, &query(window)).await?
            }
            answer => answer?,
        };
        let window = &mut self.listing.windows[at];
        self.listing.started_at.get_or_insert(answer.asked_at.timestamp());
        match answer.value.objects.iter().rev().find_map(|object| object.id.clone()) {
            Some(last) if answer.value.has_more => {
                if window.after.as_ref() == Some(&last) {
                    let what = format!("the page after {last} once more in place of the next one");
                    return Err(SourceError::Malformed {
                        request: format!("stripe: GET {}", window.resource.path()),
                        what,
                    });
                }
                window.after = Some(last);
            }
            _ => window.done = true,
        }
        let version = &self.config.api_version;
        let record = |object: super::objects::ListedObject| RawRecord {
            external_id: object.external_id(),
            // The start of the second in which the list was asked for, so that an event of that second wins: which of
            // the two saw the other can't be told, and the event's second will be read again.
            observed_at: answer.asked_at,
            api_version: Some(version.clone()),
            context: None,
            payload: object.payload,
        };
        Ok(answer.value.objects.into_iter().map(record).collect())
    }

    fn finished(&self) -> Events {
        let started_at = self.listing.started_at.unwrap_or_default();
        let through = match self.listing.kind {
            ListingKind::Backfill => started_at,
            // Never back: the vendor's clock may have been set.
            ListingKind::Lookback { through } => started_at.max(through),
        };
        Events { through, resources: self.config.resources.clone(), window: None, reread: Vec::new() }
    }
}

fn query(window: &Window) -> Vec<(&'static str, String)> {
    let mut query = vec![("limit", PAGE_SIZE.to_owned())];
    query.extend(window.created_gte.map(|from| ("created[gte]", from.to_string())));
    query.extend(window.created_lt.map(|to| ("created[lt]", to.to_string())));
    query.extend(window.after.clone().map(|after| ("starting_after", after)));
    query
}

#[async_trait]
impl Pages for ListingPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        // A resource that is not wanted any more is not asked for, though an old cursor still has its window.
        let wanted = &self.config.resources;
        self.listing.windows.retain(|window| wanted.contains(&window.resource));
        let Some(at) = self.listing.windows.iter().position(|window| !window.done) else {
            self.ended = true;
            return Ok(None);
        };
        let records = self.read_window(at).await?;
        if self.listing.windows.iter().all(|window| window.done) {
            self.ended = true;
            let events = self.finished();
            let through = events.through;
            return Ok(Some(page(records, &Position::Events(events), Some(through))));
        }
        Ok(Some(page(records, &Position::Listing(self.listing.clone()), None)))
    }

    fn requests_made(&self) -> u64 {
        self.api.requests_made()
    }
}
