//! Reading lists: the backfill, and the lookback that stands in for events.

use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::{Identity, RawRecord, RequestCounts};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::api::{StripeApi, is_lost_position};
use super::config::StripeConfig;
use super::objects::ListPage;
use super::page;
use super::position::{Events, Listing, ListingKind, Position, Window};
use super::windows::{PageRead, Windows};
use crate::connector::{FetchedPage, Pages, SourceError};
use crate::http::Answer;

/// The most objects Stripe puts on a page.
const PAGE_SIZE: &str = "100";

/// Lists every window to its end, several at once. The incremental position comes only with the last page of all, and
/// begins before the first one was asked for: what is created or changed meanwhile is found from there.
pub(super) struct ListingPages {
    api: StripeApi,
    config: Arc<StripeConfig>,
    kind: ListingKind,
    started_at: Option<i64>,
    windows: Windows,
    /// Requests under way. Dropping the set ends them.
    asked: JoinSet<(usize, Result<Answer<ListPage>, SourceError>)>,
    /// Why nothing more is asked for. It is told when the pages that were under way are given out.
    trouble: Option<SourceError>,
    ended: bool,
}

impl ListingPages {
    pub(super) fn new(api: StripeApi, config: Arc<StripeConfig>, listing: Listing) -> Self {
        // A resource that is not wanted any more is not asked for, though an old cursor still has its windows.
        let wanted = listing.windows.into_iter().filter(|window| config.resources.contains(&window.resource));
        Self {
            windows: Windows::new(wanted.collect()),
            kind: listing.kind,
            started_at: listing.started_at,
            asked: JoinSet::new(),
            trouble: None,
            ended: false,
            api,
            config,
        }
    }

    fn ask(&mut self) {
        // The first request goes alone: where the key is wrong or the vendor away, it is enough.
        let at_once = if self.started_at.is_none() { 1 } else { self.config.pages_at_once };
        while self.trouble.is_none()
            && self.asked.len() < at_once
            && let Some((at, window)) = self.windows.ask()
        {
            let api = self.api.clone();
            let asking = async move { (at, api.list(window.resource, &query(&window)).await) };
            self.asked.spawn(asking.in_current_span());
        }
    }

    fn take(&mut self, at: usize, answer: Answer<ListPage>) -> Result<Vec<RawRecord>, SourceError> {
        let asked_at = answer.asked_at;
        let began = self.started_at.map_or(asked_at.timestamp(), |known| known.min(asked_at.timestamp()));
        self.started_at = Some(began);
        let ListPage { objects, has_more } = answer.value;
        let first = objects.first().and_then(|object| object.created);
        let last = objects.last().and_then(|object| object.created);
        let read = PageRead {
            objects: objects.len() as u64,
            created: first.zip(last),
            more_after: objects.iter().rev().find_map(|object| object.id.clone()).filter(|_| has_more),
        };
        self.windows
            .note(at, read)
            .map_err(|what| SourceError::Malformed { request: "stripe: a list".to_owned(), what })?;
        let version = &self.config.api_version;
        let record = |object: super::objects::ListedObject| RawRecord {
            external_id: object.external_id(),
            // The start of the second in which the list was asked for, so that an event of that second wins: which of
            // the two saw the other can't be told, and the event's second will be read again.
            observed_at: asked_at,
            api_version: Some(version.clone()),
            context: None,
            payload: object.payload,
        };
        Ok(objects.into_iter().map(record).collect())
    }

    fn position(&self) -> Position {
        Position::Listing(Listing {
            kind: self.kind,
            started_at: self.started_at,
            windows: self.windows.to_cursor(),
        })
    }

    /// What there is to say where nothing is left to ask for: why, or that the plan is at its end. So it may be from the
    /// start, where the windows that were left are of resources that are not wanted any more.
    fn without_a_request(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        match self.trouble.take() {
            Some(error) => Err(error),
            None if self.started_at.is_some() && self.windows.all_done() => {
                Ok(Some(self.last_page(Vec::new())))
            }
            None => Ok(None),
        }
    }

    fn last_page(&self, records: Vec<RawRecord>) -> FetchedPage {
        let events = self.finished();
        let through = events.through;
        page(records, &Position::Events(events), Some(through))
    }

    fn finished(&self) -> Events {
        let started_at = self.started_at.unwrap_or_default();
        let through = match self.kind {
            ListingKind::Backfill => started_at,
            // Never back: the vendor's clock may have been set.
            ListingKind::Lookback { through } => started_at.max(through),
        };
        Events { through, resources: self.config.resources.clone(), window: None, reread: Vec::new() }
    }
}

fn query(window: &Window) -> Vec<(&'static str, String)> {
    let mut query = vec![("limit", PAGE_SIZE.to_owned())];
    // The same as `gte` in whole seconds; servers that imitate Stripe know `gt` rather than `gte`.
    query.extend(window.created_gte.map(|from| ("created[gt]", from.saturating_sub(1).to_string())));
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
        loop {
            self.ask();
            let Some(answered) = self.asked.join_next().await else {
                self.ended = true;
                return self.without_a_request();
            };
            let (at, answer) = answered.map_err(|crash| SourceError::Malformed {
                request: "stripe: a list".to_owned(),
                what: format!("something that ended its reading: {crash}"),
            })?;
            let answer = match answer {
                Err(error) if is_lost_position(&error) && self.windows.start_over(at) => {
                    // The object that marked the place was deleted; what is stored already is recognised.
                    tracing::warn!("the place in the list is gone; listing the window from its start");
                    continue;
                }
                Err(error) => {
                    self.trouble.get_or_insert(error);
                    continue;
                }
                Ok(answer) => answer,
            };
            let records = self.take(at, answer)?;
            if self.windows.all_done() {
                self.ended = true;
                return Ok(Some(self.last_page(records)));
            }
            return Ok(Some(page(records, &self.position(), None)));
        }
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    fn identity(&self) -> Identity {
        self.api.identity()
    }
}
