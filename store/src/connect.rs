//! The way into the database: connections, their settings, and migrations.

use std::str::FromStr;
use std::time::Duration;

use buffalo_model::NotifyOn;
use secrecy::{ExposeSecret, SecretString};
use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::StoreError;
use crate::error::classify;

/// The migrations of this program, embedded at compile time.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The connection URL (`DATABASE_URL`).
    pub url: SecretString,
    /// The most connections at once (`DATABASE_POOL_MAX`).
    pub max_connections: u32,
}

/// A connection that was idle for longer is asked whether it lives before it is used. One that was in use a moment ago is
/// not: that would be a second question for each.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The database, as the rest of Buffalo sees it. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
    /// A single connection for the journal of claims: a worker that waited for one of the pool while holding another
    /// might wait for ever.
    pub(crate) journal: PgPool,
    pub(crate) connect_options: PgConnectOptions,
    pub(crate) server: String,
    pub(crate) notify_on: NotifyOn,
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

impl Store {
    /// Prepares connections; none is opened yet.
    ///
    /// # Errors
    ///
    /// A message that says what is wrong with the URL, without quoting it.
    pub fn new(options: &StoreOptions) -> Result<Self, String> {
        let connect_options = PgConnectOptions::from_str(options.url.expose_secret())
            .map_err(|_| {
                "is not a PostgreSQL URL such as postgres://user:password@host:5432/name".to_owned()
            })?
            .application_name("buffalo");
        let server = match connect_options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", connect_options.get_host(), connect_options.get_port()),
        };
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, used| {
                Box::pin(async move {
                    if used.idle_for > TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| Box::pin(async move { prepare_session(connection).await }))
            .connect_lazy_with(connect_options.clone());
        let journal = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(connect_options.clone());
        Ok(Self { pool, journal, connect_options, server, notify_on: NotifyOn::default() })
    }

    /// The same database; of what runs come to, these kinds are told (`NOTIFY_ON`).
    #[must_use]
    pub fn telling(self, notify_on: NotifyOn) -> Self {
        Self { notify_on, ..self }
    }

    /// Brings the tables up to this program's version; safe to run twice and from two processes at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`], or [`StoreError::Migration`] that says which migration did not work.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATOR.run(&self.pool).await.map_err(|error| match error {
            MigrateError::Execute(source) => self.fail("migrate")(source),
            MigrateError::VersionMissing(version) => StoreError::Migration(format!(
                "it has migration {version}, which this program does not know; use the newer program"
            )),
            MigrateError::VersionMismatch(version) => {
                StoreError::Migration(format!("migration {version} was changed after it had been applied"))
            }
            MigrateError::ExecuteMigration(source, version) => {
                let state = source.as_database_error().and_then(|error| error.code()).unwrap_or_default();
                tracing::debug!(error = %source, "migration failed");
                StoreError::Migration(format!("migration {version} failed (SQLSTATE {state})"))
            }
            other => {
                tracing::debug!(error = %other, "migration failed");
                StoreError::Migration("its migration table can't be used".to_owned())
            }
        })
    }

    /// How many of this program's migrations the database lacks.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; a database without any table lacks all of them.
    pub async fn pending_migrations(&self) -> Result<usize, StoreError> {
        let known = MIGRATOR.iter().filter(|migration| !migration.migration_type.is_down_migration()).count();
        // Not compile-checked: the table belongs to sqlx and may not exist yet.
        let applied: Result<i64, _> =
            sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success")
                .fetch_one(&self.pool)
                .await;
        match applied.map_err(self.fail("read the list of migrations")) {
            Ok(applied) => Ok(known.saturating_sub(usize::try_from(applied).unwrap_or(0))),
            Err(StoreError::SchemaMissing) => Ok(known),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that the database can be reached, without the patience that a running process has.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and [`StoreError::AccessDenied`].
    pub async fn reach(&self) -> Result<(), StoreError> {
        let connecting = tokio::time::timeout(REACH_TIMEOUT, self.connect_options.connect());
        let connected = match connecting.await {
            Ok(connected) => connected,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        };
        let connection = connected.map_err(self.fail("connect"))?;
        connection.close().await.map_err(self.fail("connect"))
    }

    /// How many connections there are at this moment.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections {
            open: self.pool.size(),
            idle: u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX),
            max: self.pool.options().get_max_connections(),
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
        self.journal.close().await;
    }

    pub(crate) fn fail(&self, operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
        move |source| classify(&self.server, operation, source)
    }
}

/// Generic plans guess at LIMIT and at time ranges, and a wrong guess on the outbox is a full sort at every claim;
/// planning afresh costs a fraction of a millisecond per batch.
pub(crate) async fn prepare_session(connection: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SET plan_cache_mode = force_custom_plan").execute(connection).await?;
    Ok(())
}
