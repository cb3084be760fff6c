//! The parts of HubSpot's answers that are read, and nothing more: everything else stays in the raw record.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pipelines::{Meaning, Pipelines};
use super::resource::Resource;
use crate::http::VendorError;
use crate::text::{Lenient, Scalar, Text};

/// The fact that identifies an account: the number of its portal.
pub(super) const PORTAL: &str = "portal";

/// A page of a list or a search.
#[derive(Debug)]
pub(super) struct ObjectPage {
    pub(super) objects: Vec<Object>,
    /// Where the next page begins, where there is one.
    pub(super) next: Option<String>,
    /// How many objects a search found, those of later pages included.
    pub(super) total: Option<u64>,
}

/// A deal or contact as the bytes it came in, and what fetching has to know of it.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) id: String,
    pub(super) payload: String,
    /// When it last changed: was edited, or put into the bin.
    pub(super) changed_at: Option<DateTime<Utc>>,
    /// Ids of the objects that were merged into it.
    pub(super) merged: Vec<String>,
    /// Only on deals.
    pub(super) pipeline: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) has_currency: bool,
    /// The account that it is of, where its address says so.
    pub(super) portal: Option<u64>,
}

impl ObjectPage {
    /// Whether the first page of a search shows another number of objects than it says that there are.
    pub(super) fn contradicts_itself(&self) -> bool {
        self.next.is_none() && self.total.is_some_and(|total| total != self.objects.len() as u64)
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    paging: Option<Paging>,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct Paging {
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    after: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    url: Text<'a>,
    #[serde(borrow, default)]
    updated_at: Text<'a>,
    #[serde(borrow, default)]
    archived_at: Text<'a>,
    #[serde(borrow, default)]
    properties: Lenient<HeadProperties<'a>>,
}

/// What can't be read of one object must not make its page unreadable.
#[derive(Default, Deserialize)]
#[serde(default)]
struct HeadProperties<'a> {
    #[serde(borrow)]
    hs_object_id: Scalar<'a>,
    #[serde(borrow)]
    hs_lastmodifieddate: Text<'a>,
    #[serde(borrow)]
    lastmodifieddate: Text<'a>,
    #[serde(borrow)]
    hs_merged_object_ids: Text<'a>,
    #[serde(borrow)]
    hs_calculated_merged_vids: Text<'a>,
    #[serde(borrow)]
    deal_currency_code: Text<'a>,
    #[serde(borrow)]
    pipeline: Scalar<'a>,
    #[serde(borrow)]
    dealstage: Scalar<'a>,
}

/// Reads a page.
pub(super) fn read_page(resource: Resource, body: &[u8]) -> Result<ObjectPage, String> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let objects = envelope.results.into_iter().map(|raw| read_object(resource, raw.get()));
    Ok(ObjectPage {
        objects: objects.collect::<Result<_, _>>()?,
        next: envelope.paging.and_then(|paging| paging.next).map(|next| next.after),
        total: envelope.total,
    })
}

/// Reads a batch of objects that were asked for by their ids. What is not in it was not found, and nothing else may have kept
/// HubSpot from reading it: an id that is said to be gone is deleted.
pub(super) fn read_batch(resource: Resource, body: &[u8], ids: &[&str]) -> Result<Vec<Object>, String> {
    #[derive(Deserialize)]
    struct Batch {
        status: Option<String>,
        #[serde(default)]
        errors: Vec<BatchError>,
    }
    #[derive(Deserialize)]
    struct BatchError {
        category: Option<String>,
    }
    let batch: Batch = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if let Some(status) = batch.status.filter(|status| status != "COMPLETE") {
        return Err(format!("a batch that is {}", status.chars().take(40).collect::<String>()));
    }
    let not_found = |error: &BatchError| error.category.as_deref() == Some("OBJECT_NOT_FOUND");
    if !batch.errors.iter().all(not_found) {
        return Err("errors beside OBJECT_NOT_FOUND in a batch".to_owned());
    }
    let objects = read_page(resource, body)?.objects;
    // An object that was merged away is answered with the one into which it was.
    let was_asked_for = |object: &Object| {
        ids.contains(&object.id.as_str()) || object.merged.iter().any(|id| ids.contains(&id.as_str()))
    };
    match objects.iter().find(|object| !was_asked_for(object)) {
        Some(_) => Err("an object that was not asked for".to_owned()),
        None => Ok(objects),
    }
}

fn read_object(resource: Resource, payload: &str) -> Result<Object, String> {
    let head: Head<'_> = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    let properties = head.properties.0;
    if properties.hs_object_id.filled().is_some_and(|id| id != head.id) {
        return Err("an object with two ids".to_owned());
    }
    let modified = match resource {
        Resource::Deals => properties.hs_lastmodifieddate,
        Resource::Contacts => properties.lastmodifieddate,
    };
    let time = |text: &Text<'_>| text.filled().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let merged = [properties.hs_merged_object_ids, properties.hs_calculated_merged_vids];
    let merged = merged.iter().filter_map(Text::filled).flat_map(|list| merged_ids(list, &head.id)).collect();
    Ok(Object {
        payload: payload.to_owned(),
        changed_at: time(&modified).or_else(|| time(&head.updated_at)).max(time(&head.archived_at)),
        merged,
        pipeline: properties.pipeline.filled().map(str::to_owned),
        stage: properties.dealstage.filled().map(str::to_owned),
        has_currency: properties.deal_currency_code.filled().is_some(),
        portal: head.url.filled().and_then(portal_of),
        id: head.id.into_owned(),
    })
}

/// The portal in `https://app.hubspot.com/contacts/PORTAL/record/0-3/ID`.
fn portal_of(url: &str) -> Option<u64> {
    url.split_once("/contacts/")?.1.split('/').next()?.parse().ok()
}

/// The account that a stored object is of, where it says so.
pub(super) fn portal_of_payload(payload: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Addressed<'a> {
        #[serde(borrow)]
        url: Cow<'a, str>,
    }
    portal_of(&serde_json::from_str::<Addressed<'_>>(payload).ok()?.url)
}

/// The ids in `12;34`, or in the older form `12:1700000000000;34:1700000000001`, without the survivor's own.
fn merged_ids(list: &str, own: &str) -> Vec<String> {
    let ids = list.split(';').map(|entry| entry.split(':').next().unwrap_or_default().trim());
    let is_id = |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    ids.filter(is_id).filter(|id| *id != own).map(str::to_owned).collect()
}

/// Reads the account's pipelines.
pub(super) fn read_pipelines(body: &[u8]) -> Result<Pipelines, String> {
    #[derive(Deserialize)]
    struct Envelope {
        results: Vec<Pipeline>,
    }
    #[derive(Deserialize)]
    struct Pipeline {
        id: String,
        stages: Vec<Stage>,
    }
    #[derive(Deserialize)]
    struct Stage {
        id: String,
        #[serde(default)]
        metadata: Metadata,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        is_closed: Option<String>,
        probability: Option<String>,
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let stages = envelope.results.into_iter().flat_map(|pipeline| {
        let Pipeline { id, stages } = pipeline;
        stages.into_iter().map(move |stage| {
            let Metadata { is_closed, probability } = stage.metadata;
            ((id.clone(), stage.id), Meaning::of(is_closed.as_deref(), probability.as_deref()))
        })
    });
    Ok(Pipelines::new(stages))
}

/// What an account says of itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    company_currency: Option<String>,
    pub(super) portal_id: Option<u64>,
}

impl Details {
    /// The currency of deals that name none.
    pub(super) fn currency(self) -> Option<String> {
        self.company_currency.filter(|currency| !currency.is_empty())
    }
}

/// Reads what the account says of itself.
pub(super) fn read_details(body: &[u8]) -> Result<Details, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Reads the error that HubSpot sends with a status of 400 and above.
pub(super) fn read_error(body: &[u8]) -> VendorError {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        message: Option<String>,
        category: Option<String>,
        policy_name: Option<String>,
    }
    match serde_json::from_slice::<Envelope>(body) {
        Ok(error) => VendorError {
            message: error.message.unwrap_or_else(|| "no reason given".to_owned()),
            day_used_up: error.policy_name.as_deref() == Some("DAILY"),
            code: error.policy_name.or(error.category),
            ..VendorError::default()
        },
        Err(_) => {
            VendorError { message: "no HubSpot error in the answer".to_owned(), ..VendorError::default() }
        }
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn merged_ids_come_in_two_forms() {
        assert_eq!(merged_ids("12;34", "34"), ["12"]);
        assert_eq!(merged_ids("12:1700000000000; 34:1;", "1"), ["12", "34"]);
        assert!(merged_ids("", "1").is_empty());
    }

    #[test]
    fn a_page_keeps_the_bytes_and_knows_when_they_changed() {
        let body = r#"{"results":[{"id":"7","properties":{"hs_lastmodifieddate":"2026-01-01T00:00:00.5Z","amount":"1.50"},
            "updatedAt":"2025-01-01T00:00:00Z","archived":true,"archivedAt":"2026-01-02T00:00:00Z",
            "url":"https://app-eu1.hubspot.com/contacts/481/record/0-3/7"}],
            "paging":{"next":{"after":"x"}}}"#;
        let page = read_page(Resource::Deals, body.as_bytes()).unwrap();
        assert_eq!(page.next.as_deref(), Some("x"));
        assert!(page.objects[0].payload.contains(r#""amount":"1.50""#));
        assert_eq!(page.objects[0].changed_at, Some("2026-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!(page.objects[0].portal, Some(481));
        assert_eq!(portal_of_payload(&page.objects[0].payload), Some(481));
        assert_eq!(portal_of_payload(r#"{"gone":"no longer listed"}"#), None);
        assert!(read_page(Resource::Deals, b"<html>").is_err());
    }

    #[test]
    fn a_search_shows_as_many_as_it_says() {
        let contradicts =
            |body: &str| read_page(Resource::Deals, body.as_bytes()).unwrap().contradicts_itself();
        assert!(contradicts(r#"{"total":40,"results":[]}"#));
        assert!(contradicts(r#"{"total":0,"results":[{"id":"1"}]}"#));
        assert!(!contradicts(r#"{"total":1,"results":[{"id":"1"}]}"#));
        assert!(!contradicts(r#"{"total":40,"results":[],"paging":{"next":{"after":"0"}}}"#));
    }

    #[test]
    fn a_batch_is_about_what_was_asked_for() {
        let read = |body: &str| read_batch(Resource::Deals, body.as_bytes(), &["1", "2"]);
        let survivor = r#"{"id":"9","properties":{"hs_merged_object_ids":"2;7"}}"#;
        let found = format!(r#"{{"status":"COMPLETE","results":[{{"id":"1"}},{survivor}]}}"#);
        assert_eq!(read(&found).unwrap().len(), 2);
        let missing = r#"{"results":[],"errors":[{"category":"OBJECT_NOT_FOUND"}]}"#;
        assert!(read(missing).unwrap().is_empty());
        for other in [
            r#"{"results":[{"id":"3"}]}"#,
            r#"{"results":[{"id":"1","properties":{"hs_object_id":"2"}}]}"#,
            r#"{"results":[],"errors":[{"category":"RATE_LIMITS"}]}"#,
            r#"{"status":"PENDING","results":[]}"#,
            r#"{"id":"1"}"#,
        ] {
            assert!(read(other).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_strange_about_one_object_leaves_the_page_readable() {
        let body = r#"{"results":[{"id":"7","properties":{"hs_lastmodifieddate":5,"amount":"1.50","pipeline":"\ud83d",
            "dealstage":{"a":1},"hs_merged_object_ids":[8],"deal_currency_code":true},"updatedAt":"soon","archivedAt":0},
            {"id":"8","properties":5,"updatedAt":"2026-01-01T00:00:00Z"}]}"#;
        let page = read_page(Resource::Deals, body.as_bytes()).unwrap();
        let changed: Vec<_> = page.objects.iter().map(|object| object.changed_at).collect();
        assert_eq!(changed, [None, Some("2026-01-01T00:00:00Z".parse().unwrap())]);
        assert!(page.objects[0].payload.contains(r#""amount":"1.50""#));
    }

    #[test]
    fn the_days_end_is_told_from_a_busy_second() {
        let limited =
            |policy: &str| read_error(format!(r#"{{"message":"m","policyName":"{policy}"}}"#).as_bytes());
        assert!(limited("DAILY").day_used_up);
        assert!(!limited("SECONDLY").day_used_up && !read_error(b"<html>").day_used_up);
    }
}
