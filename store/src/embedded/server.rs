//! The server's life: prepared, started, restarted, stopped. Everything here blocks.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::initialise::{initialise, prepare_database};
use super::locate::{SearchPlaces, choose};
use super::postmaster::{clear_leftover, stop_server};
use super::programs::{Programs, last_words};
use super::server_user::ServerUser;
use super::settings::write_settings;
use super::socket_dir::SocketDir;
use super::{Tcp, connection_url};

/// How long the server may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How much of the log is looked at for the reason of a failed start.
const LOG_BYTES: u64 = 64 * 1024;

/// A private server, running from when the value exists until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    programs: Programs,
    cluster: PathBuf,
    /// Held by whoever starts or stops the server, so that a restart and a stop do not cross.
    transition: Mutex<()>,
    socket_dir: SocketDir,
    tcp: Option<Tcp>,
    data_dir: DataDir,
}

impl Server {
    /// Takes the directory, makes it whole, and starts its server.
    pub(super) fn start(data_dir: &Path, tcp: Option<Tcp>) -> Result<Self, EmbeddedError> {
        let data_dir = DataDir::claim(data_dir)?;
        let cluster = data_dir.cluster();
        let user = ServerUser::for_database(&cluster)?;
        let made_by = data_dir.made_by()?;
        let installation = choose(SearchPlaces::of_this_system().installations(), made_by, data_dir.path())?;
        data_dir.open_to(&user)?;
        let programs = Programs { installation, user, log: data_dir.log() };
        if made_by.is_none() {
            initialise(&programs, &data_dir)?;
        }
        clear_leftover(&programs, &cluster)?;
        let socket_dir = SocketDir::prepare(&data_dir, &programs.user)?;
        write_settings(&programs, &cluster, socket_dir.path(), tcp.as_ref(), &data_dir.settings())?;
        let server = Self { programs, cluster, transition: Mutex::new(()), socket_dir, tcp, data_dir };
        // When this fails, dropping the value stops what has been started.
        server.launch()?;
        Ok(server)
    }

    /// Stops the server and starts it at the same socket.
    pub(super) fn restart(&self) -> Result<(), EmbeddedError> {
        let _transition = self.transition.lock().unwrap_or_else(PoisonError::into_inner);
        stop_server(&self.programs, &self.cluster)?;
        // A server that crashed instead of being stopped is cleared away here and recovered by the launch.
        clear_leftover(&self.programs, &self.cluster)?;
        self.launch()
    }

    /// Stops the server, if it is not stopped already.
    pub(super) fn stop(&self) -> Result<(), EmbeddedError> {
        let _transition = self.transition.lock().unwrap_or_else(PoisonError::into_inner);
        stop_server(&self.programs, &self.cluster)
    }

    /// The directory of the server's socket.
    #[cfg(test)]
    pub(super) fn socket_dir(&self) -> &Path {
        self.socket_dir.path()
    }

    /// The connection URL of one of its databases.
    pub(super) fn url_for(&self, database: &str) -> String {
        connection_url(self.socket_dir.path(), self.tcp.as_ref(), database)
    }

    /// Starts the server and waits until it accepts connections. No server may be running.
    fn launch(&self) -> Result<(), EmbeddedError> {
        self.socket_dir.clear()?;
        prepare_database(&self.programs, &self.cluster, self.tcp.as_ref())?;
        let log = self.data_dir.log();
        let said_before = log.metadata().map_or(0, |metadata| metadata.len());
        let args = [OsStr::new("start"), "-D".as_ref(), self.cluster.as_ref(), "-l".as_ref(), log.as_ref()];
        self.programs.pg_ctl("pg_ctl start", args, START_LIMIT).map_err(|failure| match failure {
            // `pg_ctl` itself only says that the reason is in the log.
            EmbeddedError::Failed { program, reason } => {
                let said = said_since(&log, said_before).unwrap_or_default();
                let reason = if said.trim().is_empty() { reason } else { last_words(&said) };
                EmbeddedError::Failed { program, reason }
            }
            other => other,
        })
    }
}

/// The last resort, for error paths: blocks while the server shuts down. After an orderly stop there is
/// nothing to do.
impl Drop for Server {
    fn drop(&mut self) {
        if let Err(failure) = self.stop() {
            tracing::warn!(%failure, directory = %self.cluster.display(), "the private server may still be running");
        }
    }
}

fn said_since(log: &Path, position: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(position))?;
    let mut said = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}
