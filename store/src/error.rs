//! What can go wrong in Postgres, told apart by what to do about it.

/// A failed operation on the store. Messages name the thing and what to do; driver text stays in the source.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server can't be reached, or the connection to it was lost. Trying again may help.
    #[error("the database at {server} can't be reached ({operation})")]
    Unreachable {
        /// Host and port, or socket directory.
        server: String,
        /// What was being done.
        operation: &'static str,
        /// The driver's account.
        #[source]
        source: sqlx::Error,
    },
    /// The server was reached and does not let us in, or has no such database.
    #[error(
        "the database at {server} refuses the user, password or name in DATABASE_URL (SQLSTATE {sqlstate})"
    )]
    AccessDenied {
        /// Host and port, or socket directory.
        server: String,
        /// PostgreSQL's code for the reason.
        sqlstate: String,
    },
    /// The server's TLS is not what `DATABASE_URL` asks for.
    #[error("the database at {server} {what}")]
    Untrusted {
        /// Host and port.
        server: String,
        /// What is wrong and what to do.
        what: String,
    },
    /// Something that a session keeps is not there, or there already: each transaction has another session.
    #[error(
        "the database at {server} is behind a pooler in transaction mode: set DATABASE_POOLER=transaction (SQLSTATE {sqlstate})"
    )]
    SessionShared {
        /// Host and port, or socket directory.
        server: String,
        /// PostgreSQL's code for what was missed.
        sqlstate: String,
    },
    /// The database exists but the tables do not.
    #[error("the database has no Buffalo tables yet, or old ones: run `buffalo migrate`")]
    SchemaMissing,
    /// The migrations in the database are not the ones of this program.
    #[error("the database can't be migrated: {0}")]
    Migration(String),
    /// Another producer has moved the cursor since it was read, so nothing was written.
    #[error("another producer moved the cursor of {source_name} {entity} meanwhile; nothing was written")]
    CursorConflict {
        /// The source.
        source_name: String,
        /// The entity.
        entity: &'static str,
    },
    /// The session that held the producer's lock is gone.
    #[error("the lock on {0} was lost")]
    LockLost(String),
    /// A row that was claimed is not there any more, so nothing was settled.
    #[error("{found} of {expected} claimed outbox rows could be settled; nothing was changed")]
    SettledOther {
        /// Rows that were claimed.
        expected: u64,
        /// Rows that were still there.
        found: u64,
    },
    /// What is stored can't be read as what it should be.
    #[error("{table} holds something this program can't read: {what}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The figures can't be proved.
    #[error(transparent)]
    Drift(#[from] buffalo_model::RevenueDrift),
    /// A figure can't be reckoned with.
    #[error(transparent)]
    Overflow(buffalo_model::Overflow),
    /// A question about revenue that is not answered as it was asked.
    #[error(transparent)]
    Unanswerable(#[from] buffalo_model::RevenueQueryError),
    /// The database refused the operation.
    #[error("the database refused to {operation} (SQLSTATE {sqlstate})")]
    Refused {
        /// What was being done.
        operation: &'static str,
        /// PostgreSQL's code for the reason.
        sqlstate: String,
        /// The driver's account.
        #[source]
        source: sqlx::Error,
    },
    /// Anything else.
    #[error("the database could not {operation}")]
    Other {
        /// What was being done.
        operation: &'static str,
        /// The driver's account.
        #[source]
        source: sqlx::Error,
    },
}

impl StoreError {
    /// Whether the same call may succeed a little later: connection lost, server starting or stopping, serialisation
    /// failure, deadlock, too many connections.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { sqlstate, .. } => is_transient_state(sqlstate),
            _ => false,
        }
    }

    /// Whether a lock was not to be had in the time that was given to it, or only by a deadlock: others are at work.
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        // 55P03: lock not available; 40P01: deadlock detected.
        matches!(self, Self::Refused { sqlstate, .. } if matches!(sqlstate.as_str(), "55P03" | "40P01"))
    }

    /// Whether a value was refused as such, so that the same rows will be refused again.
    pub(crate) fn is_about_the_data(&self) -> bool {
        // Class 22: data exception; class 23: integrity constraint violation; 54000: program limit exceeded.
        matches!(self, Self::Refused { sqlstate, .. }
            if sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("54"))
    }
}

/// Codes from PostgreSQL's appendix A: class 08 connection exception, 40001 serialization failure, 40P01 deadlock,
/// 53300 too many connections, class 57P server shutting down or starting, 55P03 lock not available.
fn is_transient_state(sqlstate: &str) -> bool {
    sqlstate.starts_with("08")
        || sqlstate.starts_with("57P")
        || matches!(sqlstate, "40001" | "40P01" | "53300" | "55P03")
}

/// Sorts a driver error: `server` is where it was talking to, `operation` completes "the database refused to …".
pub(crate) fn classify(server: &str, operation: &'static str, source: sqlx::Error) -> StoreError {
    if let Some(sqlstate) = source.as_database_error().and_then(|error| error.code()) {
        let sqlstate = sqlstate.into_owned();
        // 42P01 undefined table, 42703 undefined column, 3F000 no such schema.
        return match sqlstate.as_str() {
            "42P01" | "42703" | "3F000" => StoreError::SchemaMissing,
            // 28000 and 28P01 authentication, 3D000 no such database.
            "28000" | "28P01" | "3D000" => StoreError::AccessDenied { server: server.to_owned(), sqlstate },
            // 26000 and 42P05: a prepared statement that is not there, or there already.
            "26000" | "42P05" => StoreError::SessionShared { server: server.to_owned(), sqlstate },
            _ => StoreError::Refused { operation, sqlstate, source },
        };
    }
    if let Some(what) = crate::tls::trouble(&source) {
        return StoreError::Untrusted { server: server.to_owned(), what };
    }
    match source {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => {
            StoreError::Unreachable { server: server.to_owned(), operation, source }
        }
        _ => StoreError::Other { operation, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pool_is_worth_another_try_and_a_missing_row_is_not() {
        assert!(classify("db:5432", "read", sqlx::Error::PoolTimedOut).is_transient());
        assert!(!classify("db:5432", "read", sqlx::Error::RowNotFound).is_transient());
    }

    #[test]
    fn transient_states_are_those_that_pass_by_themselves() {
        for state in ["08006", "40001", "40P01", "53300", "57P01", "57P03"] {
            assert!(is_transient_state(state), "{state}");
        }
        for state in ["22021", "23505", "42501", "28P01", "3D000"] {
            assert!(!is_transient_state(state), "{state}");
        }
    }
}
