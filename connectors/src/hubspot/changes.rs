//! Following changes: what was edited since the last run, and what was deleted.
//!
//! Searches have properties that shape this file. A bulk edit stamps any number of objects with one millisecond, and an
//! offset can't reach beyond ten thousand results: so the window of time is fixed and its results are read by id, each
//! page beginning after the greatest id of the one before. Results lag behind, so the position stays a minute behind now
//! and every window reaches ten minutes further back. The window itself ends with the run's beginning, not with the
//! position: otherwise an object that is edited every minute would never be in one. What is edited while the window is
//! being read leaves it, and is found by the next run. Now and then a search shows a change an hour late: the same request
//! asks once more for what changed an hour ago.
//!
//! Searches do not show the bin. It is listed by id, not by time of deletion, so each run looks at some of it and the
//! next run goes on where that one stopped.

use async_trait::async_trait;
use buffalo_model::{Identity, RequestCounts};
use chrono::{DateTime, TimeDelta, Utc};

use super::api::{HubSpotApi, LATE, LATE_OVERLAP, Part, SEARCH_LAG, SEARCH_PAGE, Search, no_way_on};
use super::context::Account;
use super::lists::Lists;
use super::page;
use super::position::{Changes, Position, SearchWindow};
use super::records::records;
use super::resource::Resource;
use crate::connector::{FetchedPage, Pages, SourceError};

/// How far the position stays behind HubSpot's clock.
pub(super) const TRAIL: TimeDelta = TimeDelta::seconds(60);
/// The requests that an idle run may make.
const IDLE_REQUESTS: u64 = 3;

/// Reads a window of changes, then some of the bin.
pub(super) struct ChangePages {
    api: HubSpotApi,
    lists: Lists,
    resource: Resource,
    position: Changes,
    account: Account,
    until_ms: i64,
    searched: u64,
    phase: Phase,
}

enum Phase {
    Search,
    Bin { pages: u64 },
    Ended,
}

impl ChangePages {
    pub(super) fn new(api: HubSpotApi, resource: Resource, position: Changes, now: DateTime<Utc>) -> Self {
        let until_ms = now.timestamp_millis();
        Self {
            lists: Lists::new(api.clone(), resource),
            api,
            resource,
            position,
            account: Account::default(),
            until_ms,
            searched: 0,
            phase: Phase::Search,
        }
    }

    async fn search(&mut self) -> Result<FetchedPage, SourceError> {
        // Never back: a clock may have been set.
        let fresh = self.until_ms.max(self.position.through_ms);
        let unfinished = self.position.window;
        let (until_ms, after_id) = unfinished.map_or((fresh, 0), |window| (window.until_ms, window.after_id));
        let from_ms = self.position.through_ms.saturating_sub(SEARCH_LAG.num_milliseconds());
        let late_ms = match unfinished {
            Some(window) => window.late_ms,
            None => Some(hour_before(until_ms)),
        };
        let late_ms = late_ms.max(self.position.late_ms);
        let late_from_ms = self.position.late_ms.unwrap_or(hour_before(self.position.through_ms));
        let late_from_ms = late_from_ms.saturating_sub(LATE_OVERLAP.num_milliseconds());
        let search = Search {
            changed_ms: Some((from_ms, until_ms)),
            or_changed_ms: late_ms
                .map(|late_ms| (late_from_ms, late_ms))
                .filter(|(from, until)| from < until),
            after_id,
            ..Search::ALL
        };
        let answer = self.api.search(self.resource, search).await?;
        self.searched += 1;
        // Our clock may be ahead of HubSpot's, and what it has not come to yet can't have been found.
        let settled_ms = until_ms.min(answer.asked_at.timestamp_millis()) - TRAIL.num_milliseconds();
        let through_ms = unfinished.map_or(settled_ms, |window| window.through_ms);
        let through_ms = through_ms.max(self.position.through_ms);
        let looked_at_ms = hour_before(answer.asked_at.timestamp_millis());
        let late_ms = late_ms.map(|late_ms| late_ms.min(looked_at_ms)).max(self.position.late_ms);
        let objects = answer.value.objects;
        let more = answer.value.next.is_some() || objects.len() >= SEARCH_PAGE;
        // As numbers: ids differ in length.
        let greatest = objects.iter().filter_map(|object| object.id.parse::<u64>().ok()).max();
        let contexts = self.account.contexts(&self.api, self.resource, Part::Live, &objects).await?;
        let records = records(&self.api, objects, contexts, answer.asked_at, None);
        if more {
            let after_id = greatest.filter(|id| *id > after_id).ok_or_else(|| no_way_on(self.resource))?;
            self.position.window = Some(SearchWindow { until_ms, through_ms, late_ms, after_id });
        } else {
            self.position.window = None;
            self.position.through_ms = through_ms;
            self.position.late_ms = late_ms;
            self.phase = Phase::Bin { pages: 0 };
        }
        Ok(page(records, &Position::Changes(self.position.clone())))
    }

    async fn look_into_bin(&mut self, pages: u64) -> Result<FetchedPage, SourceError> {
        let after = self.position.bin_after.take();
        let answer = self.lists.page(Part::Bin, after.as_deref()).await?;
        let next = answer.value.next;
        let objects = answer.value.objects;
        let contexts = self.account.contexts(&self.api, self.resource, Part::Bin, &objects).await?;
        let records = records(&self.api, objects, contexts, answer.asked_at, None);
        let pages = pages + 1;
        // A busy run may look at as many pages of the bin as it searched, an idle one makes no more than its few requests.
        let may_go_on = pages < self.searched || self.api.requests().made < IDLE_REQUESTS;
        let done = next.is_none() || !may_go_on;
        self.phase = if done { Phase::Ended } else { Phase::Bin { pages } };
        self.position.bin_after = next;
        let data_through = DateTime::from_timestamp_millis(self.position.through_ms).filter(|_| done);
        Ok(FetchedPage { data_through, ..page(records, &Position::Changes(self.position.clone())) })
    }
}

/// The hour is that after which changes are searched for a second time.
fn hour_before(ms: i64) -> i64 {
    ms.saturating_sub(LATE.num_milliseconds())
}

#[async_trait]
impl Pages for ChangePages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        match self.phase {
            Phase::Search => self.search().await.map(Some),
            Phase::Bin { pages } => self.look_into_bin(pages).await.map(Some),
            Phase::Ended => Ok(None),
        }
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    fn identity(&self) -> Identity {
        self.api.identity()
    }
}
