//! A private PostgreSQL for `buffalo demo` and for tests, kept in one directory and reachable by a Unix
//! socket only; for benchmarks by TCP on the loopback interface only, as users connect.
//!
//! The server belongs to this process: it is started here, stopped here, and a server that a killed process
//! left behind is stopped by the next start. Everything lives in the data directory:
//!
//! | entry           | what it is                                                                   |
//! |-----------------|------------------------------------------------------------------------------|
//! | `postgres/`     | the database; `postgres.new/` while it is being created                      |
//! | `run/`          | the directory of the Unix socket, closed to everybody but the server's user  |
//! | `settings.conf` | the server's settings, written anew before each start                        |
//! | `postgres.log`  | what the server says                                                         |
//! | `lock`          | locked by the process that uses the directory, and holds its process id      |
//!
//! The work is blocking and runs in [`tokio::task::spawn_blocking`]. That is on purpose: when a caller drops
//! a future half-way (a Ctrl-C during the start), the work still runs to its end and its result is dropped,
//! which stops the server. A start that could be cut in the middle would leave a server nobody knows of.

mod data_dir;
mod error;
mod initialise;
mod install_hint;
mod locate;
mod postmaster;
mod programs;
mod server;
mod server_user;
mod settings;
mod socket_dir;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

pub use data_dir::default_data_dir;
pub use error::EmbeddedError;
use server::Server;

/// The database that [`EmbeddedPostgres::url`] leads to, created when it is missing.
const DATABASE: &str = "buffalo";

/// The database role that owns everything. It is the same whichever user of the system runs the server.
const ROLE: &str = "buffalo";

/// Names the socket's file (`.s.PGSQL.5432`) of a server that listens on no TCP port.
const PORT: u16 = 5432;

/// A running private PostgreSQL server.
///
/// Call [`stop`](Self::stop) when done. Dropping it stops the server too, but blocks the thread while doing
/// so and swallows errors: that is the way out of error paths, not the normal end.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    server: Arc<Server>,
    url: String,
}

impl EmbeddedPostgres {
    /// Starts (initialising if needed) the private server kept in `data_dir`.
    ///
    /// The first start takes a few seconds, later ones about one. Fails when no PostgreSQL is installed, when
    /// another process uses the directory, and when the server does not come up; nothing is left running
    /// then.
    pub async fn start(data_dir: &Path) -> Result<Self, EmbeddedError> {
        Self::start_reachable(data_dir, None).await
    }

    /// The same, reachable by TCP on the loopback interface, with a password that is new at each start. The
    /// URLs are those of TCP. `data_dir` must not have been used by [`EmbeddedPostgres::start`] of an older
    /// program, whose server refuses TCP.
    pub async fn start_with_tcp(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let tcp = Tcp::any_port().map_err(EmbeddedError::io("find a free port for", data_dir))?;
        Self::start_reachable(data_dir, Some(tcp)).await
    }

    async fn start_reachable(data_dir: &Path, tcp: Option<Tcp>) -> Result<Self, EmbeddedError> {
        let data_dir = data_dir.to_path_buf();
        let server = blocking(move || Server::start(&data_dir, tcp)).await?;
        let url = server.url_for(DATABASE);
        Ok(Self { server: Arc::new(server), url })
    }

    /// The connection URL of the database `buffalo`, as understood by sqlx and by `psql`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The connection URL of another database of this server, which need not exist.
    pub fn url_for(&self, database: &str) -> String {
        self.server.url_for(database)
    }

    /// Shuts the server down, which ends every connection, and starts it again at the same URL.
    pub async fn restart(&self) -> Result<(), EmbeddedError> {
        let server = Arc::clone(&self.server);
        blocking(move || server.restart()).await
    }

    /// Shuts the server down, which ends every connection, and releases the directory.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        blocking(move || self.server.stop()).await
    }
}

/// Runs blocking work to its end, whether or not the caller still waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EmbeddedError> + Send + 'static,
) -> Result<T, EmbeddedError> {
    match spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
        Err(_) => Err(EmbeddedError::Interrupted),
    }
}

/// Where a server listens besides its socket, and the password that it asks for there.
#[derive(Debug, Clone)]
struct Tcp {
    port: u16,
    password: String,
}

impl Tcp {
    /// A port that is free at this moment, and a random password.
    fn any_port() -> std::io::Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        Ok(Self { port, password: uuid::Uuid::new_v4().simple().to_string() })
    }
}

/// The port is spelled out because sqlx otherwise takes it from `PGPORT`; `localhost` gives way to the `host`
/// parameter.
fn connection_url(socket_dir: &Path, tcp: Option<&Tcp>, database: &str) -> String {
    let database = percent_encoded(database.as_bytes());
    match tcp {
        Some(Tcp { port, password }) => {
            format!("postgres://{ROLE}:{password}@127.0.0.1:{port}/{database}")
        }
        None => {
            let host = percent_encoded(socket_dir.as_os_str().as_encoded_bytes());
            format!("postgres://{ROLE}@localhost:{PORT}/{database}?host={host}")
        }
    }
}

/// Encodes everything but the characters that RFC 3986 never gives a meaning, so that it fits any part of a
/// URL.
fn percent_encoded(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
