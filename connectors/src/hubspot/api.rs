//! HubSpot's endpoints, one function each.

use buffalo_model::{Circuit, RequestCounts};
use chrono::TimeDelta;
use serde_json::json;

use super::config::{ApiVersion, HubSpotConfig};
use super::objects::{ObjectPage, read_company_currency, read_page, read_pipelines};
use super::pipelines::Pipelines;
use super::resource::Resource;
use crate::connector::SourceError;
use crate::http::{Answer, HttpClient, Request};

/// The most objects HubSpot puts on a page of a list.
const LIST_PAGE: usize = 100;
/// The most objects HubSpot puts on a page of a search.
pub(super) const SEARCH_PAGE: usize = 200;
/// How many empty pages of a search are followed, as many as it may have pages.
const MOST_EMPTY_PAGES: usize = 10_000 / SEARCH_PAGE;

/// Which part of a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Live,
    /// What was deleted in the last ninety days.
    Bin,
}

/// How long a search may go on showing what was before a change. HubSpot speaks of moments.
pub(super) const SEARCH_LAG: TimeDelta = TimeDelta::minutes(10);

/// What a search asks for: objects whose ids lie in a range, by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Search {
    /// Only objects changed from the one moment to the other, in milliseconds since 1970, both included.
    pub(super) changed_ms: Option<(i64, i64)>,
    /// The greatest id that is not wanted any more; 0 for none.
    pub(super) after_id: u64,
    /// The greatest id that is wanted.
    pub(super) up_to_id: Option<u64>,
    pub(super) order: Order,
}

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
}

impl HubSpotApi {
    pub(super) fn new(client: HttpClient, config: &HubSpotConfig) -> Self {
        let search = client.with_own_rate_limit(config.search_rate_limit_per_sec).with_own_counter();
        Self { client, search, version: config.api_version }
    }

    /// The same API, counting requests for one run.
    pub(super) fn for_run(&self) -> Self {
        let (client, search) = (self.client.with_own_counter(), self.search.with_own_counter());
        Self { client, search, version: self.version }
    }

    pub(super) fn version(&self) -> &'static str {
        self.version.as_str()
    }

    pub(super) fn requests(&self) -> RequestCounts {
        self.client.requests() + self.search.requests()
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
        self.get(&self.objects(resource), &query, |body| read_page(resource, body)).await
    }

    /// The first page of what a search finds. An empty one that says where it goes on is followed to where there is
    /// something, or the end.
    pub(super) async fn search(
        &self,
        resource: Resource,
        search: Search,
    ) -> Result<Answer<ObjectPage>, SourceError> {
        let mut after: Option<String> = None;
        for _ in 0..MOST_EMPTY_PAGES {
            let answer = self.search_page(resource, search, after.as_deref()).await?;
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
        let mut filters = Vec::new();
        if let Some((from_ms, until_ms)) = search.changed_ms {
            let modified = resource.modified_property();
            filters.push(filter(modified, "GTE", from_ms.to_string()));
            filters.push(filter(modified, "LTE", until_ms.to_string()));
        }
        if search.after_id > 0 {
            filters.push(filter("hs_object_id", "GT", search.after_id.to_string()));
        }
        filters.extend(search.up_to_id.map(|id| filter("hs_object_id", "LTE", id.to_string())));
        let groups = if filters.is_empty() { json!([]) } else { json!([{ "filters": filters }]) };
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
        self.search.get(&request, |body| read_page(resource, body)).await
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
        Ok(self.get(path, &[], read_company_currency).await?.value)
    }

    /// Makes sure that objects can be listed and searched for.
    pub(super) async fn probe(&self, resource: Resource) -> Result<(), SourceError> {
        self.get(&self.objects(resource), &[("limit", "1".to_owned())], |body| read_page(resource, body))
            .await?;
        let nothing =
            Search { changed_ms: Some((0, 0)), after_id: 0, up_to_id: None, order: Order::Ascending };
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
