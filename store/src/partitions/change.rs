//! Making and dropping partitions, each in a short transaction that is alone with `raw_records`.

use buffalo_model::{Span, Week};
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::AssertSqlSafe;

use super::partition_name;
use crate::database::Tx;
use crate::{Partition, Store, StoreError};

/// Whoever waits for a lock makes everybody wait who comes after it: behind a reader that takes an hour, ingestion would
/// stand still for an hour. So the wait is short. It is longer than the second (`deadlock_timeout`) after which an
/// autovacuum in the way gives up for our sake.
const BEGIN_IMPATIENTLY: &str = "BEGIN; SET LOCAL lock_timeout = '2s'";

/// What became of a partition that was to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropping {
    /// It is gone.
    Dropped,
    /// Rows of the outbox still need their raw records; it is as it was.
    Needed,
}

impl Store {
    /// Makes the partition of a week, and moves rows of that week into it that lie in the default partition; returns how
    /// many. Nothing is done where it exists already.
    ///
    /// While rows are moved nobody reads or writes raw records: a reader would miss what is on its way, and a writer who
    /// had begun before would be refused by the default partition, which no longer takes that week.
    ///
    /// # Errors
    ///
    /// One for which [`StoreError::is_locked_out`] holds, when others did not let go of the table in time; nothing is
    /// changed then.
    pub async fn create_partition(&self, week: Week) -> Result<i64, StoreError> {
        let span = week.span();
        let (Some(name), Some(from)) = (partition_name(span), span.from) else { return Ok(0) };
        let operation = "make a partition";
        let mut tx = self.begin_alone(operation).await?;
        let exists = sqlx::query_scalar!(r#"SELECT to_regclass($1) IS NOT NULL AS "exists!""#, name)
            .fetch_one(&mut tx)
            .await
            .map_err(self.fail(operation))?;
        if exists {
            return Ok(0);
        }
        // The partition takes over columns, key and compression; ids come from the parent alone.
        let create = format!("CREATE TABLE {name} (LIKE raw_records INCLUDING ALL EXCLUDING IDENTITY)");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut tx).await.map_err(self.fail(operation))?;
        let moved = self.move_from_default_in_tx(&mut tx, &name, from, span.to).await?;
        let attach = format!(
            "ALTER TABLE raw_records ATTACH PARTITION {name} FOR VALUES FROM ('{}') TO ('{}')",
            literal(from),
            literal(span.to)
        );
        sqlx::raw_sql(AssertSqlSafe(attach)).execute(&mut tx).await.map_err(self.fail(operation))?;
        tx.commit().await.map_err(self.fail(operation))?;
        if moved > 0 {
            self.vacuum_default().await?;
        }
        Ok(moved)
    }

    /// Drops a partition with all its rows, unless rows of the outbox need them.
    ///
    /// Whoever puts a row into the outbox touches `raw_records` in the same transaction. So nobody can do so between the
    /// look into the outbox and the end of the partition.
    ///
    /// # Errors
    ///
    /// One for which [`StoreError::is_locked_out`] holds, when others did not let go of the table in time; nothing is
    /// changed then.
    pub async fn drop_partition(&self, partition: &Partition) -> Result<Dropping, StoreError> {
        let Some(name) = partition_name(partition.span) else { return Ok(Dropping::Needed) };
        let operation = "drop a partition";
        let mut tx = self.begin_alone(operation).await?;
        if needed_in_tx(&mut tx, partition.span).await.map_err(self.fail(operation))? {
            return Ok(Dropping::Needed);
        }
        let drop = format!("DROP TABLE IF EXISTS {name}");
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut tx).await.map_err(self.fail(operation))?;
        tx.commit().await.map_err(self.fail(operation))?;
        Ok(Dropping::Dropped)
    }

    /// Begins a transaction beside which nobody reads or writes raw records.
    async fn begin_alone(&self, operation: &'static str) -> Result<Tx<'static>, StoreError> {
        let mut tx = self.pool.begin_with(BEGIN_IMPATIENTLY).await.map_err(self.fail(operation))?;
        // ONLY: everybody comes by way of the parent, and a vacuum of one partition is nobody's business.
        sqlx::query!("LOCK TABLE ONLY raw_records IN ACCESS EXCLUSIVE MODE")
            .execute(&mut tx)
            .await
            .map_err(self.fail(operation))?;
        Ok(tx)
    }

    async fn move_from_default_in_tx(
        &self,
        tx: &mut Tx<'_>,
        name: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        let operation = "move rows out of the default partition";
        let copy = format!(
            "INSERT INTO {name} SELECT * FROM raw_records_default WHERE fetched_at >= $1 AND fetched_at < $2"
        );
        let copied = sqlx::query(AssertSqlSafe(copy))
            .bind(from)
            .bind(to)
            .execute(&mut *tx)
            .await
            .map_err(self.fail(operation))?
            .rows_affected();
        if copied > 0 {
            sqlx::query!(
                "DELETE FROM raw_records_default WHERE fetched_at >= $1 AND fetched_at < $2",
                from,
                to
            )
            .execute(&mut *tx)
            .await
            .map_err(self.fail(operation))?;
        }
        Ok(i64::try_from(copied).unwrap_or(i64::MAX))
    }

    /// Gives back the space of moved rows: every new partition costs a reading of the default one.
    async fn vacuum_default(&self) -> Result<(), StoreError> {
        // Not compile-checked: a maintenance command can't be prepared.
        sqlx::raw_sql("VACUUM raw_records_default")
            .execute(&self.pool)
            .await
            .map_err(self.fail("vacuum the default partition"))?;
        Ok(())
    }
}

async fn needed_in_tx(tx: &mut Tx<'_>, span: Span) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM ingest_outbox WHERE enqueued_at >= coalesce($1::timestamptz, '-infinity') AND enqueued_at < $2
           ) AS "needed!""#,
        span.from,
        span.to,
    )
    .fetch_one(&mut *tx)
    .await
}

/// A bound as PostgreSQL reads it.
fn literal(bound: DateTime<Utc>) -> String {
    bound.to_rfc3339_opts(SecondsFormat::Secs, true)
}
