//! PgBouncer in transaction mode before the server that `TEST_DATABASE_URL` names.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::process::{Child, Command};

/// A pooler of a test's own, listening on a socket. It ends when it is dropped.
pub struct PgBouncer {
    _process: Child,
    directory: tempfile::TempDir,
}

impl PgBouncer {
    /// Starts it, with so many sessions for each database.
    pub async fn start(sessions: u32) -> Self {
        let program = std::env::var("PGBOUNCER").expect("PGBOUNCER names the program; scripts/test sets it");
        let url = std::env::var("TEST_DATABASE_URL").expect("scripts/test starts a server and sets it");
        let server = PgConnectOptions::from_str(&url).unwrap();
        // Short, as the name of a socket may not be long.
        let directory = tempfile::Builder::new().prefix("bouncer-").tempdir_in("/tmp").unwrap();
        let config = directory.path().join("pgbouncer.ini");
        std::fs::write(&config, settings(&server, directory.path(), sessions)).unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(program);
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root, and only the server's own user reaches the server's socket.
            let uid = server.get_socket().map_or(65_534, |socket| std::fs::metadata(socket).unwrap().uid());
            let name = std::process::Command::new("id").args(["-nu", &uid.to_string()]).output().unwrap();
            command.arg("-u").arg(String::from_utf8(name.stdout).unwrap().trim());
            chown(directory.path(), Some(uid), None).unwrap();
        }
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let process =
            command.arg(&config).stdin(Stdio::null()).stderr(log).kill_on_drop(true).spawn().unwrap();
        let pooler = Self { _process: process, directory };
        pooler.until_it_answers(&server).await;
        pooler
    }

    /// The same database by way of the pooler.
    pub fn url(&self, database_url: &str) -> String {
        let options = PgConnectOptions::from_str(database_url).unwrap();
        let host = self.directory.path().display().to_string().replace('/', "%2F");
        format!("postgres://buffalo@localhost:6432/{}?host={host}", options.get_database().unwrap())
    }

    async fn until_it_answers(&self, server: &PgConnectOptions) {
        let url = self.url(server.to_url_lossy().as_str());
        let options = PgConnectOptions::from_str(&url).unwrap().extra_float_digits(None);
        for _ in 0..500 {
            if let Ok(connection) = options.connect().await {
                connection.close().await.unwrap();
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        panic!("PgBouncer does not answer: {log}");
    }
}

fn settings(server: &PgConnectOptions, directory: &Path, sessions: u32) -> String {
    let host = server
        .get_socket()
        .map_or_else(|| server.get_host().to_owned(), |socket| socket.display().to_string());
    let password = server.to_url_lossy().password().map(|password| format!(" password={password}"));
    format!(
        "[databases]\n\
         * = host={host} port={port} user={user}{password}\n\
         [pgbouncer]\n\
         pool_mode = transaction\n\
         auth_type = any\n\
         unix_socket_dir = {directory}\n\
         unix_socket_mode = 0777\n\
         listen_port = 6432\n\
         default_pool_size = {sessions}\n",
        port = server.get_port(),
        user = server.get_username(),
        password = password.unwrap_or_default(),
        directory = directory.display(),
    )
}
