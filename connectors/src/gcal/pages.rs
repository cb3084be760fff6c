//! Reading calendars, several at once.

use std::collections::BTreeSet;

use async_trait::async_trait;
use buffalo_model::RawRecord;
use chrono::{DateTime, Utc};
use tokio::task::JoinSet;

use super::api::{CalendarApi, is_lost_token};
use super::config::CalendarConfig;
use super::objects::EventPage;
use super::position::{Place, Position};
use crate::connector::{FetchedPage, Pages, SourceError, Sweep};
use crate::http::Answer;

/// Reads every calendar to the last page of its sequence, one request of each calendar at a time.
pub(super) struct EventPages {
    api: CalendarApi,
    at_once: usize,
    /// Calendars that wait for a request.
    waiting: BTreeSet<String>,
    position: Position,
    asked: JoinSet<(String, Result<Answer<EventPage>, SourceError>)>,
    trouble: Option<SourceError>,
    /// When the first request of this run was made, by the vendor's clock.
    began_at: Option<DateTime<Utc>>,
}

impl EventPages {
    pub(super) fn new(api: CalendarApi, config: &CalendarConfig, mut position: Position) -> Self {
        for calendar in &config.calendars {
            position.calendars.entry(calendar.clone()).or_default();
        }
        Self {
            api,
            at_once: config.pages_at_once,
            waiting: config.calendars.iter().cloned().collect(),
            position,
            asked: JoinSet::new(),
            trouble: None,
            began_at: None,
        }
    }

    fn ask(&mut self) {
        // The first request goes alone: where the credentials are wrong or Google is away, it is enough.
        let at_once = if self.began_at.is_none() { 1 } else { self.at_once };
        while self.trouble.is_none()
            && self.asked.len() < at_once
            && let Some(calendar) = self.waiting.pop_first()
        {
            let api = self.api.clone();
            let place = self.position.calendars.get(&calendar).cloned().unwrap_or_default();
            self.asked.spawn(async move {
                let answer = api.events(&calendar, &place).await;
                (calendar, answer)
            });
        }
    }

    /// Moves a calendar's place behind a page.
    fn take(&mut self, calendar: &str, answer: Answer<EventPage>) -> Result<FetchedPage, SourceError> {
        let Answer { value: page, asked_at } = answer;
        let began_at = *self.began_at.get_or_insert(asked_at);
        let place = self.position.calendars.entry(calendar.to_owned()).or_default();
        if place.sync_token.is_none() {
            place.listed_from.get_or_insert(asked_at.timestamp());
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
                *place = Place { sync_token: token, ..Place::default() };
            }
        }
        let record = |(id, payload): (String, String)| RawRecord {
            external_id: format!("{calendar}/{id}"),
            // The start of the second in which it was asked for; of two states within one the later answer holds.
            observed_at: asked_at,
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
                Err(error) if is_lost_token(&error) => {
                    let place = self.position.calendars.entry(calendar.clone()).or_default();
                    if *place == Place::default() {
                        return Err(error);
                    }
                    tracing::warn!(
                        calendar,
                        "the sync token is no longer valid; listing the calendar as a whole"
                    );
                    *place = Place::default();
                    self.waiting.insert(calendar);
                }
                Err(error) => {
                    self.trouble.get_or_insert(error);
                }
            }
        }
    }

    fn requests_made(&self) -> u64 {
        self.api.requests_made()
    }
}
