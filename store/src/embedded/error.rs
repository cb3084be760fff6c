//! What can go wrong with the private server, said so that the reader knows what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// Why the private server could not be started or stopped.
///
/// Every message is one line. Where there is an underlying system error it is the `source`, so print the
/// whole chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// No usable server programs were found.
    #[error("PostgreSQL 14 or newer is needed, but this system has {found}: {install}, then try again")]
    NotInstalled {
        /// The major versions that were found, or `none`.
        found: String,
        /// The instruction that installs it on this system.
        install: String,
    },

    /// The database was made by a major version whose programs are not installed.
    #[error(
        "the database in {} was made by PostgreSQL {made_by}, but this system has {installed}: install \
         PostgreSQL {made_by}, or pass another --data-dir to start with an empty database",
        data_dir.display()
    )]
    OtherVersion {
        /// The data directory.
        data_dir: PathBuf,
        /// The major version in its `PG_VERSION`.
        made_by: u32,
        /// The installed major versions, newest first.
        installed: String,
    },

    /// Neither `XDG_DATA_HOME` nor `HOME` says where to keep data.
    #[error("HOME is not set, so there is no usual place for the data: pass --data-dir")]
    NoHome,

    /// The path holds characters that the server's own tools cannot carry.
    #[error(
        "the directory {} has a quote, dollar, backslash, backquote, control or non-UTF-8 character in its path: \
         pass another --data-dir",
        path.display()
    )]
    UnusableName {
        /// The path as given.
        path: PathBuf,
    },

    /// A directory on the way to the data is closed to the user who runs the server.
    #[error(
        "the server runs as {user}, because it refuses to run as root, and {user} cannot enter {}: pass --data-dir \
         with a directory outside of it, such as /var/lib/buffalo",
        directory.display()
    )]
    Unreachable {
        /// The directory that is closed.
        directory: PathBuf,
        /// The user who runs the server.
        user: String,
    },

    /// The database's files belong to somebody who cannot or must not run the server.
    #[error("{} belongs to user id {uid}: {advice}", directory.display())]
    NotOurs {
        /// The database's directory.
        directory: PathBuf,
        /// Its owner.
        uid: u32,
        /// What to do.
        advice: &'static str,
    },

    /// As root, there is no other user who could run the server.
    #[error(
        "the server refuses to run as root and this system has neither a user `postgres` nor a user `nobody`: \
         add a user `postgres`"
    )]
    NoServerUser,

    /// Another process uses the directory.
    #[error("{holder} already uses {}: stop it, or pass another --data-dir", data_dir.display())]
    InUse {
        /// The data directory.
        data_dir: PathBuf,
        /// The process that holds the lock, as far as it is known.
        holder: String,
    },

    /// The database's directory is there but is not a whole database.
    #[error(
        "{} is not a complete database ({missing} is missing): move the directory away to start with an empty \
         database, or pass another --data-dir",
        directory.display()
    )]
    Incomplete {
        /// The database's directory.
        directory: PathBuf,
        /// The file that every database has.
        missing: &'static str,
    },

    /// One of the server's programs reported a failure.
    #[error("{program} failed: {reason}")]
    Failed {
        /// The program and what it was asked to do.
        program: &'static str,
        /// Its last words, or those of the server's log, in one line.
        reason: String,
    },

    /// One of the server's programs did not end in time and was killed.
    #[error("{program} did not end within {limit_seconds} seconds: see {}", log.display())]
    TimedOut {
        /// The program and what it was asked to do.
        program: &'static str,
        /// How long it was given.
        limit_seconds: u64,
        /// Where the server says more.
        log: PathBuf,
    },

    /// The operating system refused something.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The async runtime is shutting down.
    #[error("the program is ending, so the private PostgreSQL server was not touched")]
    Interrupted,
}

impl EmbeddedError {
    /// For `map_err` after a file operation: says what was tried on which file.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
