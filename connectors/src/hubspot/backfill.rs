//! Fetching everything: what is live, by a list or by searches, then the bin.
//!
//! Lists know at once of every change, and miss nothing; but they can only be read page after page. So a small account is
//! listed, and a large one searched, several ranges of ids at once. What searches did not show is looked up by its id before
//! it counts as gone.

use async_trait::async_trait;
use buffalo_model::{Identity, RawRecord, RequestCounts};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::api::{HubSpotApi, LATE, LATE_OVERLAP, Part, SEARCH_PAGE, no_way_on};
use super::context::Account;
use super::lists::Lists;
use super::objects::{Object, ObjectPage};
use super::page;
use super::position::{Changes, IdWindow, Listing, Position};
use super::records::records;
use super::resource::Resource;
use super::windows::{NoWayOn, PageRead, Windows};
use crate::connector::{FetchedPage, Pages, SourceError, Sweep};
use crate::http::Answer;

/// How far the clocks that date changes and answers may be apart.
pub(super) const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(60);

/// Live objects of an account that is listed: as many as ten pages, which take a second or two.
const LISTED_AT_MOST: u64 = 1_000;

/// Lists what is live, or searches all windows to their ends, several at once; then lists the bin. The incremental position
/// comes only with the last page, and begins before the first one was asked for: what changes meanwhile is found from there.
/// With the last page everything has been seen, so what was not may be gone, however long ago.
pub(super) struct BackfillPages {
    api: HubSpotApi,
    lists: Lists,
    resource: Resource,
    pages_at_once: usize,
    account: Account,
    /// A time before the first request of the backfill, by HubSpot's clock.
    began_at: Option<DateTime<Utc>>,
    /// None before the first page, when it is not known how large the account is.
    windows: Option<Windows>,
    live_after: Option<String>,
    by_list: bool,
    bin_after: Option<String>,
    /// Searches under way. Dropping the set ends them.
    asked: JoinSet<(usize, Result<Answer<ObjectPage>, SourceError>)>,
    /// Why nothing more is asked for. It is told when the pages that were under way are given out.
    trouble: Option<SourceError>,
    ended: bool,
}

impl BackfillPages {
    pub(super) fn new(api: HubSpotApi, resource: Resource, listing: Listing, pages_at_once: usize) -> Self {
        Self {
            lists: Lists::new(api.clone(), resource),
            api,
            resource,
            pages_at_once,
            account: Account::default(),
            began_at: listing.began_ms.and_then(DateTime::from_timestamp_millis),
            windows: listing.windows.map(Windows::new),
            live_after: listing.live_after,
            by_list: listing.by_list,
            bin_after: listing.bin_after,
            asked: JoinSet::new(),
            trouble: None,
            ended: false,
        }
    }

    fn ask(&mut self) {
        // The first request goes alone: where the token is wrong or HubSpot is away, it is enough.
        let at_once = if self.began_at.is_none() { 1 } else { self.pages_at_once };
        while self.trouble.is_none()
            && self.asked.len() < at_once
            && let Some((number, search)) =
                self.windows.as_mut().and_then(|windows| windows.ask(self.pages_at_once))
        {
            let (api, resource) = (self.api.clone(), self.resource);
            let asking = async move { (number, api.search(resource, search).await) };
            self.asked.spawn(asking.in_current_span());
        }
    }

    /// The time before the first request, which this answer may be that of.
    fn began_at(&mut self, asked_at: DateTime<Utc>) -> DateTime<Utc> {
        *self.began_at.get_or_insert(asked_at - CLOCK_MARGIN)
    }

    /// Everything that a search shows was so at this time at the latest.
    fn searched_at(began_at: DateTime<Utc>) -> DateTime<Utc> {
        began_at - LATE - LATE_OVERLAP
    }

    /// Reads the first page of the list, and finds out whether to go on with the list.
    async fn begin(&mut self) -> Result<FetchedPage, SourceError> {
        let answer = self.lists.page(Part::Live, None).await?;
        self.began_at(answer.asked_at);
        if answer.value.next.is_some() {
            let mut windows = Windows::new(vec![IdWindow::default()]);
            if let Some((number, search)) = windows.ask(self.pages_at_once) {
                let found = self.api.search(self.resource, search).await?;
                if found.value.total.is_none_or(|total| total > LISTED_AT_MOST) {
                    self.windows = Some(windows);
                    return self.take(number, found).await;
                }
            }
        }
        self.windows = Some(Windows::new(Vec::new()));
        self.by_list = true;
        self.take_live(answer).await
    }

    async fn take_live(&mut self, answer: Answer<ObjectPage>) -> Result<FetchedPage, SourceError> {
        let Answer { value: listed, asked_at } = answer;
        self.live_after = listed.next;
        let records = self.listed(Part::Live, listed.objects, asked_at).await?;
        Ok(self.page(records))
    }

    /// The objects of a list as records.
    async fn listed(
        &mut self,
        part: Part,
        objects: Vec<Object>,
        asked_at: DateTime<Utc>,
    ) -> Result<Vec<RawRecord>, SourceError> {
        let began_at = self.began_at(asked_at);
        let contexts = self.account.contexts(&self.api, self.resource, part, &objects).await?;
        let seen_at = Some(began_at.max(asked_at - CLOCK_MARGIN));
        Ok(records(&self.api, objects, contexts, asked_at, seen_at))
    }

    async fn take(&mut self, number: usize, answer: Answer<ObjectPage>) -> Result<FetchedPage, SourceError> {
        let Answer { value: found, asked_at } = answer;
        let began_at = self.began_at(asked_at);
        // As numbers: ids differ in length.
        let ids: Vec<u64> = found.objects.iter().filter_map(|object| object.id.parse().ok()).collect();
        let more = found.next.is_some() || found.objects.len() >= SEARCH_PAGE;
        let read = PageRead { ids, total: found.total, more };
        if let Some(windows) = &mut self.windows {
            windows.note(number, &read).map_err(|NoWayOn| no_way_on(self.resource))?;
        }
        let contexts = self.account.contexts(&self.api, self.resource, Part::Live, &found.objects).await?;
        let seen_at = Some(Self::searched_at(began_at));
        Ok(self.page(records(&self.api, found.objects, contexts, asked_at, seen_at)))
    }

    async fn list_bin(&mut self) -> Result<FetchedPage, SourceError> {
        let answer = self.lists.page(Part::Bin, self.bin_after.as_deref()).await?;
        let Answer { value: listed, asked_at } = answer;
        let began_at = self.began_at(asked_at);
        let records = self.listed(Part::Bin, listed.objects, asked_at).await?;
        self.bin_after = listed.next;
        if self.bin_after.is_some() {
            return Ok(self.page(records));
        }
        self.ended = true;
        let changes =
            Changes { through_ms: began_at.timestamp_millis(), late_ms: None, window: None, bin_after: None };
        let seen_since = if self.by_list { began_at } else { Self::searched_at(began_at) };
        Ok(FetchedPage {
            data_through: Some(began_at),
            sweep: Some(Sweep { id_prefix: String::new(), began_at: seen_since }),
            ..page(records, &Position::Changes(changes))
        })
    }

    fn page(&self, records: Vec<RawRecord>) -> FetchedPage {
        page(
            records,
            &Position::Listing(Listing {
                began_ms: self.began_at.map(|began_at| began_at.timestamp_millis()),
                live_after: self.live_after.clone(),
                by_list: self.by_list,
                windows: self.windows.as_ref().map(Windows::to_cursor),
                bin_after: self.bin_after.clone(),
            }),
        )
    }
}

#[async_trait]
impl Pages for BackfillPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        if self.windows.is_none() {
            return self.begin().await.map(Some);
        }
        if self.live_after.is_some() {
            let answer = self.lists.page(Part::Live, self.live_after.as_deref()).await?;
            return self.take_live(answer).await.map(Some);
        }
        loop {
            self.ask();
            let Some(answered) = self.asked.join_next().await else { break };
            let (number, answer) = answered.map_err(|crash| SourceError::Malformed {
                request: "hubspot: a search".to_owned(),
                what: format!("something that ended its reading: {crash}"),
            })?;
            match answer {
                Ok(answer) => return self.take(number, answer).await.map(Some),
                Err(error) => drop(self.trouble.get_or_insert(error)),
            }
        }
        match self.trouble.take() {
            Some(trouble) => {
                self.ended = true;
                Err(trouble)
            }
            None if self.ended => Ok(None),
            None => self.list_bin().await.map(Some),
        }
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    fn identity(&self) -> Identity {
        self.api.identity()
    }
}
