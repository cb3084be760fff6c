//! HubSpot: deals as payments, and contacts.
//!
//! A backfill lists a small account and searches a large one, several ranges of ids at once, then lists the bin. Afterwards a
//! search tells what changed since, a look into the bin what was deleted, and the records that others were merged into name
//! those. A census reads lists, which are slower and know at once of every change, so that it proves what the searches
//! found. What a webhook names, and what is to be proved gone, is read by its id (`by_id`). What a deal's stage means is not
//! on the deal but in the account's pipelines: the connector looks it up and puts it beside the payload (`context`), so that
//! normalising stays a pure function of what is stored.

mod amount;
mod api;
mod backfill;
mod by_id;
mod census;
mod changes;
mod config;
mod context;
mod lists;
mod normalise;
mod objects;
mod pipelines;
mod position;
mod records;
mod resource;
mod webhook;
mod windows;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::{
    Circuit, Cursor, Entity, Identity, RawRecord, Refetch, RequestCounts, Source, SystemClock,
};
use chrono::{DateTime, Utc};

use crate::connector::{Connector, CursorState, FetchedPage, Pages, Plan, Registration, SourceError};
use crate::http::HttpClient;
use crate::settings::Settings;
use crate::webhook::Webhooks;
use api::HubSpotApi;
use backfill::BackfillPages;
use by_id::ByIdPages;
use census::CensusPages;
use changes::ChangePages;
use config::HubSpotConfig;
use position::{Listing, Position};
use resource::Resource;
use webhook::HubSpotWebhook;

/// HubSpot, as the program finds it.
pub(crate) const REGISTRATION: Registration = Registration {
    name: "hubspot",
    enabled_by: "HUBSPOT_ACCESS_TOKEN",
    normalise: normalise::normalise,
    gone: records::GONE,
    configure,
};

fn configure(settings: &mut Settings) -> Option<Arc<dyn Connector>> {
    let (config, http) = HubSpotConfig::from_settings(settings)?;
    let source = Source::new(REGISTRATION.name);
    match HttpClient::new(source.clone(), http, Arc::new(SystemClock)) {
        Ok(client) => Some(Arc::new(HubSpot {
            source,
            api: HubSpotApi::new(client, &config),
            pages_at_once: config.pages_at_once,
            webhook: HubSpotWebhook::from_settings(settings),
        })),
        Err(error) => {
            settings.complain("HUBSPOT_API_BASE", format!("can't be used: {error}"));
            None
        }
    }
}

/// The connector.
#[derive(Debug)]
struct HubSpot {
    source: Source,
    api: HubSpotApi,
    pages_at_once: usize,
    webhook: Option<HubSpotWebhook>,
}

#[async_trait]
impl Connector for HubSpot {
    fn source(&self) -> &Source {
        &self.source
    }

    fn entities(&self) -> &[Entity] {
        &[Entity::Payments, Entity::Contacts]
    }

    fn identity_of(&self, _entity: Entity, payload: &str) -> Identity {
        match objects::portal_of_payload(payload) {
            Some(portal) => Identity::unknown().with(objects::PORTAL, portal.to_string()),
            None => Identity::unknown(),
        }
    }

    fn assess(&self, _entity: Entity, cursor: Option<&Cursor>, now: DateTime<Utc>) -> CursorState {
        cursor.map_or(CursorState::Missing, |cursor| position::assess(cursor, now))
    }

    fn open(&self, entity: Entity, plan: Plan<'_>, now: DateTime<Utc>) -> Box<dyn Pages> {
        let Some(resource) = Resource::of_entity(entity) else { return Box::new(NoPages) };
        let api = self.api.for_run();
        let position = match plan {
            Plan::Backfill => Position::Listing(Listing::default()),
            // Jobs only continue what was assessed; should the cursor be unreadable after all, everything is listed.
            Plan::Continue(cursor) => Position::read(cursor).unwrap_or(Position::Listing(Listing::default())),
        };
        match position {
            Position::Listing(listing) => {
                Box::new(BackfillPages::new(api, resource, listing, self.pages_at_once))
            }
            Position::Changes(changes) => Box::new(ChangePages::new(api, resource, changes, now)),
        }
    }

    /// All is listed: a list knows nothing of times.
    fn census(&self, entity: Entity, _since: Option<DateTime<Utc>>, _now: DateTime<Utc>) -> Box<dyn Pages> {
        match Resource::of_entity(entity) {
            Some(resource) => Box::new(CensusPages::new(self.api.for_run(), resource)),
            None => Box::new(NoPages),
        }
    }

    fn refetch(&self, entity: Entity, wanted: &[Refetch], now: DateTime<Utc>) -> Box<dyn Pages> {
        match Resource::of_entity(entity) {
            Some(resource) => Box::new(ByIdPages::new(self.api.for_run(), resource, wanted, now)),
            None => Box::new(NoPages),
        }
    }

    fn circuit(&self) -> Circuit {
        self.api.circuit()
    }

    fn webhooks(&self) -> Webhooks<'_> {
        self.webhook.as_ref().map_or(Webhooks::NotSet(webhook::SETTINGS), |webhook| Webhooks::Read(webhook))
    }

    async fn check(&self) -> Result<(), SourceError> {
        for resource in Resource::ALL {
            self.api.probe(resource).await?;
        }
        self.api.pipelines().await?;
        self.api.company_currency().await?;
        Ok(())
    }
}

/// What there is of an entity that HubSpot does not have.
struct NoPages;

#[async_trait]
impl Pages for NoPages {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        Ok(None)
    }

    fn requests(&self) -> RequestCounts {
        RequestCounts::default()
    }
}

/// A page that both kinds of run give out.
fn page(records: Vec<RawRecord>, position: &Position) -> FetchedPage {
    FetchedPage { records, cursor: position.to_cursor(), data_through: None, sweep: None }
}
