//! HubSpot's endpoints, one function each.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use buffalo_model::{Circuit, Identity, RequestCounts};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::config::{ApiVersion, HubSpotConfig};
use super::objects::{Object, ObjectPage, PORTAL, read_batch, read_details, read_page, read_pipelines};
use super::pipelines::Pipelines;
use super::resource::Resource;
use crate::connector::SourceError;
use crate::http::{Answer, HttpClient, Request};

/// The most objects HubSpot puts on a page of a list.
const LIST_PAGE: usize = 100;
/// The most objects HubSpot puts on a page of a search.
pub(super) const SEARCH_PAGE: usize = 200;
/// The most objects that are read by their ids at once.
pub(super) const BATCH: usize = 100;
/// How often a search is made whose total contradicts its results, which passes while an index is being renewed.
const MOST_CONTRADICTIONS: u32 = 3;
/// How many empty pages of a search are followed, as many as it may have pages.
const MOST_EMPTY_PAGES: usize = 10_000 / SEARCH_PAGE;

/// Which part of a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Live,
    /// What was deleted in the last ninety days.
    Bin,
}

/// How long a search usually goes on showing what was before a change, at most. HubSpot speaks of moments.
pub(super) const SEARCH_LAG: TimeDelta = TimeDelta::minutes(10);
/// How long one was seen to: what changed is searched for a second time after an hour, and some minutes back from there.
pub(super) const LATE: TimeDelta = TimeDelta::minutes(60);
pub(super) const LATE_OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// What a search asks for: objects whose ids lie in a range, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Search {
    /// Only objects changed from the one moment to the other, in milliseconds since 1970, both included; in one of two such
    /// spans, if a second is given.
    pub(super) changed_ms: Option<Span>,
    pub(super) or_changed_ms: Option<Span>,
    /// The greatest id that is not wanted any more; 0 for none.
    pub(super) after_id: u64,
    /// The greatest id that is wanted.
    pub(super) up_to_id: Option<u64>,
    pub(super) order: Order,
}

impl Search {
    /// Everything, from the smallest id.
    pub(super) const ALL: Self =
        Self { changed_ms: None, or_changed_ms: None, after_id: 0, up_to_id: None, order: Order::Ascending };
}

/// From one moment to another, in milliseconds since 1970, both included.
pub(super) type Span = (i64, i64);

/// Which end of a range a page is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// The account's API.
#[derive(Debug, Clone)]
pub(super) struct HubSpotApi {
    client: HttpClient,
    /// Searches are limited apart from everything else.
    search: HttpClient,
    version: ApiVersion,
    /// The portals that answers were about.
    portals: Arc<Mutex<BTreeSet<u64>>>,
}

impl HubSpotApi {
    pub(super) fn new(client: HttpClient, config: &HubSpotConfig) -> Self {
        let search = client.with_own_rate_limit(config.search_rate_limit_per_sec).with_own_counter();
        Self { client, search, version: config.api_version, portals: Arc::default() }
    }

    /// The same API, counting requests and noting portals for one run.
    pub(super) fn for_run(&self) -> Self {
        let (client, search) = (self.client.with_own_counter(), self.search.with_own_counter());
        Self { client, search, version: self.version, portals: Arc::default() }
    }

    pub(super) fn version(&self) -> &'static str {
        self.version.as_str()
    }

    pub(super) fn requests(&self) -> RequestCounts {
        self.client.requests() + self.search.requests()
    }

    /// Whose data this run was given.
    pub(super) fn identity(&self) -> Identity {
        let portals = self.portals.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<String> = portals.iter().map(u64::to_string).collect();
        match names.is_empty() {
            true => Identity::unknown(),
            // Answers about two portals fit neither.
            false => Identity::unknown().with(PORTAL, names.join(" and ")),
        }
    }

    fn note_portals(&self, portals: impl IntoIterator<Item = Option<u64>>) {
        self.portals.lock().unwrap_or_else(PoisonError::into_inner).extend(portals.into_iter().flatten());
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.client.now()
    }

    pub(super) fn circuit(&self) -> Circuit {
        self.client.circuit()
    }

    /// A page of a list.
    pub(super) async fn list(
        &self,
        resource: Resource,
        part: Part,
        after: Option<&str>,
    ) -> Result<Answer<ObjectPage>, SourceError> {
        let mut query =
            vec![("limit", LIST_PAGE.to_string()), ("properties", resource.properties().join(","))];
        if part == Part::Bin {
            query.push(("archived", "true".to_owned()));
        }
        // An empty `after` would be refused.
        query.extend(after.map(|after| ("after", after.to_owned())));
        let answer = self.get(&self.objects(resource), &query, |body| read_page(resource, body)).await?;
        self.note_portals(answer.value.objects.iter().map(|object| object.portal));
        Ok(answer)
    }

    /// The first page of what a search finds. An empty one that says where it goes on is followed to where there is
    /// something, or the end.
    pub(super) async fn search(
        &self,
        resource: Resource,
        search: Search,
    ) -> Result<Answer<ObjectPage>, SourceError> {
        let mut after: Option<String> = None;
        let mut contradictions = 0;
        for _ in 0..MOST_EMPTY_PAGES {
            let answer = self.search_page(resource, search, after.as_deref()).await?;
            if after.is_none() && answer.value.contradicts_itself() {
                contradictions += 1;
                if contradictions < MOST_CONTRADICTIONS {
                    continue;
                }
                let (total, shown) = (answer.value.total.unwrap_or_default(), answer.value.objects.len());
                return Err(SourceError::Malformed {
                    request: format!("hubspot: a search for {}", resource.as_str()),
                    what: format!("{shown} results and a total of {total}"),
                });
            }
            let next = answer.value.next.as_ref().filter(|_| answer.value.objects.is_empty());
            match next {
                Some(next) if after.as_ref() != Some(next) => after = Some(next.clone()),
                _ => return Ok(answer),
            }
        }
        Err(no_way_on(resource))
    }

    async fn search_page(
        &self,
        resource: Resource,
        search: Search,
        after: Option<&str>,
    ) -> Result<Answer<ObjectPage>, SourceError> {
        let filter = |property: &str, operator: &str, value: String| json!({ "propertyName": property, "operator": operator, "value": value });
        let mut of_ids = Vec::new();
        if search.after_id > 0 {
            of_ids.push(filter("hs_object_id", "GT", search.after_id.to_string()));
        }
        of_ids.extend(search.up_to_id.map(|id| filter("hs_object_id", "LTE", id.to_string())));
        let modified = resource.modified_property();
        let within = |(from_ms, until_ms): Span| {
            let mut filters = vec![
                filter(modified, "GTE", from_ms.to_string()),
                filter(modified, "LTE", until_ms.to_string()),
            ];
            filters.extend(of_ids.iter().cloned());
            json!({ "filters": filters })
        };
        let spans = search.changed_ms.into_iter().chain(search.or_changed_ms);
        let mut groups: Vec<_> = spans.map(within).collect();
        if groups.is_empty() && !of_ids.is_empty() {
            groups.push(json!({ "filters": of_ids }));
        }
        let direction = match search.order {
            Order::Ascending => "ASCENDING",
            Order::Descending => "DESCENDING",
        };
        let mut body = json!({
            "filterGroups": groups,
            "sorts": [{ "propertyName": "hs_object_id", "direction": direction }],
            "properties": resource.properties(),
            "limit": SEARCH_PAGE,
        });
        // On a first page HubSpot refuses it.
        if let Some(after) = after {
            body["after"] = json!(after);
        }
        let path = format!("{}/search", self.objects(resource));
        let request = Request { path: &path, query: &[], headers: &[], post: Some(&body.to_string()) };
        let answer = self.search.get(&request, |body| read_page(resource, body)).await?;
        self.note_portals(answer.value.objects.iter().map(|object| object.portal));
        Ok(answer)
    }

    /// Those of these objects, at most [`BATCH`], that are in this part.
    pub(super) async fn batch(
        &self,
        resource: Resource,
        part: Part,
        ids: &[&str],
    ) -> Result<Answer<Vec<Object>>, SourceError> {
        let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        let body = json!({ "properties": resource.properties(), "inputs": inputs }).to_string();
        let query: &[(&str, String)] = match part {
            Part::Live => &[],
            Part::Bin => &[("archived", "true".to_owned())],
        };
        let path = format!("{}/batch/read", self.objects(resource));
        let request = Request { path: &path, query, headers: &[], post: Some(&body) };
        let answer = self.client.get(&request, |body| read_batch(resource, body, ids)).await?;
        self.note_portals(answer.value.iter().map(|object| object.portal));
        Ok(answer)
    }

    /// The account's pipelines of deals.
    pub(super) async fn pipelines(&self) -> Result<Pipelines, SourceError> {
        let path = match self.version {
            ApiVersion::Y2026M09 => "/crm/pipelines/2026-09/deals",
            ApiVersion::V3 => "/crm/v3/pipelines/deals",
        };
        Ok(self.get(path, &[], read_pipelines).await?.value)
    }

    /// The currency of deals that name none.
    pub(super) async fn company_currency(&self) -> Result<Option<String>, SourceError> {
        let path = match self.version {
            ApiVersion::Y2026M09 => "/account-info/2026-09/details",
            ApiVersion::V3 => "/account-info/v3/details",
        };
        let details = self.get(path, &[], read_details).await?.value;
        self.note_portals([details.portal_id]);
        Ok(details.currency())
    }

    /// Makes sure that objects can be listed and searched for.
    pub(super) async fn probe(&self, resource: Resource) -> Result<(), SourceError> {
        self.get(&self.objects(resource), &[("limit", "1".to_owned())], |body| read_page(resource, body))
            .await?;
        let nothing = Search { changed_ms: Some((0, 0)), ..Search::ALL };
        self.search(resource, nothing).await?;
        Ok(())
    }

    fn objects(&self, resource: Resource) -> String {
        let name = resource.as_str();
        match self.version {
            ApiVersion::Y2026M09 => format!("/crm/objects/2026-09/{name}"),
            ApiVersion::V3 => format!("/crm/v3/objects/{name}"),
        }
    }

    async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, String)],
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Answer<T>, SourceError> {
        self.client.get(&Request { path, query, headers: &[], post: None }, read).await
    }
}

/// The error for a page that would be asked for again and again.
pub(super) fn no_way_on(resource: Resource) -> SourceError {
    SourceError::Malformed {
        request: format!("hubspot: a page of {}", resource.as_str()),
        what: "a page that says there is more and leads back to itself".to_owned(),
    }
}
