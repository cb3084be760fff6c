//! Objects as records: stamped, with their context, and the ends of those that were merged away.

use std::collections::HashSet;

use buffalo_model::RawRecord;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::api::HubSpotApi;
use super::objects::Object;

/// What is stored for an object that a listing of everything no longer has.
pub(super) const GONE: &str = r#"{"gone":"no longer listed"}"#;

/// Turns a page's objects into records.
///
/// An object is stamped with the time of its last change, by HubSpot's clock and in milliseconds: however late a search
/// shows it, a later change has a later stamp. `seen_at` is a time since which the object is known to have been as it is
/// now, and counts where it is later: a list shows what is, so an object that came back from the bin without a change is
/// newer than its deletion. No object is stamped later than it came: a date of the future, which HubSpot accepts from
/// imports, would hold up all that comes until then.
///
/// Objects that were merged away vanish from every answer; the survivor names them. Each becomes a record of its own
/// that says so, as of the survivor's time.
pub(super) fn records(
    api: &HubSpotApi,
    objects: Vec<Object>,
    contexts: Vec<Option<String>>,
    asked_at: DateTime<Utc>,
    seen_at: Option<DateTime<Utc>>,
) -> Vec<RawRecord> {
    let mut records = Vec::with_capacity(objects.len());
    let mut merged = HashSet::new();
    let came_at = api.now();
    for (object, context) in objects.into_iter().zip(contexts) {
        let changed_at = object.changed_at.unwrap_or(asked_at);
        let observed_at = seen_at.map_or(changed_at, |seen_at| changed_at.max(seen_at)).min(came_at);
        let record = |external_id, context, payload| RawRecord {
            external_id,
            observed_at,
            api_version: Some(api.version().to_owned()),
            context,
            payload,
        };
        for loser in object.merged {
            if merged.insert(loser.clone()) {
                let payload =
                    json!({ "gone": format!("merged into {}", object.id), "id": loser }).to_string();
                records.push(record(loser, None, payload));
            }
        }
        records.push(record(object.id, context, object.payload));
    }
    records
}
