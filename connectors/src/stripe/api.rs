//! Stripe's endpoints, one function each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use buffalo_model::{Circuit, Identity, RequestCounts};
use chrono::{DateTime, Utc};

use super::config::{MODE, StripeConfig, mode};
use super::objects::{EventPage, ListPage, ListedObject, read_events, read_list, read_list_of, read_object};
use super::resource::Resource;
use crate::connector::{NO_SUCH_REQUEST, SourceError};
use crate::http::{Answer, HttpClient, Request};

/// The account's API in the pinned version.
#[derive(Debug, Clone)]
pub(super) struct StripeApi {
    client: HttpClient,
    version: Arc<str>,
    context: Option<Arc<str>>,
    modes: Arc<ModesSeen>,
}

impl StripeApi {
    pub(super) fn new(client: HttpClient, config: &StripeConfig) -> Self {
        Self {
            client,
            version: config.api_version.as_str().into(),
            context: config.context.as_deref().map(Arc::from),
            modes: Arc::default(),
        }
    }

    /// The same API, counting requests for one run, and learning for it whose data the answers are.
    pub(super) fn for_run(&self) -> Self {
        Self { client: self.client.with_own_counter(), modes: Arc::default(), ..self.clone() }
    }

    /// Whose data the answers of this run are, as far as they said.
    pub(super) fn identity(&self) -> Identity {
        self.modes.identity()
    }

    /// Our clock.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.client.now()
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
        let answer = self.get(resource.path(), query, |body| read_list(body, resource)).await?;
        let broken = answer.value.has_more && answer.value.objects.iter().all(|object| object.id.is_none());
        no_way_on(broken, resource.path())?;
        self.modes.note(answer.value.objects.iter().map(|object| object.livemode));
        Ok(answer)
    }

    /// A page of the refunds or disputes of a charge.
    pub(super) async fn list_of_charge(
        &self,
        resource: Resource,
        charge: &str,
        after: Option<String>,
    ) -> Result<Answer<ListPage>, SourceError> {
        let mut query = vec![("limit", "100".to_owned()), ("charge", charge.to_owned())];
        query.extend(after.map(|after| ("starting_after", after)));
        let read = |body: &[u8]| read_list_of(body, resource, charge);
        let answer = self.get(resource.path(), &query, read).await?;
        self.modes.note(answer.value.objects.iter().map(|object| object.livemode));
        Ok(answer)
    }

    /// A page of events, newest first.
    pub(super) async fn events(&self, query: &[(&str, String)]) -> Result<Answer<EventPage>, SourceError> {
        let answer = self.get("/v1/events", query, read_events).await?;
        no_way_on(answer.value.has_more && answer.value.events.is_empty(), "/v1/events")?;
        self.modes.note(answer.value.events.iter().flat_map(|event| [event.livemode, event.object.livemode]));
        Ok(answer)
    }

    /// One object as it is now.
    pub(super) async fn retrieve(
        &self,
        resource: Resource,
        id: &str,
    ) -> Result<Answer<ListedObject>, SourceError> {
        if !can_be_asked_for(id) {
            return Err(not_by_id(id));
        }
        let path = format!("{}/{id}", resource.path());
        let answer = self.get(&path, &[], |body| read_object(body, resource, id)).await?;
        self.modes.note([answer.value.livemode]);
        Ok(answer)
    }

    async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, String)],
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Answer<T>, SourceError> {
        let mut headers = vec![("Stripe-Version", &*self.version)];
        headers.extend(self.context.as_deref().map(|context| ("Stripe-Context", context)));
        self.client.get(&Request { path, query, headers: &headers, post: None }, read).await
    }
}

/// Whether objects of test data and of live data were seen.
#[derive(Debug, Default)]
struct ModesSeen {
    test: AtomicBool,
    live: AtomicBool,
}

impl ModesSeen {
    fn note(&self, livemodes: impl IntoIterator<Item = Option<bool>>) {
        for livemode in livemodes.into_iter().flatten() {
            let seen = if livemode { &self.live } else { &self.test };
            seen.store(true, Ordering::Relaxed);
        }
    }

    fn identity(&self) -> Identity {
        let unknown = Identity::unknown();
        match (self.test.load(Ordering::Relaxed), self.live.load(Ordering::Relaxed)) {
            (false, false) => unknown,
            // Objects of both modes fit neither.
            (true, true) => unknown.with(MODE, "test and live"),
            (_, livemode) => unknown.with(MODE, mode(livemode)),
        }
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

/// Whether an id is one of Stripe's; anything else would be a part of an address.
pub(super) fn can_be_asked_for(id: &str) -> bool {
    Resource::of_id(id).is_some() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// No request of Stripe's API is for such an id.
pub(super) fn not_by_id(id: &str) -> SourceError {
    SourceError::Refused {
        request: "stripe: a record by its id".to_owned(),
        status: NO_SUCH_REQUEST,
        code: None,
        param: None,
        message: format!("`{}` is no id of a charge, refund or dispute", id.escape_default()),
    }
}

/// Whether Stripe says of this very id that there is no such object. Any other 404 may be that of a proxy, and an object that
/// exists in the other mode is not gone.
pub(super) fn is_gone(error: &SourceError, id: &str) -> bool {
    matches!(error, SourceError::Refused { status: 404, code: Some(code), message, .. }
        if code == "resource_missing" &&  message.contains(id) && !message.contains("similar object exists"))
}

/// Whether Stripe does not know the object after which a page should begin, so that the position is of no use.
pub(super) fn is_lost_position(error: &SourceError) -> bool {
    matches!(error, SourceError::Refused { code: Some(code), param: Some(param), .. }
        if code == "resource_missing" && param == "starting_after")
}
