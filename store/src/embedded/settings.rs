//! The settings of the private server: small, durable, and reachable by its socket, or on the loopback interface.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use super::error::EmbeddedError;
use super::programs::Programs;
use super::server_user::NO_FOLLOW;
use super::{PORT, Tcp};

/// Added to the `postgresql.conf` that `initdb` writes. The path is relative, so that the data directory can
/// be moved, and the file may be missing, so that the server's programs can be asked questions before it is
/// written.
pub(super) const INCLUDE: &str = "\ninclude_if_exists = '../settings.conf'\n";

/// Asking the server about a setting.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// How the server compresses large values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    /// Fast, but a choice made when the server was built.
    Lz4,
    /// The old method that every server has.
    Pglz,
}

/// Writes the settings, which take effect with the next start.
///
/// They are written before every start, because the socket may have moved and a newer program may want
/// others.
pub(super) fn write_settings(
    programs: &Programs,
    cluster: &Path,
    socket_dir: &Path,
    tcp: Option<&Tcp>,
    path: &Path,
) -> Result<(), EmbeddedError> {
    let text = settings_text(socket_dir, tcp, supported_compression(programs, cluster));
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).custom_flags(NO_FOLLOW).open(path);
    let mut file = opened.map_err(EmbeddedError::io("open", path))?;
    file.write_all(text.as_bytes()).map_err(EmbeddedError::io("write", path))?;
    // The server's user reads it, whatever mask this process has.
    file.set_permissions(Permissions::from_mode(0o644)).map_err(EmbeddedError::io("open to all", path))
}

/// The server refuses to start with a compression it lacks, so it is asked to name the setting with that
/// value.
fn supported_compression(programs: &Programs, cluster: &Path) -> Compression {
    let mut command = programs.command("postgres");
    command.arg("-D").arg(cluster);
    command.args(["-c", "default_toast_compression=lz4", "-C", "default_toast_compression"]);
    match programs.run("postgres -C", command, None, PROBE_LIMIT) {
        Ok(_) => Compression::Lz4,
        Err(_) => Compression::Pglz,
    }
}

/// Nothing here trades durability for speed (`fsync` and `synchronous_commit` keep their default, on): what
/// is kept in a private server is expected to survive a crash like any other data.
fn settings_text(socket_dir: &Path, tcp: Option<&Tcp>, compression: Compression) -> String {
    let socket_dir = socket_dir.display();
    // Either way is the only one.
    let reached_by = match tcp {
        None => {
            format!("listen_addresses = ''\nport = {PORT}\nunix_socket_directories = '\"{socket_dir}\"'\n")
        }
        Some(tcp) => {
            format!("listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\n", tcp.port)
        }
    };
    let compression = match compression {
        Compression::Lz4 => "lz4",
        Compression::Pglz => "pglz",
    };
    format!(
        "# Written anew before each start of the private server; changes made here do not last.\n\
         {reached_by}\
         max_connections = 100\n\
         shared_buffers = 128MB\n\
         max_wal_size = 1GB\n\
         default_toast_compression = {compression}\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         log_checkpoints = off\n\
         logging_collector = off\n"
    )
}
