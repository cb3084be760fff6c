//! The server that is measured on: private, durable (fsync and synchronous_commit on), a fresh database for each part.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use buffalo_jobs::{Effect, Maintain};
use buffalo_model::{FixedClock, Retention};
use buffalo_store::embedded::EmbeddedPostgres;
use buffalo_store::{Sessions, Store, StoreOptions};
use chrono::TimeDelta;
use sqlx::Executor;
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::records::T0;

pub(crate) struct Server {
    postgres: EmbeddedPostgres,
    directory: PathBuf,
    made: AtomicU32,
}

/// A database with Buffalo's tables.
pub(crate) struct Fresh {
    name: String,
    pub(crate) url: String,
    pub(crate) pool: PgPool,
    pub(crate) store: Store,
}

impl Fresh {
    /// So that no part pays for what another wrote.
    pub(crate) async fn checkpoint(&self) -> anyhow::Result<()> {
        sqlx::query("CHECKPOINT").execute(&self.pool).await?;
        Ok(())
    }
}

impl Server {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        // Directly below the temporary directory, where also the server's own user gets when root starts it.
        let directory = std::env::temp_dir().join(format!("buffalo-bench-{}", std::process::id()));
        let postgres = EmbeddedPostgres::start_with_tcp(&directory).await?;
        Ok(Self { postgres, directory, made: AtomicU32::new(0) })
    }

    /// An empty database without tables. A peer's migrations take it for granted that there is a role `postgres`.
    pub(crate) async fn empty_for_peer(&self) -> anyhow::Result<String> {
        let pool = PgPool::connect(self.postgres.url()).await?;
        let sql = "DO $$ BEGIN CREATE ROLE postgres; EXCEPTION WHEN duplicate_object THEN NULL; END $$";
        sqlx::query(sql).execute(&pool).await?;
        pool.close().await;
        Ok(self.postgres.url_for(&self.empty().await?))
    }

    /// Makes a database; returns its name.
    async fn empty(&self) -> anyhow::Result<String> {
        let name = format!("bench_{}", self.made.fetch_add(1, Ordering::Relaxed));
        let pool = PgPool::connect(self.postgres.url()).await?;
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await?;
        pool.close().await;
        Ok(name)
    }

    pub(crate) async fn fresh(&self) -> anyhow::Result<Fresh> {
        let name = self.empty().await?;
        let url = self.postgres.url_for(&name);
        let options = StoreOptions { url: url.clone().into(), max_connections: 8, sessions: Sessions::Own };
        let store = Store::new(&options).map_err(anyhow::Error::msg)?;
        store.migrate().await?;
        make_partitions(&store).await?;
        // Plain SQL is not handicapped by what Buffalo's sessions do without.
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute("SET jit = off").await.map(drop) })
            })
            .connect_with(store.connect_options())
            .await?;
        Ok(Fresh { name, url, pool, store })
    }

    /// Drops a database, so that neither its size nor its vacuuming disturbs the next part.
    pub(crate) async fn discard(&self, database: Fresh) -> anyhow::Result<()> {
        database.store.close().await;
        database.pool.close().await;
        let pool = PgPool::connect(self.postgres.url()).await?;
        let sql = format!("DROP DATABASE {} WITH (FORCE)", database.name);
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await?;
        pool.close().await;
        Ok(())
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.postgres.stop().await?;
        std::fs::remove_dir_all(&self.directory)?;
        Ok(())
    }
}

/// The partitions of a database that has been maintained for a quarter, which is how long history is kept: each
/// maintenance makes five.
async fn make_partitions(store: &Store) -> anyhow::Result<()> {
    for weeks_ago in [15, 10, 5, 0] {
        let clock = FixedClock::at(*T0 - TimeDelta::weeks(weeks_ago));
        let retention = Retention::ForEver;
        Maintain { store, clock: &clock, retention, effect: Effect::Done }.run().await?;
    }
    Ok(())
}
