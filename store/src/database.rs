//! Statements and transactions, also behind a pooler that shares sessions.
//!
//! A pooler in transaction mode lends a session for one transaction at a time. What a session keeps is lost with it or, worse,
//! met by somebody else: prepared statements, settings, advisory locks, temporary tables. So there a statement is always
//! an unnamed one, and always in a transaction: the driver prepares it in one exchange and executes it in the next, and
//! between two exchanges only a transaction keeps the session.

use std::str::FromStr;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, TryStreamExt};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgPool, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, Connection, Describe, Either, Execute, Executor, PgConnection, Postgres, SqlSafeStr,
    SqlStr, Transaction,
};

/// Whose the sessions of the server are (`DATABASE_POOLER`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sessions {
    /// Each connection is a session: there is no pooler, or one in session mode.
    #[default]
    Own,
    /// Each transaction may have another session: there is a pooler in transaction mode.
    Shared,
}

impl FromStr for Sessions {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" | "session" => Ok(Self::Own),
            "transaction" => Ok(Self::Shared),
            _ => Err("it must be none, session or transaction: the mode of the pooler, if there is one"),
        }
    }
}

/// Connections to the database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pool: PgPool,
    sessions: Sessions,
}

/// A transaction, or a savepoint in one.
#[derive(Debug)]
pub(crate) struct Tx<'c> {
    inner: Transaction<'c, Postgres>,
    sessions: Sessions,
}

impl Database {
    pub(crate) fn new(pool: PgPool, sessions: Sessions) -> Self {
        Self { pool, sessions }
    }

    pub(crate) fn sessions(&self) -> Sessions {
        self.sessions
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) async fn begin(&self) -> Result<Tx<'static>, sqlx::Error> {
        self.begin_with("BEGIN").await
    }

    /// Begins with a statement of the caller's.
    pub(crate) async fn begin_with(&self, statement: impl SqlSafeStr) -> Result<Tx<'static>, sqlx::Error> {
        let inner = match self.sessions {
            Sessions::Own => self.pool.begin_with(statement).await?,
            Sessions::Shared => {
                // What `prepare_session` sets for a session that is ours.
                let statement = format!("{}; SET LOCAL jit = off", statement.into_sql_str().as_str());
                self.pool.begin_with(AssertSqlSafe(statement)).await?
            }
        };
        Ok(Tx { inner, sessions: self.sessions })
    }
}

impl Tx<'_> {
    /// Sets a savepoint, to which everything is rolled back unless it is committed.
    pub(crate) async fn begin(&mut self) -> Result<Tx<'_>, sqlx::Error> {
        Ok(Tx { inner: self.inner.begin().await?, sessions: self.sessions })
    }

    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await
    }

    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.inner.rollback().await
    }

    /// For what is no statement with parameters: COPY, migrations.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

/// A query whose statement gets no name, so that nothing of it is left in the session.
struct Unnamed<E> {
    query: E,
    arguments: Result<Option<PgArguments>, BoxDynError>,
}

impl<E> Unnamed<E> {
    fn of<'q>(mut query: E) -> Self
    where
        E: Execute<'q, Postgres>,
    {
        Self { arguments: query.take_arguments(), query }
    }

    /// Whether it is sent as text alone, in one exchange, and prepares nothing.
    fn is_text(&self) -> bool {
        matches!(self.arguments, Ok(None))
    }
}

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Unnamed<E> {
    fn sql(self) -> SqlStr {
        self.query.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.query.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        std::mem::replace(&mut self.arguments, Ok(None))
    }

    fn persistent(&self) -> bool {
        false
    }
}

type Step = Either<PgQueryResult, PgRow>;

impl<'p> Executor<'p> for &'p Database {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.sessions == Sessions::Own {
            return self.pool.fetch_many(query);
        }
        let query = Unnamed::of(query);
        if query.is_text() {
            return self.pool.fetch_many(query);
        }
        let in_transaction = async move {
            let mut tx = self.begin().await?;
            let steps: Vec<Step> = tx.connection().fetch_many(query).try_collect().await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(stream::iter(steps.into_iter().map(Ok)))
        };
        Box::pin(stream::once(in_transaction).try_flatten())
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        match self.sessions {
            Sessions::Own => self.pool.fetch_optional(query),
            Sessions::Shared => Box::pin(async move { self.fetch(query).try_next().await }),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        self.pool.describe(sql)
    }
}

impl<'t> Executor<'t> for &'t mut Tx<'_> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, sqlx::Error>>
    where
        't: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        match self.sessions {
            Sessions::Own => self.connection().fetch_many(query),
            Sessions::Shared => self.connection().fetch_many(Unnamed::of(query)),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        't: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        match self.sessions {
            Sessions::Own => self.connection().fetch_optional(query),
            Sessions::Shared => self.connection().fetch_optional(Unnamed::of(query)),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        't: 'e,
    {
        self.connection().prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        't: 'e,
    {
        self.connection().describe(sql)
    }
}
