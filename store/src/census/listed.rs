//! The ids that a source listed, kept for as long as a census is under way.

use std::collections::HashSet;

use buffalo_model::{Entity, Source};
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

use crate::connect::prepare_session;
use crate::database::Database;
use crate::{Sessions, Store};

/// Extra records that a repair takes at once.
const EXTRA_AT_ONCE: i64 = 1_000;

/// The ids.
#[derive(Debug)]
pub(super) enum Listed {
    /// In a temporary table of a connection of its own: memory stays constant whatever the account's size.
    Table(PgConnection),
    /// In memory, about 100 bytes each: a shared session keeps no table.
    Memory {
        ids: HashSet<Box<str>>,
        /// The last stored id that was looked at.
        looked_at: Option<String>,
    },
}

/// Records that are stored and not gone.
pub(super) struct Sought<'a> {
    pub(super) source: &'a Source,
    pub(super) entity: Entity,
    /// From this time on; none for all.
    pub(super) since: Option<DateTime<Utc>>,
    /// Up to this time.
    pub(super) until: DateTime<Utc>,
}

impl Listed {
    pub(super) async fn begin(store: &Store) -> Result<Self, sqlx::Error> {
        if store.pool.sessions() == Sessions::Shared {
            return Ok(Self::Memory { ids: HashSet::new(), looked_at: None });
        }
        let mut connection = store.connect_options.connect().await?;
        prepare_session(&mut connection, Sessions::Own).await?;
        sqlx::query("CREATE TEMPORARY TABLE census (external_id text PRIMARY KEY)")
            .execute(&mut connection)
            .await?;
        Ok(Self::Table(connection))
    }

    /// Notes ids; returns those that were not noted before.
    pub(super) async fn note(&mut self, external_ids: &[&str]) -> Result<HashSet<String>, sqlx::Error> {
        match self {
            Self::Memory { ids, .. } => {
                let fresh = external_ids.iter().filter(|id| ids.insert(Box::from(**id)));
                Ok(fresh.map(|id| (*id).to_owned()).collect())
            }
            Self::Table(connection) => {
                let sql = "INSERT INTO census SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING external_id";
                let fresh: Vec<String> =
                    sqlx::query_scalar(sql).bind(external_ids).fetch_all(connection).await?;
                Ok(fresh.into_iter().collect())
            }
        }
    }

    /// Up to a thousand of the sought records that were not listed; none when there are no more.
    pub(super) async fn extra(
        &mut self,
        database: &Database,
        sought: &Sought<'_>,
    ) -> Result<Vec<String>, sqlx::Error> {
        let (ids, looked_at) = match self {
            Self::Memory { ids, looked_at } => (ids, looked_at),
            Self::Table(connection) => {
                let unlisted =
                    "NOT EXISTS (SELECT FROM census WHERE census.external_id = stored.external_id)";
                return sought.ids(connection, unlisted, None).await;
            }
        };
        loop {
            let stored =
                sought.ids(database, "external_id > $6", Some(looked_at.as_deref().unwrap_or(""))).await?;
            let Some(last) = stored.last() else { return Ok(Vec::new()) };
            *looked_at = Some(last.clone());
            let extra: Vec<String> = stored.into_iter().filter(|id| !ids.contains(id.as_str())).collect();
            if !extra.is_empty() {
                return Ok(extra);
            }
        }
    }
}

impl Sought<'_> {
    /// The first thousand ids, in their order, for which a condition holds. It can't be checked when it is compiled, as the
    /// temporary table is in no migration.
    async fn ids<'c>(
        &self,
        database: impl sqlx::Executor<'c, Database = sqlx::Postgres>,
        condition: &str,
        after: Option<&str>,
    ) -> Result<Vec<String>, sqlx::Error> {
        let sql = format!(
            "SELECT external_id FROM {} stored
             WHERE source = $1 AND entity = $2 AND deleted_at IS NULL
               AND ($3::timestamptz IS NULL OR {time} >= $3) AND {time} < $4 AND {condition}
             ORDER BY external_id LIMIT $5",
            // One of three tables, which are called as the entities are.
            self.entity,
            time = match self.entity {
                Entity::Payments => "occurred_at",
                Entity::Contacts => "observed_at",
                Entity::Events => "coalesce(vendor_created_at, observed_at)",
            },
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(self.source.as_str())
            .bind(self.entity.as_str())
            .bind(self.since)
            .bind(self.until)
            .bind(EXTRA_AT_ONCE);
        match after {
            Some(after) => query.bind(after).fetch_all(database).await,
            None => query.fetch_all(database).await,
        }
    }
}
