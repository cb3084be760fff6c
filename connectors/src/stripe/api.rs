//! Stripe's endpoints, one function each.

use std::sync::Arc;

use buffalo_model::{Circuit, RequestCounts};

use super::config::StripeConfig;
use super::objects::{EventPage, ListPage, ListedObject, read_events, read_list, read_object};
use super::resource::Resource;
use crate::connector::SourceError;
use crate::http::{Answer, HttpClient, Request};

/// The account's API in the pinned version.
#[derive(Debug, Clone)]
pub(super) struct StripeApi {
    client: HttpClient,
    version: Arc<str>,
}

impl StripeApi {
    pub(super) fn new(client: HttpClient, config: &StripeConfig) -> Self {
        Self { client, version: config.api_version.as_str().into() }
    }

    /// The same API, counting requests for one run.
    pub(super) fn for_run(&self) -> Self {
        Self { client: self.client.with_own_counter(), version: Arc::clone(&self.version) }
    }

    pub(super) fn circuit(&self) -> Circuit {
        self.client.circuit()
    }

    pub(super) fn requests(&self) -> RequestCounts {
        self.client.requests()
    }

    /// A page of a list.
    pub(super) async fn list(
        &self,
        resource: Resource,
        query: &[(&str, String)],
    ) -> Result<Answer<ListPage>, SourceError> {
        let answer = self.get(resource.path(), query, read_list).await?;
        let broken = answer.value.has_more && answer.value.objects.iter().all(|object| object.id.is_none());
        no_way_on(broken, resource.path())?;
        Ok(answer)
    }

    /// A page of events, newest first.
    pub(super) async fn events(&self, query: &[(&str, String)]) -> Result<Answer<EventPage>, SourceError> {
        let answer = self.get("/v1/events", query, read_events).await?;
        no_way_on(answer.value.has_more && answer.value.events.is_empty(), "/v1/events")?;
        Ok(answer)
    }

    /// One object as it is now.
    pub(super) async fn retrieve(
        &self,
        resource: Resource,
        id: &str,
    ) -> Result<Answer<ListedObject>, SourceError> {
        self.get(&format!("{}/{id}", resource.path()), &[], read_object).await
    }

    async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, String)],
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Answer<T>, SourceError> {
        let headers = [("Stripe-Version", &*self.version)];
        self.client.get(&Request { path, query, headers: &headers, post: None }, read).await
    }
}

/// A page that promises more and holds nothing to continue from would be asked for again and again.
fn no_way_on(broken: bool, path: &str) -> Result<(), SourceError> {
    if !broken {
        return Ok(());
    }
    let what = "a page that says there is more and names no object to continue from".to_owned();
    Err(SourceError::Malformed { request: format!("stripe: GET {path}"), what })
}

/// Whether Stripe does not know the object after which a page should begin, so that the position is of no use.
pub(super) fn is_lost_position(error: &SourceError) -> bool {
    matches!(error, SourceError::Refused { code: Some(code), param: Some(param), .. }
        if code == "resource_missing" && param == "starting_after")
}
