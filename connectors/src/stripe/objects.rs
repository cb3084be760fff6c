//! The parts of Stripe's answers that are read, and nothing more: everything else stays in the raw record.

use std::borrow::Cow;

use buffalo_model::ContentHash;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::resource::Resource;
use crate::http::VendorError;

/// A page of a list, each object as the bytes it came in.
#[derive(Debug)]
pub(super) struct ListPage {
    pub(super) objects: Vec<ListedObject>,
    pub(super) has_more: bool,
}

/// An object of a list.
#[derive(Debug)]
pub(super) struct ListedObject {
    /// None where the object has no id, which Stripe never does; the record is kept all the same.
    pub(super) id: Option<String>,
    /// When it was created, in seconds since 1970.
    pub(super) created: Option<i64>,
    /// Whether it is live data; refunds do not say.
    pub(super) livemode: Option<bool>,
    /// What `object` says: `charge`, `refund`, …; empty where it says nothing.
    pub(super) kind: String,
    pub(super) payload: String,
}

impl ListedObject {
    fn of(raw: &RawValue) -> Self {
        let Head { id, created, livemode, kind } = Head::of(raw.get());
        Self { id, created, livemode, kind, payload: raw.get().to_owned() }
    }

    /// The id under which the record is stored: Stripe's, or one made of the content.
    pub(super) fn external_id(&self) -> String {
        self.id.clone().unwrap_or_else(|| unidentified(&self.payload))
    }
}

/// A made-up id for a record that has none, the same for the same content.
pub(super) fn unidentified(payload: &str) -> String {
    let hash = ContentHash::of(payload);
    let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("unidentified:{hex}")
}

/// What is read of every object, before it is stored as it came.
#[derive(Default)]
struct Head {
    id: Option<String>,
    created: Option<i64>,
    livemode: Option<bool>,
    kind: String,
}

impl Head {
    fn of(object: &str) -> Self {
        #[derive(Deserialize)]
        struct Members<'a> {
            #[serde(borrow)]
            id: Option<Cow<'a, str>>,
            #[serde(borrow)]
            created: Option<&'a RawValue>,
            #[serde(borrow)]
            livemode: Option<&'a RawValue>,
            #[serde(borrow)]
            object: Option<&'a RawValue>,
        }
        let Ok(members) = serde_json::from_str::<Members<'_>>(object) else { return Self::default() };
        Self {
            id: members.id.filter(|id| !id.is_empty()).map(Cow::into_owned),
            created: members.created.and_then(|created| created.get().parse().ok()),
            livemode: members.livemode.and_then(|livemode| livemode.get().parse().ok()),
            kind: members.object.and_then(|kind| serde_json::from_str(kind.get()).ok()).unwrap_or_default(),
        }
    }
}

/// Whether a stored payload is live data, where it says so.
pub(super) fn livemode_of(payload: &str) -> Option<bool> {
    Head::of(payload).livemode
}

/// Reads a list of one kind of object. An object that says that it is of another kind means that another list was sent. One
/// that says nothing is kept, for a person to look at.
pub(super) fn read_list(body: &[u8], resource: Resource) -> Result<ListPage, String> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
        has_more: bool,
    }
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let objects: Vec<_> = envelope.data.into_iter().map(ListedObject::of).collect();
    if objects.iter().any(|object| !object.kind.is_empty() && object.kind != resource.object()) {
        return Err(format!("it has objects that are not {resource}"));
    }
    Ok(ListPage { objects, has_more: envelope.has_more })
}

/// Reads the list of what belongs to one charge, which every object of it must name.
pub(super) fn read_list_of(body: &[u8], resource: Resource, charge: &str) -> Result<ListPage, String> {
    let page = read_list(body, resource)?;
    if page.objects.iter().any(|object| charge_of(&object.payload).as_deref() != Some(charge)) {
        return Err(format!("it has {resource} of another charge than the one that was asked for"));
    }
    Ok(page)
}

/// The charge that a refund or dispute names.
fn charge_of(payload: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claim {
        charge: Reference,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reference {
        Id(String),
        Expanded { id: String },
    }
    match serde_json::from_str::<Claim>(payload).ok()?.charge {
        Reference::Id(id) | Reference::Expanded { id } => Some(id),
    }
}

/// Reads the object that was asked for by its id. Any other JSON, and any other object, is not understood: a proxy or a
/// cache may answer with another request's object.
pub(super) fn read_object(body: &[u8], resource: Resource, id: &str) -> Result<ListedObject, String> {
    let raw: &RawValue = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let object = ListedObject::of(raw);
    if object.id.as_deref() != Some(id) || object.kind != resource.object() {
        return Err(format!("it is not the {} that was asked for", resource.object()));
    }
    Ok(object)
}

/// An event, with the object it is about as it was then.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    /// In whole seconds since 1970.
    pub(super) created: i64,
    pub(super) api_version: Option<String>,
    pub(super) livemode: Option<bool>,
    pub(super) object: ListedObject,
}

/// A page of events, newest first.
#[derive(Debug)]
pub(super) struct EventPage {
    pub(super) events: Vec<Event>,
    pub(super) has_more: bool,
}

/// Reads a page of events.
pub(super) fn read_events(body: &[u8]) -> Result<EventPage, String> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        data: Vec<EventItem<'a>>,
        has_more: bool,
    }
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if envelope.data.iter().any(|item| item.object.as_deref().is_some_and(|kind| kind != "event")) {
        return Err("it has objects that are not events".to_owned());
    }
    Ok(EventPage {
        events: envelope.data.into_iter().map(Event::from).collect(),
        has_more: envelope.has_more,
    })
}

/// Reads an event that came alone.
pub(super) fn read_event(body: &[u8]) -> Result<Event, serde_json::Error> {
    let item: EventItem<'_> = serde_json::from_slice(body)?;
    Ok(item.into())
}

#[derive(Deserialize)]
struct EventItem<'a> {
    id: String,
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
    created: i64,
    api_version: Option<String>,
    livemode: Option<bool>,
    #[serde(borrow)]
    data: EventData<'a>,
}

#[derive(Deserialize)]
struct EventData<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

impl From<EventItem<'_>> for Event {
    fn from(item: EventItem<'_>) -> Self {
        Self {
            id: item.id,
            created: item.created,
            api_version: item.api_version,
            livemode: item.livemode,
            object: ListedObject::of(item.data.object),
        }
    }
}

/// Reads the error that Stripe sends with a status of 400 and above.
pub(super) fn read_error(body: &[u8]) -> VendorError {
    #[derive(Deserialize)]
    struct Envelope {
        error: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        message: Option<String>,
        code: Option<String>,
        param: Option<String>,
    }
    match serde_json::from_slice::<Envelope>(body) {
        Ok(Envelope { error }) => VendorError {
            message: error.message.unwrap_or_else(|| "no reason given".to_owned()),
            code: error.code,
            param: error.param,
            ..VendorError::default()
        },
        Err(_) => {
            VendorError { message: "no Stripe error in the answer".to_owned(), ..VendorError::default() }
        }
    }
}
