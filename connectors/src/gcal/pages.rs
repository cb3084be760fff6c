//! Reading calendars, several at once.

use std::collections::BTreeSet;

use async_trait::async_trait;
use buffalo_model::{Identity, RawRecord, RequestCounts};
use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::api::{CalendarApi, concerns_one_calendar, is_lost_place};
use super::config::CalendarConfig;
use super::objects::{EventPage, address_of_calendar};
use super::position::{Place, Position};
use crate::connector::{FetchedPage, Pages, SourceError, Sweep};
use crate::http::Answer;

/// The alias by which an account names its own calendar.
const PRIMARY: &str = "primary";

/// Reads every calendar to the last page of its sequence, one request of each calendar at a time.
pub(super) struct EventPages {
    api: CalendarApi,
    at_once: usize,
    /// Calendars that wait for a request.
    waiting: BTreeSet<String>,
    position: Position,
    asked: JoinSet<(String, Result<Answer<EventPage>, SourceError>)>,
    /// Calendars that were begun anew in this run. Once is enough: a listing whose own pages are refused has no end.
    restarted: BTreeSet<String>,
    /// What the run ends with.
    trouble: Option<SourceError>,
    /// Set by trouble that the other calendars would meet as well.
    halted: bool,
    /// When the first request of this run was made, by the vendor's clock.
    began_at: Option<DateTime<Utc>>,
    /// Calendars that were read before and are not configured any more.
    departed: Vec<String>,
    /// Which calendar `primary` is, once an event has said so.
    identity: Identity,
    now: DateTime<Utc>,
}

impl EventPages {
    pub(super) fn new(
        api: CalendarApi,
        config: &CalendarConfig,
        mut position: Position,
        now: DateTime<Utc>,
    ) -> Self {
        let departed = position.calendars.keys().filter(|known| !config.calendars.contains(known));
        let departed = departed.cloned().collect();
        for calendar in &config.calendars {
            position.calendars.entry(calendar.clone()).or_default();
        }
        Self {
            api,
            at_once: config.pages_at_once,
            waiting: config.calendars.iter().cloned().collect(),
            position,
            asked: JoinSet::new(),
            restarted: BTreeSet::new(),
            trouble: None,
            halted: false,
            began_at: None,
            departed,
            identity: Identity::unknown(),
            now,
        }
    }

    /// Learns which calendar `primary` is: another person's is other data, and the same calendar under its address as well
    /// would bring each event twice.
    fn resolve(&mut self, calendar: &str, events: &[(String, String)]) -> Result<(), SourceError> {
        if calendar != PRIMARY || !self.identity.is_unknown() {
            return Ok(());
        }
        let Some(address) = events.iter().find_map(|(_, event)| address_of_calendar(event)) else {
            return Ok(());
        };
        if self.position.calendars.keys().any(|other| other.eq_ignore_ascii_case(&address)) {
            return Err(SourceError::Malformed {
                request: format!("gcal: GET /calendars/{PRIMARY}/events"),
                what: format!(
                    "the events of {address}, which GOOGLE_CALENDAR_ID names as well: leave one of the two out"
                ),
            });
        }
        self.identity = Identity::unknown().with(format!("calendar {PRIMARY}"), address);
        Ok(())
    }

    /// A calendar that is not configured any more leaves: none of its events is seen, and it is forgotten.
    fn leave(&mut self, calendar: &str) -> FetchedPage {
        tracing::info!(calendar, "the calendar is not configured any more: its events are marked as gone");
        self.position.calendars.remove(calendar);
        FetchedPage {
            records: Vec::new(),
            cursor: self.position.to_cursor(),
            data_through: None,
            sweep: Some(Sweep { id_prefix: format!("{calendar}/"), began_at: self.now }),
        }
    }

    fn ask(&mut self) {
        // The first request goes alone: where the credentials are wrong or Google is away, it is enough.
        let at_once = if self.began_at.is_none() { 1 } else { self.at_once };
        while !self.halted
            && self.asked.len() < at_once
            && let Some(calendar) = self.waiting.pop_first()
        {
            let api = self.api.clone();
            let place = self.position.calendars.get(&calendar).cloned().unwrap_or_default();
            let asking = async move {
                let answer = api.events(&calendar, &place).await;
                (calendar, answer)
            };
            self.asked.spawn(asking.in_current_span());
        }
    }

    /// Begins a calendar anew whose place is lost; ends the run after any other error, and after the other calendars
    /// if it is only about this one.
    fn recover(&mut self, calendar: String, error: SourceError) {
        let place = self.position.calendars.entry(calendar.clone()).or_default();
        if is_lost_place(&error) && !place.is_beginning() && self.restarted.insert(calendar.clone()) {
            tracing::warn!(calendar, %error, "listing the calendar as a whole");
            place.restart();
            self.waiting.insert(calendar);
            return;
        }
        self.halted |= !concerns_one_calendar(&error);
        self.trouble.get_or_insert(error);
    }

    /// Moves a calendar's place behind a page.
    fn take(&mut self, calendar: &str, answer: Answer<EventPage>) -> Result<FetchedPage, SourceError> {
        let Answer { value: page, asked_at } = answer;
        self.resolve(calendar, &page.events)?;
        let began_at = *self.began_at.get_or_insert(asked_at);
        let place = self.position.calendars.entry(calendar.to_owned()).or_default();
        let observed_at = place.stamp(asked_at);
        if place.sync_token.is_none() {
            place.listed_from.get_or_insert(observed_at.timestamp());
        }
        let mut sweep = None;
        match (page.next_page_token, page.next_sync_token) {
            (Some(next), _) if place.page_token.as_ref() == Some(&next) => {
                return Err(SourceError::Malformed {
                    request: format!("gcal: GET /calendars/{calendar}/events"),
                    what: "a page that leads to itself".to_owned(),
                });
            }
            (Some(next), _) => {
                place.page_token = Some(next);
                self.waiting.insert(calendar.to_owned());
            }
            (None, token) => {
                let listed_from = place.listed_from.take().and_then(|from| DateTime::from_timestamp(from, 0));
                sweep = listed_from.map(|began_at| Sweep { id_prefix: format!("{calendar}/"), began_at });
                *place = Place { sync_token: token, stamped: place.stamped, ..Place::default() };
            }
        }
        let record = |(id, payload): (String, String)| RawRecord {
            external_id: format!("{calendar}/{id}"),
            // The start of a second, at the latest that in which it was asked for; of two states within one the later
            // answer holds.
            observed_at,
            api_version: None,
            context: None,
            payload,
        };
        let ended = self.waiting.is_empty() && self.asked.is_empty() && self.trouble.is_none();
        Ok(FetchedPage {
            records: page.events.into_iter().map(record).collect(),
            cursor: self.position.to_cursor(),
            data_through: ended.then_some(began_at),
            sweep,
        })
    }
}

#[async_trait]
impl Pages for EventPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        if let Some(calendar) = self.departed.pop() {
            return Ok(Some(self.leave(&calendar)));
        }
        loop {
            self.ask();
            let Some(answered) = self.asked.join_next().await else {
                return self.trouble.take().map_or(Ok(None), Err);
            };
            let (calendar, answer) = answered.map_err(|crash| SourceError::Malformed {
                request: "gcal: events".to_owned(),
                what: format!("something that ended their reading: {crash}"),
            })?;
            match answer {
                Ok(answer) => return self.take(&calendar, answer).map(Some),
                Err(error) => self.recover(calendar, error),
            }
        }
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }
}
