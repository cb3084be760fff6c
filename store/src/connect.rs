//! The way into the database: connections and their settings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buffalo_model::{NotifyOn, Source};
use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::database::Database;
use crate::error::classify;
use crate::relay::Relay;
use crate::revenue::Settler;
use crate::{Sessions, StoreError, tls};

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The connection URL (`DATABASE_URL`).
    pub url: SecretString,
    /// The most connections at once (`DATABASE_POOL_MAX`).
    pub max_connections: u32,
    /// Whose the sessions are (`DATABASE_POOLER`).
    pub sessions: Sessions,
}

/// A connection that was idle for longer is asked whether it lives before it is used. One that was in use a moment ago is
/// not: that would be a second question for each.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The database, as the rest of Buffalo sees it. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: Database,
    /// A single connection for the journal of claims: a worker that waited for one of the pool while holding another
    /// might wait for ever.
    pub(crate) journal: Database,
    pub(crate) connect_options: Arc<PgConnectOptions>,
    /// None where the server is reached by a Unix socket.
    relay: Option<Arc<Relay>>,
    pub(crate) server: String,
    pub(crate) notify_on: NotifyOn,
    /// How far back changes of payments are seen, of sources of which not all are.
    pub(crate) sees_changes_for: Arc<BTreeMap<Source, TimeDelta>>,
    /// Who settles revenue in this process, on a connection that readers can't use up.
    pub(crate) settler: Arc<Settler>,
}

/// The connections of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Those that there are.
    pub open: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// The most that there may be.
    pub max: u32,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("server", &self.server).finish_non_exhaustive()
    }
}

/// How long a command that begins waits for its first connection.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a caller waits for a connection before the database counts as out of reach.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(8);

/// How long the connection of settling is kept when nothing is to be settled.
const IDLE_SETTLER: Duration = Duration::from_secs(60);

impl Store {
    /// Prepares connections; none is opened yet.
    ///
    /// # Errors
    ///
    /// A message that says what is wrong with the URL, without quoting it.
    pub fn new(options: &StoreOptions) -> Result<Self, String> {
        let mut connect_options = tls::connect_options(options.url.expose_secret())?
            .application_name("buffalo")
            // Poolers refuse what they do not know; no float is ever read as text.
            .extra_float_digits(None);
        let mut relay = None;
        let server = match connect_options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => {
                let (host, port) = (connect_options.get_host().to_owned(), connect_options.get_port());
                let way = Relay::begin(&host, port)
                    .map_err(|error| format!("can't be used: this process gets no socket ({error})"))?;
                connect_options = connect_options.socket(way.socket_dir());
                relay = Some(Arc::new(way));
                format!("{host}:{port}")
            }
        };
        let sessions = options.sessions;
        let pool = pool_of(options.max_connections, sessions)
            .test_before_acquire(false)
            .before_acquire(|connection, used| {
                Box::pin(async move {
                    if used.idle_for > TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(connect_options.clone());
        let journal = pool_of(1, sessions).connect_lazy_with(connect_options.clone());
        let settling =
            pool_of(1, sessions).idle_timeout(IDLE_SETTLER).connect_lazy_with(connect_options.clone());
        let settler = Arc::new(Settler::new(Database::new(settling, sessions)));
        let (pool, journal) = (Database::new(pool, sessions), Database::new(journal, sessions));
        let connect_options = Arc::new(connect_options);
        let (notify_on, sees_changes_for) = (NotifyOn::default(), Arc::default());
        Ok(Self { pool, journal, connect_options, relay, server, notify_on, settler, sees_changes_for })
    }

    /// The same database; of what runs come to, these kinds are told (`NOTIFY_ON`).
    #[must_use]
    pub fn telling(self, notify_on: NotifyOn) -> Self {
        Self { notify_on, ..self }
    }

    /// The same database; changes of what is older than these spans are not seen where a source is named.
    #[must_use]
    pub fn seeing(self, spans: BTreeMap<Source, TimeDelta>) -> Self {
        Self { sees_changes_for: Arc::new(spans), ..self }
    }

    /// Makes sure that the database can be reached, without the patience that a running process has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and [`StoreError::AccessDenied`].
    pub async fn reach(&self) -> Result<(), StoreError> {
        let connecting = async {
            if let Some(relay) = &self.relay {
                relay.probe().await?;
            }
            self.connect_options.connect().await
        };
        let connected = match tokio::time::timeout(REACH_TIMEOUT, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        };
        let connection = connected.map_err(self.fail("connect"))?;
        connection.close().await.map_err(self.fail("connect"))
    }

    /// How connections beside this store's get to the same database in the same way.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        (*self.connect_options).clone()
    }

    /// How many connections there are at this moment.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections {
            open: self.pool.pool().size(),
            idle: u32::try_from(self.pool.pool().num_idle()).unwrap_or(u32::MAX),
            max: self.pool.pool().options().get_max_connections(),
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.pool().close().await;
        self.journal.pool().close().await;
        self.settler.database.pool().close().await;
    }

    pub(crate) fn fail(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
        move |source| {
            let source = match &self.relay {
                Some(relay) => relay.explained(source),
                None => source,
            };
            classify(&self.server, operation, source)
        }
    }
}

fn pool_of(max_connections: u32, sessions: Sessions) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(max_connections).acquire_timeout(ACQUIRE_TIMEOUT).after_connect(
        move |connection, _| Box::pin(async move { prepare_session(connection, sessions).await }),
    )
}

/// Sets what the planner is to do for all statements of a session that is ours; docs/design/planner-settings.md has the
/// reasons and the measurements. In a shared session each transaction sets `jit` ([`Database::begin_with`]), and an unnamed
/// statement is planned afresh anyway.
pub(crate) async fn prepare_session(
    connection: &mut PgConnection,
    sessions: Sessions,
) -> Result<(), sqlx::Error> {
    if sessions == Sessions::Own {
        // As text, which prepares nothing: an error of prepared statements is to come where it is told.
        sqlx::raw_sql("SET plan_cache_mode = force_custom_plan; SET jit = off").execute(connection).await?;
    }
    Ok(())
}
