//! Google Calendar: the events of one or several calendars.
//!
//! A calendar is listed as a whole once and says with the last page of it a sync token, for which it later gives out what
//! changed. A token can become invalid at any time (410): the calendar is then listed as a whole again, and what is no
//! longer in it is gone. A server that gives no sync tokens is listed as a whole every time.
//!
//! Identity is the calendar's id and the event's, `calendar/event`: the same event may be in several calendars. Series are
//! not expanded: a master with its rules, and an event for each exception.
//! <https://developers.google.com/workspace/calendar/api/guides/sync>

mod api;
mod auth;
mod by_id;
mod channels;
mod config;
mod normalise;
mod objects;
mod pages;
mod position;
mod webhook;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::{Circuit, Cursor, Entity, Refetch, Source, SystemClock};
use chrono::{DateTime, Utc};

use crate::connector::{Connector, CursorState, Pages, Plan, Registration, SourceError};
use crate::http::HttpClient;
use crate::push::PushChannels;
use crate::settings::Settings;
use crate::webhook::{Tokens, Webhooks};
use api::CalendarApi;
use by_id::ByIdPages;
use channels::CalendarChannels;
use config::CalendarConfig;
use pages::EventPages;
use position::Position;
use webhook::CalendarWebhook;

/// What proves that a push is Google's, as we have told Google.
const WEBHOOK_TOKEN: &str = "GCAL_WEBHOOK_TOKEN";

/// Google Calendar, as the program finds it.
pub(crate) const REGISTRATION: Registration = Registration {
    name: "gcal",
    enabled_by: "GOOGLE_PRIVATE_KEY",
    normalise: normalise::normalise,
    gone: r#"{"status":"cancelled"}"#,
    configure,
};

fn configure(settings: &mut Settings) -> Option<Arc<dyn Connector>> {
    let (config, http) = CalendarConfig::from_settings(settings)?;
    let source = Source::new(REGISTRATION.name);
    match HttpClient::new(source.clone(), http, Arc::new(SystemClock)) {
        Ok(client) => {
            let (api, config) = (CalendarApi::new(client), Arc::new(config));
            let tokens = Tokens::from_settings(settings, WEBHOOK_TOKEN);
            let channels = tokens
                .as_ref()
                .and_then(Tokens::newest)
                .map(|token| CalendarChannels::new(api.clone(), Arc::clone(&config), token.clone()));
            let webhook = tokens.map(CalendarWebhook::new);
            Some(Arc::new(GoogleCalendar { source, api, config, webhook, channels }))
        }
        Err(error) => {
            settings.complain("GCAL_API_BASE", format!("can't be used: {error}"));
            None
        }
    }
}

/// The connector.
#[derive(Debug)]
struct GoogleCalendar {
    source: Source,
    api: CalendarApi,
    config: Arc<CalendarConfig>,
    webhook: Option<CalendarWebhook>,
    channels: Option<CalendarChannels>,
}

#[async_trait]
impl Connector for GoogleCalendar {
    fn source(&self) -> &Source {
        &self.source
    }

    fn entities(&self) -> &[Entity] {
        &[Entity::Events]
    }

    fn assess(&self, _entity: Entity, cursor: Option<&Cursor>, _now: DateTime<Utc>) -> CursorState {
        match cursor {
            None => CursorState::Missing,
            Some(cursor) => position::assess(cursor, &self.config.calendars),
        }
    }

    fn open(&self, _entity: Entity, plan: Plan<'_>, _now: DateTime<Utc>) -> Box<dyn Pages> {
        let known = match plan {
            Plan::Backfill => Position::default(),
            // Jobs only continue what was assessed; should the cursor be unreadable after all, everything is listed.
            Plan::Continue(cursor) => Position::read(cursor).unwrap_or_default(),
        };
        Box::new(EventPages::new(self.api.for_run(), &self.config, known))
    }

    fn census(&self, entity: Entity, _since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Box<dyn Pages> {
        self.open(entity, Plan::Backfill, now)
    }

    fn refetch(&self, _entity: Entity, wanted: &[Refetch], now: DateTime<Utc>) -> Box<dyn Pages> {
        Box::new(ByIdPages::new(self.api.for_run(), Arc::clone(&self.config), wanted, now))
    }

    fn circuit(&self) -> Circuit {
        self.api.circuit()
    }

    fn webhooks(&self) -> Webhooks<'_> {
        self.webhook.as_ref().map_or(Webhooks::NotSet(WEBHOOK_TOKEN), |webhook| Webhooks::Read(webhook))
    }

    fn push_channels(&self) -> Result<&dyn PushChannels, &'static str> {
        match &self.channels {
            Some(channels) => Ok(channels),
            None => {
                Err("GCAL_WEBHOOK_TOKEN is not set: a random text that Google is to repeat with every push")
            }
        }
    }

    async fn check(&self) -> Result<(), SourceError> {
        for calendar in &self.config.calendars {
            self.api.calendar(calendar).await?;
        }
        Ok(())
    }
}
