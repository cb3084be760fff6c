//! Reading events by their ids: what a listing no longer had is gone only when its calendar says so of that event.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::{RawRecord, Refetch, RequestCounts};
use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::REGISTRATION;
use super::api::CalendarApi;
use super::config::CalendarConfig;
use super::position::Position;
use crate::connector::{FetchedPage, Pages, SourceError};
use crate::http::Answer;

/// Events are small: more of them than of pages may be under way.
const EVENTS_FOR_A_PAGE: usize = 4;

/// What became of an event: what is left of it, if anything.
type Read = (String, Result<Option<Answer<String>>, SourceError>);

/// Reads one event a request, several at once.
pub(super) struct ByIdPages {
    api: CalendarApi,
    config: Arc<CalendarConfig>,
    now: DateTime<Utc>,
    /// Records that are still to be read, the next ones at the end.
    wanted: Vec<String>,
    /// When calendars were found to be readable.
    readable: BTreeMap<String, DateTime<Utc>>,
}

impl ByIdPages {
    pub(super) fn new(
        api: CalendarApi,
        config: Arc<CalendarConfig>,
        wanted: &[Refetch],
        now: DateTime<Utc>,
    ) -> Self {
        let mut wanted: Vec<String> = wanted.iter().map(|refetch| refetch.external_id.clone()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        Self { api, config, now, wanted, readable: BTreeMap::new() }
    }

    async fn read(&mut self, keys: Vec<String>) -> Result<Vec<RawRecord>, SourceError> {
        let mut asked: JoinSet<Read> = JoinSet::new();
        let mut records = Vec::with_capacity(keys.len());
        for key in keys {
            match key.split_once('/') {
                Some((calendar, id)) if self.config.calendars.iter().any(|known| known == calendar) => {
                    let (api, calendar, id) = (self.api.clone(), calendar.to_owned(), id.to_owned());
                    let asking = async move { (key, api.event(&calendar, &id).await) };
                    asked.spawn(asking.in_current_span());
                }
                // A calendar that is none of ours any more has no events of ours.
                _ => records.push(gone(key, self.now)),
            }
        }
        while let Some(answered) = asked.join_next().await {
            let (key, event) = answered.map_err(|crash| SourceError::Malformed {
                request: "gcal: an event".to_owned(),
                what: format!("something that ended its reading: {crash}"),
            })?;
            records.push(match event? {
                Some(Answer { value: payload, asked_at, .. }) => record(key, asked_at, payload),
                None => {
                    let looked_at = self.is_readable(&key).await?;
                    gone(key, looked_at)
                }
            });
        }
        Ok(records)
    }

    /// Makes sure that the calendar of an event that is not found is there; once in a run.
    async fn is_readable(&mut self, key: &str) -> Result<DateTime<Utc>, SourceError> {
        let calendar = key.split_once('/').map_or(key, |(calendar, _)| calendar);
        if let Some(known) = self.readable.get(calendar) {
            return Ok(*known);
        }
        let asked_at = self.api.calendar(calendar).await?;
        self.readable.insert(calendar.to_owned(), asked_at);
        Ok(asked_at)
    }
}

fn record(external_id: String, observed_at: DateTime<Utc>, payload: String) -> RawRecord {
    RawRecord { external_id, observed_at, api_version: None, context: None, payload }
}

fn gone(external_id: String, observed_at: DateTime<Utc>) -> RawRecord {
    record(external_id, observed_at, REGISTRATION.gone.to_owned())
}

#[async_trait]
impl Pages for ByIdPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        if self.wanted.is_empty() {
            return Ok(None);
        }
        let at_once = self.config.pages_at_once * EVENTS_FOR_A_PAGE;
        let keys = self.wanted.split_off(self.wanted.len().saturating_sub(at_once));
        let records = self.read(keys).await?;
        let cursor = Position::default().to_cursor();
        Ok(Some(FetchedPage { records, cursor, data_through: None, sweep: None }))
    }

    fn requests(&self) -> RequestCounts {
        self.api.requests()
    }
}
