//! Google Calendar's endpoints, one function each.

use buffalo_model::{Circuit, RequestCounts};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::objects::{EventPage, read_channel, read_event, read_events};
use super::position::Place;
use crate::connector::SourceError;
use crate::http::{Answer, HttpClient, Request};
use crate::push::OpenedChannel;

/// Google puts up to 2,500 events on a page. Fewer keep memory small, and are still ten thousand events a second at the
/// usual limit.
const PAGE_SIZE: &str = "1000";

/// The calendars that the credentials may read.
#[derive(Debug, Clone)]
pub(super) struct CalendarApi {
    client: HttpClient,
}

impl CalendarApi {
    pub(super) fn new(client: HttpClient) -> Self {
        Self { client }
    }

    /// The same API, counting requests for one run.
    pub(super) fn for_run(&self) -> Self {
        Self { client: self.client.with_own_counter() }
    }

    pub(super) fn requests(&self) -> RequestCounts {
        self.client.requests()
    }

    pub(super) fn circuit(&self) -> Circuit {
        self.client.circuit()
    }

    /// The page of events at a place. With a sync token all other parameters must be those of the first listing, so they
    /// are always the same.
    pub(super) async fn events(
        &self,
        calendar: &str,
        place: &Place,
    ) -> Result<Answer<EventPage>, SourceError> {
        let mut query = vec![
            ("maxResults", PAGE_SIZE.to_owned()),
            ("showDeleted", "true".to_owned()),
            ("singleEvents", "false".to_owned()),
        ];
        query.extend(place.sync_token.clone().map(|token| ("syncToken", token)));
        query.extend(place.page_token.clone().map(|token| ("pageToken", token)));
        let path = format!("/calendars/{}/events", encoded(calendar));
        self.client.get(&Request { path: &path, query: &query, headers: &[], post: None }, read_events).await
    }

    /// An event, as the bytes it came in; none where the calendar no longer has it.
    pub(super) async fn event(
        &self,
        calendar: &str,
        id: &str,
    ) -> Result<Option<Answer<String>>, SourceError> {
        let path = format!("/calendars/{}/events/{}", encoded(calendar), encoded(id));
        let request = Request { path: &path, query: &[], headers: &[], post: None };
        match self.client.get(&request, |body| read_event(id, body)).await {
            // Also what a calendar is answered with that is not there.
            Err(SourceError::Refused { status: 404 | 410, .. }) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Asks whether a calendar can be read; when it was asked.
    pub(super) async fn calendar(&self, calendar: &str) -> Result<DateTime<Utc>, SourceError> {
        let path = format!("/calendars/{}/events", encoded(calendar));
        let query = [("maxResults", "1".to_owned())];
        let request = Request { path: &path, query: &query, headers: &[], post: None };
        self.client.get(&request, read_events).await.map(|answer| answer.asked_at)
    }

    /// Opens a push channel.
    pub(super) async fn watch(&self, calendar: &str, channel: &Value) -> Result<OpenedChannel, SourceError> {
        let path = format!("/calendars/{}/events/watch", encoded(calendar));
        let channel = channel.to_string();
        let request = Request { path: &path, query: &[], headers: &[], post: Some(&channel) };
        self.client.get(&request, read_channel).await.map(|answer| answer.value)
    }

    /// Closes a push channel.
    pub(super) async fn stop(&self, id: &str, resource: &str) -> Result<(), SourceError> {
        let channel = json!({"id": id, "resourceId": resource}).to_string();
        let request = Request { path: "/channels/stop", query: &[], headers: &[], post: Some(&channel) };
        self.client.get(&request, |_| Ok(())).await.map(drop)
    }
}

/// Whether a place is refused, so that the calendar has to be listed as a whole: 410 for a sync token, 400 for a page
/// token that has grown old, and for a sync token that was issued to other parameters than today's.
pub(super) fn is_lost_place(error: &SourceError) -> bool {
    matches!(error, SourceError::Refused { status: 400 | 410, .. })
}

/// Whether other calendars may well be readable: this one is not there, or not shared with us.
pub(super) fn concerns_one_calendar(error: &SourceError) -> bool {
    matches!(error, SourceError::Refused { status: 404, .. } | SourceError::Unauthorised { status: 403, .. })
}

/// A calendar's id, often an e-mail address, as a part of a path.
fn encoded(calendar: &str) -> String {
    let mut encoded = String::with_capacity(calendar.len());
    for byte in calendar.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_calendars_id_is_one_part_of_a_path() {
        assert_eq!(super::encoded("team@example.com"), "team@example.com");
        assert_eq!(super::encoded("a/b #ü"), "a%2Fb%20%23%C3%BC");
    }
}
