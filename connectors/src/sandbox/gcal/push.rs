//! Push channels: opened by `watch`, closed by `stop`. The sandbox remembers them and posts nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::reply::Reply;

/// The longest that Google lets a channel last, in seconds.
const LONGEST_S: i64 = 2_592_000;

/// The channels that are open, by id.
#[derive(Debug, Default)]
pub(super) struct Channels(BTreeMap<String, Value>);

#[derive(Deserialize)]
struct WatchBody {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    address: String,
    token: Option<String>,
    #[serde(default)]
    params: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopBody {
    id: String,
    resource_id: String,
}

impl Channels {
    /// `POST /calendars/{id}/events/watch`
    pub(super) fn watch(&mut self, calendar: &str, body: &[u8], now: i64) -> Result<Reply, ApiError> {
        let body: WatchBody = parse(body)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_+/=".contains(c);
        if body.id.is_empty() || body.id.len() > 64 || !body.id.chars().all(allowed) {
            return Err(ApiError::of_reason(400, "invalid"));
        }
        if body.kind != "web_hook" {
            return Err(ApiError::of_reason(400, "unknownType"));
        }
        if !body.address.starts_with("https://") {
            return Err(ApiError::of_reason(400, "push.webhookUrlNotHttps"));
        }
        if self.0.contains_key(&body.id) {
            return Err(ApiError::of_reason(400, "channelIdNotUnique"));
        }
        let asked_s = body.params.get("ttl").and_then(|ttl| ttl.parse().ok()).unwrap_or(604_800);
        let expiration_ms = (now + LONGEST_S.min(asked_s)) * 1_000;
        let channel = json!({
            "kind": "api#channel", "id": body.id, "resourceId": format!("resource-of-{calendar}"),
            "resourceUri": format!("https://www.googleapis.com/calendar/v3/calendars/{calendar}/events?alt=json"),
            "token": body.token, "expiration": expiration_ms.to_string(),
        });
        let mut kept = channel.clone();
        kept["address"] = json!(body.address);
        kept["calendar"] = json!(calendar);
        self.0.insert(body.id, kept);
        Ok(Reply::json(200, channel.to_string()))
    }

    /// `POST /channels/stop`
    pub(super) fn stop(&mut self, body: &[u8]) -> Result<Reply, ApiError> {
        let body: StopBody = parse(body)?;
        let known = self.0.get(&body.id).is_some_and(|channel| channel["resourceId"] == body.resource_id);
        if !known {
            return Err(ApiError::not_found());
        }
        self.0.remove(&body.id);
        Ok(Reply::json(204, ""))
    }

    /// Those that are open, for the control interface.
    pub(super) fn open(&self) -> Vec<&Value> {
        self.0.values().collect()
    }
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|_| ApiError::of_reason(400, "parseError"))
}
