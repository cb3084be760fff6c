//! The parts of Google's answers that are read, and nothing more: everything else stays in the raw record.

use std::borrow::Cow;

use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::VendorError;
use crate::push::OpenedChannel;

/// A page of events, each as the bytes it came in.
#[derive(Debug)]
pub(super) struct EventPage {
    /// Ids and payloads.
    pub(super) events: Vec<(String, String)>,
    pub(super) next_page_token: Option<String>,
    /// Only on the last page, and not of every calendar server.
    pub(super) next_sync_token: Option<String>,
}

/// Reads a page of events.
pub(super) fn read_events(body: &[u8]) -> Result<EventPage, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<'a> {
        kind: Option<String>,
        #[serde(borrow)]
        items: Option<Vec<&'a RawValue>>,
        next_page_token: Option<String>,
        next_sync_token: Option<String>,
    }
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    // What is not in a whole listing is gone: without a token, only what is clearly a list of events ends one.
    let is_list = envelope.kind.as_deref() == Some("calendar#events") && envelope.items.is_some();
    if envelope.kind.is_some_and(|kind| kind != "calendar#events") {
        return Err("something that is no list of events".to_owned());
    }
    if envelope.next_page_token.is_none() && envelope.next_sync_token.is_none() && !is_list {
        return Err("neither nextPageToken, nor nextSyncToken, nor a list of events".to_owned());
    }
    let event = |raw: &RawValue| {
        let id = serde_json::from_str::<Identified<'_>>(raw.get()).map(|event| event.id.into_owned());
        // Google gives every event an id; one without is kept under its own content.
        let id = id.unwrap_or_else(|_| {
            let hash = buffalo_model::ContentHash::of(raw.get());
            let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("unidentified:{hex}")
        });
        (id, raw.get().to_owned())
    };
    Ok(EventPage {
        events: envelope.items.unwrap_or_default().into_iter().map(event).collect(),
        next_page_token: envelope.next_page_token,
        next_sync_token: envelope.next_sync_token,
    })
}

/// The address of the calendar in which this copy of an event is, where it is that of the organizer.
///
/// `organizer.self`: "Whether the organizer corresponds to the calendar on which this copy of the event appears."
/// <https://developers.google.com/workspace/calendar/api/v3/reference/events>
pub(super) fn address_of_calendar(event: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Organized<'a> {
        #[serde(borrow)]
        organizer: Organizer<'a>,
    }
    #[derive(Deserialize)]
    struct Organizer<'a> {
        #[serde(borrow)]
        email: Cow<'a, str>,
        #[serde(rename = "self")]
        is_this_calendar: bool,
    }
    let Organized { organizer } = serde_json::from_str(event).ok()?;
    organizer.is_this_calendar.then(|| organizer.email.trim().to_lowercase())
}

/// Makes sure that an answer is the event that was asked for, and gives it as it is.
pub(super) fn read_event(id: &str, body: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Identified<'a> {
        #[serde(borrow)]
        kind: Option<Cow<'a, str>>,
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let event: Identified<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if event.id != id || event.kind.is_some_and(|kind| kind != "calendar#event") {
        return Err("another object than was asked for".to_owned());
    }
    String::from_utf8(body.to_vec()).map_err(|error| error.to_string())
}

/// Reads what Google says of a push channel that it has opened. `expiration` is a text of digits, in milliseconds.
pub(super) fn read_channel(body: &[u8]) -> Result<OpenedChannel, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Channel {
        resource_id: String,
        expiration: String,
    }
    let channel: Channel = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let expires_at = channel.expiration.parse().ok().and_then(DateTime::from_timestamp_millis);
    let expires_at = expires_at.ok_or("the expiration is no time in milliseconds")?;
    Ok(OpenedChannel { resource: channel.resource_id, expires_at })
}

/// Reads what Google says of an error.
pub(super) fn read_error(body: &[u8]) -> VendorError {
    #[derive(Deserialize)]
    struct Envelope {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        message: String,
        #[serde(default)]
        errors: Vec<Reason>,
    }
    #[derive(Deserialize)]
    struct Reason {
        #[serde(default)]
        reason: String,
    }
    let Ok(Envelope { error }) = serde_json::from_slice(body) else { return VendorError::default() };
    let code = error.errors.into_iter().next().map(|first| first.reason);
    // https://developers.google.com/workspace/calendar/api/guides/errors
    let limited =
        matches!(code.as_deref(), Some("rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded"));
    VendorError { message: error.message, code, asks_for_patience: limited, ..VendorError::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_events_verbatim_and_a_token() {
        let body = br#"{"kind":"calendar#events","items":[{ "id": "e1", "x":1.50},{"status":"cancelled"}],"nextSyncToken":"s"}"#;
        let page = read_events(body).unwrap();
        assert_eq!(page.events[0], ("e1".to_owned(), r#"{ "id": "e1", "x":1.50}"#.to_owned()));
        assert!(page.events[1].0.starts_with("unidentified:"));
        assert_eq!((page.next_page_token, page.next_sync_token.as_deref()), (None, Some("s")));
    }

    #[test]
    fn without_a_token_only_a_list_of_events_ends_the_listing() {
        let page = read_events(br#"{"kind":"calendar#events","items":[{"id":"e1"}]}"#).unwrap();
        assert_eq!((page.events.len(), page.next_page_token, page.next_sync_token), (1, None, None));
        for strange in
            [r#"{}"#, r#"{"items":[]}"#, r#"{"kind":"calendar#events"}"#, r#"{"kind":"x","items":[]}"#]
        {
            assert!(read_events(strange.as_bytes()).is_err(), "the calendar would be emptied by {strange}");
        }
    }

    #[test]
    fn an_event_is_the_one_that_was_asked_for() {
        let body = br#"{"kind":"calendar#event","id":"e1", "x":1.50}"#;
        assert_eq!(read_event("e1", body).unwrap().as_bytes(), body);
        for other in [r#"{"id":"e2"}"#, r#"{"kind":"calendar#calendar","id":"e1"}"#, r#"{"items":[]}"#, "[]"]
        {
            assert!(read_event("e1", other.as_bytes()).is_err(), "{other}");
        }
        let calendar = br#"{"kind":"calendar#calendar","nextSyncToken":"x"}"#;
        assert!(read_events(calendar).is_err());
    }

    #[test]
    fn a_limit_is_told_from_a_refusal() {
        let error = |reason: &str| {
            read_error(
                format!(r#"{{"error":{{"code":403,"message":"m","errors":[{{"reason":"{reason}"}}]}}}}"#)
                    .as_bytes(),
            )
        };
        assert!(
            error("rateLimitExceeded").asks_for_patience && error("userRateLimitExceeded").asks_for_patience
        );
        assert!(!error("forbidden").asks_for_patience);
        assert_eq!(read_error(b"<html>"), VendorError::default());
    }
}
