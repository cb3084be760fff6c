//! HubSpot's endpoints, one function each.

use buffalo_model::Circuit;
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

/// Which part of a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Live,
    /// What was deleted in the last ninety days.
    Bin,
}

/// What a search asks for: objects changed within a range, whose ids come after one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// In milliseconds since 1970, both included.
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
    pub(super) after_id: u64,
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

    pub(super) fn requests_made(&self) -> u64 {
        self.client.requests_made() + self.search.requests_made()
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

    /// A page of what changed, by id.
    pub(super) async fn search(
        &self,
        resource: Resource,
        window: Window,
    ) -> Result<Answer<ObjectPage>, SourceError> {
        let modified = resource.modified_property();
        let filter = |property: &str, operator: &str, value: String| json!({ "propertyName": property, "operator": operator, "value": value });
        let mut filters = vec![
            filter(modified, "GTE", window.from_ms.to_string()),
            filter(modified, "LTE", window.until_ms.to_string()),
        ];
        if window.after_id > 0 {
            filters.push(filter("hs_object_id", "GT", window.after_id.to_string()));
        }
        let search = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
            "properties": resource.properties(),
            "limit": SEARCH_PAGE,
        });
        let path = format!("{}/search", self.objects(resource));
        let request = Request { path: &path, query: &[], headers: &[], search: Some(&search.to_string()) };
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
        self.search(resource, Window { from_ms: 0, until_ms: 0, after_id: 0 }).await?;
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
        self.client.get(&Request { path, query, headers: &[], search: None }, read).await
    }
}

/// Whether HubSpot refuses the place in a list that it gave out itself, so that the place is of no use.
pub(super) fn is_lost_place(error: &SourceError) -> bool {
    matches!(error, SourceError::Refused { status: 400, .. })
}

/// The error for a page that would be asked for again and again.
pub(super) fn no_way_on(resource: Resource) -> SourceError {
    SourceError::Malformed {
        request: format!("hubspot: a page of {}", resource.as_str()),
        what: "a page that says there is more and leads back to itself".to_owned(),
    }
}
