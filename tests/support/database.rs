//! A database of its own for every test, on the server that `TEST_DATABASE_URL` names.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use buffalo_store::MIGRATOR;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// A fresh database with all tables; dropped by [`TestDatabase::drop_it`], or with the server.
pub struct TestDatabase {
    #[allow(dead_code, reason = "not every test crate connects by itself")]
    pub url: String,
    /// The way by which users connect, and so the program that is tested.
    #[allow(dead_code, reason = "not every test crate runs the program")]
    pub tcp_url: String,
    pub pool: PgPool,
    name: String,
    server: PgConnectOptions,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl TestDatabase {
    pub async fn create() -> Self {
        Self::create_with(&MIGRATOR).await
    }

    /// The same as it was before a migration.
    #[allow(dead_code, reason = "not every test crate migrates")]
    pub async fn before_migration(version: i64) -> Self {
        let older = MIGRATOR.iter().filter(|migration| migration.version < version).cloned().collect();
        Self::create_with(&Migrator::with_migrations(older)).await
    }

    async fn create_with(migrator: &Migrator) -> Self {
        let server_url = std::env::var("TEST_DATABASE_URL")
            .expect("TEST_DATABASE_URL names the server for tests; scripts/test starts one and sets it");
        let server = PgConnectOptions::from_str(&server_url).unwrap();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let mut connection = server.connect().await.expect("the test server answers");
        for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let options = server.clone().database(&name);
        let url = options.to_url_lossy().to_string();
        let tcp_url = std::env::var("TEST_DATABASE_TCP_URL").unwrap_or(server_url);
        let tcp_url =
            PgConnectOptions::from_str(&tcp_url).unwrap().database(&name).to_url_lossy().to_string();
        let urls = (url, tcp_url);
        Self::migrated(urls, options, name, server, migrator).await
    }

    /// The same on another server, whose database exists already.
    #[allow(dead_code, reason = "not every test crate starts servers of its own")]
    pub async fn at(url: &str) -> Self {
        let options = PgConnectOptions::from_str(url).unwrap();
        Self::migrated(
            (url.to_owned(), url.to_owned()),
            options.clone(),
            "postgres".to_owned(),
            options,
            &MIGRATOR,
        )
        .await
    }

    async fn migrated(
        (url, tcp_url): (String, String),
        options: PgConnectOptions,
        name: String,
        server: PgConnectOptions,
        migrator: &Migrator,
    ) -> Self {
        let pool = PgPoolOptions::new().max_connections(5).connect_with(options).await.unwrap();
        migrator.run(&pool).await.unwrap();
        Self { url, tcp_url, pool, name, server }
    }

    /// Drops the database; a test that fails leaves it for a person to look at.
    pub async fn drop_it(self) {
        self.pool.close().await;
        let mut connection = self.server.connect().await.unwrap();
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }

    /// A single number.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// A single text; `<null>` where there is none.
    #[allow(dead_code, reason = "not every test crate reads texts")]
    pub async fn text(&self, sql: &'static str) -> String {
        let text: Option<String> = sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap();
        text.unwrap_or_else(|| "<null>".to_owned())
    }

    /// Any statement.
    #[allow(dead_code, reason = "not every test crate changes rows by hand")]
    pub async fn run(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.pool).await.unwrap();
    }
}
