//! Stripe: charges, refunds and disputes, as payments.
//!
//! Nothing on a Stripe object says when it last changed and no list filters by it. So a backfill lists everything once,
//! and afterwards `/v1/events` tells what changed; where the key may not read events, `STRIPE_INCREMENTAL=lookback`
//! lists the last days again instead.

mod api;
mod config;
mod disputed;
mod events;
mod listing;
mod normalise;
mod objects;
mod position;
mod refetch;
mod resource;
mod webhook;
mod windows;

use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::{Circuit, Cursor, Entity, Identity, Refetch, Source, SystemClock, Ties};
use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::{Connector, CursorState, FetchedPage, Pages, Plan, Registration, SourceError};
use crate::http::HttpClient;
use crate::settings::Settings;
use crate::webhook::Webhooks;
use api::StripeApi;
use config::{Incremental, StripeConfig};
use events::EventPages;
use listing::ListingPages;
use position::{ListingKind, Position};
use refetch::RefetchPages;
use webhook::StripeWebhook;

/// Stripe, as the program finds it.
pub(crate) const REGISTRATION: Registration = Registration {
    name: "stripe",
    enabled_by: "STRIPE_API_KEY",
    normalise: normalise::normalise,
    gone: r#"{"deleted":true}"#,
    configure,
};

fn configure(settings: &mut Settings) -> Option<Arc<dyn Connector>> {
    let (config, http) = StripeConfig::from_settings(settings)?;
    let source = Source::new(REGISTRATION.name);
    match HttpClient::new(source.clone(), http, Arc::new(SystemClock)) {
        Ok(client) => {
            let api = StripeApi::new(client, &config);
            let config = Arc::new(config);
            let webhook = StripeWebhook::from_settings(settings, &config);
            Some(Arc::new(Stripe { source, api, config, webhook }))
        }
        Err(error) => {
            settings.complain("STRIPE_API_BASE", format!("can't be used: {error}"));
            None
        }
    }
}

/// The connector.
#[derive(Debug)]
struct Stripe {
    source: Source,
    api: StripeApi,
    config: Arc<StripeConfig>,
    webhook: Option<StripeWebhook>,
}

#[async_trait]
impl Connector for Stripe {
    fn source(&self) -> &Source {
        &self.source
    }

    fn entities(&self) -> &[Entity] {
        &[Entity::Payments]
    }

    fn identity(&self, _entity: Entity) -> Identity {
        self.config.identity()
    }

    fn identity_of(&self, _entity: Entity, payload: &str) -> Identity {
        let unknown = Identity::unknown();
        objects::livemode_of(payload)
            .map_or(unknown, |live| Identity::unknown().with(config::MODE, config::mode(live)))
    }

    /// A webhook may have brought one of two events of a second, and a page that was asked for before it the other. What was
    /// listed, or read by its id, is never stamped as events are.
    fn ties(&self) -> Ties {
        Ties::ReadAgain
    }

    fn assess(&self, _entity: Entity, cursor: Option<&Cursor>, now: DateTime<Utc>) -> CursorState {
        match cursor {
            None => CursorState::Missing,
            Some(cursor) => position::assess(cursor, &self.config, now),
        }
    }

    fn sees_changes_for(&self, _entity: Entity) -> Option<TimeDelta> {
        match self.config.incremental {
            Incremental::Events => None,
            Incremental::Lookback { days } => Some(TimeDelta::days(days.into())),
        }
    }

    fn open(&self, _entity: Entity, plan: Plan<'_>, now: DateTime<Utc>) -> Box<dyn Pages> {
        let api = self.api.for_run();
        let config = Arc::clone(&self.config);
        let backfill = || Position::start_listing(ListingKind::Backfill, &config, now);
        let position = match plan {
            Plan::Backfill => backfill(),
            // Jobs only continue what was assessed; should the cursor be unreadable after all, everything is listed.
            Plan::Continue(cursor) => Position::read(cursor).unwrap_or_else(|_| backfill()),
        };
        match position {
            Position::Listing(listing) => Box::new(ListingPages::new(api, config, listing)),
            Position::Events(events) => match config.incremental {
                Incremental::Events => Box::new(EventPages::new(api, config, events)),
                Incremental::Lookback { .. } => {
                    let kind = ListingKind::Lookback { through: events.through };
                    Box::new(ListingPages::new(
                        api,
                        Arc::clone(&config),
                        position::start_windows(kind, &config, now),
                    ))
                }
            },
        }
    }

    fn census(&self, _entity: Entity, since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Box<dyn Pages> {
        let mut listing = position::start_windows(ListingKind::Backfill, &self.config, now);
        for window in &mut listing.windows {
            window.created_gte = since.map(|since| since.timestamp());
        }
        Box::new(ListingPages::new(self.api.for_run(), Arc::clone(&self.config), listing))
    }

    fn refetch(&self, _entity: Entity, wanted: &[Refetch], now: DateTime<Utc>) -> Box<dyn Pages> {
        Box::new(RefetchPages::new(self.api.for_run(), Arc::clone(&self.config), wanted, now))
    }

    fn circuit(&self) -> Circuit {
        self.api.circuit()
    }

    fn webhooks(&self) -> Webhooks<'_> {
        self.webhook.as_ref().map_or(Webhooks::NotSet(webhook::SECRET), |webhook| Webhooks::Read(webhook))
    }

    async fn check(&self) -> Result<(), SourceError> {
        for resource in &self.config.resources {
            self.api.list(*resource, &[("limit", "1".to_owned())]).await?;
        }
        if matches!(self.config.incremental, Incremental::Events) {
            self.api.events(&[("limit", "1".to_owned())]).await?;
        }
        Ok(())
    }
}

/// A page that both kinds of run give out.
fn page(records: Vec<buffalo_model::RawRecord>, position: &Position, through: Option<i64>) -> FetchedPage {
    FetchedPage {
        records,
        cursor: position.to_cursor(),
        sweep: None,
        data_through: through.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
    }
}
