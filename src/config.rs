//! Configuration from the environment and `.env`. Everything that is wrong is told at once.

#[cfg(test)]
mod documented;
mod http;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use buffalo_connectors::channels::{self, Channel};
use buffalo_connectors::{Connector, SOURCES, Settings};
use buffalo_jobs::ProcessOptions;
use buffalo_model::{Currency, Entity, NotifyOn, Retention, Source, SupportedCurrencies, parse_timezone};
use buffalo_store::{Sessions, Store, StoreOptions};
use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::question::known_source;
use crate::schedules::Schedules;
use crate::telemetry;
pub(crate) use http::{AppEnv, HttpConfig, TrustedProxies};

/// What a command can't do without, beyond what it reads when it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: the command brings its own database and sources.
    Nothing,
    /// A database.
    Database,
    /// A database and at least one source.
    Sources,
    /// A database and keys for HTTP.
    Keys,
    /// All of it.
    Everything,
}

/// The configuration of a process.
#[derive(Debug)]
pub(crate) struct Config {
    /// None where the command needs no database and none is set.
    pub(crate) store: Option<Store>,
    pub(crate) sources: Vec<Arc<dyn Connector>>,
    pub(crate) schedules: Schedules,
    pub(crate) full_backfill_min_interval: TimeDelta,
    pub(crate) fetch_deadline: Duration,
    pub(crate) reconcile_deadline: Duration,
    pub(crate) hint_interval: TimeDelta,
    pub(crate) outbox_batch_size: u32,
    pub(crate) outbox_max_attempts: u32,
    pub(crate) retention: Retention,
    pub(crate) currencies: SupportedCurrencies,
    pub(crate) reporting_currency: Currency,
    pub(crate) reporting_timezone: Tz,
    /// The sources that count as revenue (`REVENUE_SOURCES`); none where all do.
    pub(crate) counted_sources: Option<BTreeSet<Source>>,
    pub(crate) notify_on: NotifyOn,
    pub(crate) channels: Vec<Arc<dyn Channel>>,
    pub(crate) http: HttpConfig,
}

/// All that is wrong with the configuration, a line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct ConfigError(Vec<String>);

/// The settings any of which enables a source.
pub(crate) fn enabling_settings() -> String {
    SOURCES.iter().map(|source| source.enabled_by).collect::<Vec<_>>().join(", ")
}

impl Config {
    /// Reads the environment, and `.env` for what the environment does not have; begins to log.
    pub(crate) fn load(needs: Needs) -> Result<Self, ConfigError> {
        let mut values: Vec<(String, String)> = Vec::new();
        let mut broken_file = None;
        if let Ok(file) = dotenvy::dotenv_iter() {
            for item in file {
                match item {
                    Ok(value) => values.push(value),
                    Err(_) => broken_file = Some("has a line that is not NAME=value"),
                }
            }
        }
        values.extend(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        );
        let mut settings = Settings::new(values);
        if let Some(what) = broken_file {
            settings.complain(".env", what);
        }
        let config = Self::from_settings(&mut settings, needs);
        match config {
            Some(config) if settings.problems().is_empty() => Ok(config),
            _ => Err(ConfigError(settings.problems().iter().map(ToString::to_string).collect())),
        }
    }

    fn from_settings(settings: &mut Settings, needs: Needs) -> Option<Self> {
        telemetry::start(settings);
        let sources: Vec<_> = SOURCES.iter().filter_map(|source| (source.configure)(settings)).collect();
        if matches!(needs, Needs::Sources | Needs::Everything) && sources.is_empty() {
            settings.complain(
                "no source",
                format!("is enabled, so there is nothing to fetch: set {}", enabling_settings()),
            );
        }
        let usd = Currency::default_reporting();
        let mut config = Self {
            store: store(settings, needs),
            sources,
            schedules: Schedules::from_settings(settings),
            full_backfill_min_interval: TimeDelta::minutes(
                i64::try_from(settings.number("FULL_BACKFILL_MIN_INTERVAL_MIN", 60, 0..=100_000))
                    .unwrap_or(60),
            ),
            fetch_deadline: Duration::from_secs(settings.number("FETCH_DEADLINE_S", 840, 1..=31_536_000)),
            reconcile_deadline: Duration::from_secs(settings.number(
                "RECONCILE_DEADLINE_S",
                14_400,
                1..=31_536_000,
            )),
            hint_interval: TimeDelta::seconds(
                i64::try_from(settings.number("HINT_INTERVAL_S", 15, 0..=86_400)).unwrap_or(15),
            ),
            outbox_batch_size: small(settings.number("OUTBOX_BATCH_SIZE", 500, 1..=10_000)),
            outbox_max_attempts: small(settings.number("OUTBOX_MAX_ATTEMPTS", 5, 1..=100)),
            retention: Retention::of_days(small(settings.number("OUTBOX_RETENTION_DAYS", 90, 0..=36_500))),
            currencies: settings.parsed("SUPPORTED_CURRENCIES", SupportedCurrencies::All),
            reporting_currency: settings.parsed("REPORTING_CURRENCY", usd),
            reporting_timezone: timezone(settings),
            counted_sources: counted_sources(settings),
            notify_on: settings.parsed("NOTIFY_ON", NotifyOn::default()),
            channels: channels::configure(settings),
            http: HttpConfig::from_settings(settings, needs),
        };
        if !config.currencies.contains(config.reporting_currency) {
            settings.complain(
                "REPORTING_CURRENCY",
                "is not among SUPPORTED_CURRENCIES, so it would always be zero",
            );
        }
        let spans = config.sources.iter().filter_map(|connector| {
            Some((connector.source().clone(), connector.sees_changes_for(Entity::Payments)?))
        });
        let spans = spans.collect();
        config.store = config.store.map(|store| store.telling(config.notify_on.clone()).seeing(spans));
        Some(config)
    }

    /// The database. Commands that need one have asked for it when they loaded the configuration.
    pub(crate) fn store(&self) -> anyhow::Result<&Store> {
        self.store.as_ref().ok_or_else(|| anyhow::anyhow!("DATABASE_URL is not set"))
    }

    /// Process options without what the command line says.
    pub(crate) fn process_options(&self) -> ProcessOptions {
        ProcessOptions {
            batch_size: self.outbox_batch_size,
            max_attempts: self.outbox_max_attempts,
            currencies: self.currencies.clone(),
            ..ProcessOptions::default()
        }
    }

    /// The names of the enabled sources.
    pub(crate) fn source_names(&self) -> Vec<Source> {
        self.sources.iter().map(|connector| connector.source().clone()).collect()
    }

    /// The names of the enabled sources that have payments: those whose freshness is that of revenue.
    pub(crate) fn revenue_sources(&self) -> Vec<Source> {
        let with_payments =
            self.sources.iter().filter(|source| source.entities().contains(&Entity::Payments));
        with_payments.map(|connector| connector.source().clone()).collect()
    }
}

fn store(settings: &mut Settings, needs: Needs) -> Option<Store> {
    if needs != Needs::Nothing && !settings.has("DATABASE_URL") {
        settings.complain(
            "DATABASE_URL",
            "is not set: the PostgreSQL database to use, as postgres://user:password@host:5432/name",
        );
    }
    let max_connections = small(settings.number("DATABASE_POOL_MAX", 10, 1..=1_000));
    let sessions = settings.parsed("DATABASE_POOLER", Sessions::Own);
    let url = settings.secret("DATABASE_URL")?;
    match Store::new(&StoreOptions { url, max_connections, sessions }) {
        Ok(store) => Some(store),
        Err(what) => {
            settings.complain("DATABASE_URL", what);
            None
        }
    }
}

/// The sources that count as revenue; none where all do.
fn counted_sources(settings: &mut Settings) -> Option<BTreeSet<Source>> {
    let names = settings.text("REVENUE_SOURCES")?;
    let mut counted = BTreeSet::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match known_source(name) {
            Ok(source) => {
                counted.insert(source);
            }
            Err(message) => settings.complain("REVENUE_SOURCES", message),
        }
    }
    Some(counted).filter(|counted| !counted.is_empty())
}

fn timezone(settings: &mut Settings) -> Tz {
    let Some(name) = settings.text("REPORTING_TIMEZONE") else { return Tz::UTC };
    parse_timezone(&name).unwrap_or_else(|error| {
        settings.complain("REPORTING_TIMEZONE", format!("can't be read: {error}"));
        Tz::UTC
    })
}

/// Bounds that were checked before fit any integer.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
