//! Migrations: bringing the tables up to this program's version.

use sqlx::migrate::{MigrateError, Migrator};

use crate::{Sessions, Store, StoreError};

/// The migrations of this program, embedded at compile time.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// How a transaction begins that migrates in a shared session. The driver gives names to the statements of its migrator and
/// leaves them in the session, where a later migration would stumble over them. The lock's number means nothing.
const BEGIN_ALONE: &str = r"BEGIN;
    DO $$
    DECLARE left_behind text;
    BEGIN
        FOR left_behind IN SELECT name FROM pg_prepared_statements WHERE name LIKE 'sqlx\_s\_%' LOOP
            EXECUTE 'DEALLOCATE ' || quote_ident(left_behind);
        END LOOP;
    END $$;
    SELECT pg_advisory_xact_lock(4776439110431)";

impl Store {
    /// Brings the tables up to this program's version; safe to run twice and from two processes at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`], or [`StoreError::Migration`] that says which migration did not work.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let done = match self.pool.sessions() {
            Sessions::Own => MIGRATOR.run(self.pool.pool()).await,
            Sessions::Shared => self.migrate_in_one_transaction().await,
        };
        done.map_err(|error| match error {
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

    /// Behind a pooler that shares sessions only a transaction keeps one: migrations are done all or not at all.
    async fn migrate_in_one_transaction(&self) -> Result<(), MigrateError> {
        let mut tx = self.pool.begin_with(BEGIN_ALONE).await?;
        let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
        migrator.set_locking(false).run_direct(None, tx.connection(), false).await?;
        Ok(tx.commit().await?)
    }
}
