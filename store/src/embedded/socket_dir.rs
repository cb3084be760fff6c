//! The private directory of the server's Unix socket.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::PORT;
use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::server_user::ServerUser;

/// Systems take 103 to 107 bytes for a socket's path.
const LONGEST_SOCKET_PATH: usize = 100;

/// A directory that only the server's user (and root) can enter. The server trusts who can reach its socket.
#[derive(Debug)]
pub(super) struct SocketDir {
    path: PathBuf,
    /// Removes the directory in the end when it is a temporary one.
    _temporary: Option<TempDir>,
}

impl SocketDir {
    /// Prepares `run/` in the data directory, or a temporary directory when that path is too long for a
    /// socket.
    pub(super) fn prepare(data_dir: &DataDir, user: &ServerUser) -> Result<Self, EmbeddedError> {
        let path = data_dir.run();
        if !fits(&path) {
            return Self::temporary(user);
        }
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(EmbeddedError::io("create", &path)(error));
            }
            _ => user.give(&path)?,
        }
        Ok(Self { path, _temporary: None })
    }

    /// Removes the socket of a server that was killed.
    ///
    /// The caller knows that no server runs. A starting server would respect the socket's lock file when the
    /// process id in there has been given to somebody else.
    pub(super) fn clear(&self) -> Result<(), EmbeddedError> {
        for leftover in [socket_name(), format!("{}.lock", socket_name())] {
            let leftover = self.path.join(leftover);
            match std::fs::remove_file(&leftover) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(EmbeddedError::io("remove", &leftover)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the user keeps temporary files, or `/tmp` when that is too long or closed to the server's user.
    fn temporary(user: &ServerUser) -> Result<Self, EmbeddedError> {
        let short = PathBuf::from("/tmp");
        let usual = std::env::temp_dir().canonicalize().unwrap_or_else(|_| short.clone());
        let reachable =
            usual.ancestors().all(|dir| dir.metadata().is_ok_and(|metadata| user.may_enter(&metadata)));
        let plain = usual.to_str().is_some_and(|text| !text.contains(['"', '\'', '\\']));
        let parent = if fits(&usual.join("buffalo-123456")) && reachable && plain { usual } else { short };
        let temporary = tempfile::Builder::new()
            .prefix("buffalo-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent)
            .map_err(EmbeddedError::io("create a directory in", &parent))?;
        user.give(temporary.path())?;
        Ok(Self { path: temporary.path().to_path_buf(), _temporary: Some(temporary) })
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn fits(dir: &Path) -> bool {
    dir.join(socket_name()).as_os_str().len() <= LONGEST_SOCKET_PATH
}

fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}
