//! The directory that holds a private server: its place, its lock, its parts, and who may enter it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::EmbeddedError;
use super::server_user::{NO_FOLLOW, ServerUser};

/// The usual place of the data: `/var/lib/buffalo` for root, otherwise the user's own data directory.
pub fn default_data_dir() -> Result<PathBuf, EmbeddedError> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/buffalo"));
    }
    let absolute = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    user_data_dir(absolute("XDG_DATA_HOME"), absolute("HOME"))
}

fn user_data_dir(xdg_data_home: Option<PathBuf>, home: Option<PathBuf>) -> Result<PathBuf, EmbeddedError> {
    let in_home = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    let parent = xdg_data_home.or_else(|| Some(home?.join(in_home))).ok_or(EmbeddedError::NoHome)?;
    Ok(parent.join("buffalo"))
}

/// A data directory that this process alone uses, until the value is dropped or the process ends in any way.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// Whether this module made the directory or found it empty, so that it may open it to the server's user.
    ours: bool,
    /// The lock goes with the open file. It is not inherited by the server: Rust opens files close-on-exec.
    lock: File,
}

impl DataDir {
    /// Creates the directory when it is missing and takes its lock.
    pub(super) fn claim(path: &Path) -> Result<Self, EmbeddedError> {
        reject_unusable_name(path)?;
        DirBuilder::new()
            .recursive(true)
            .mode(if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 })
            .create(path)
            .map_err(EmbeddedError::io("create", path))?;
        let path = path.canonicalize().map_err(EmbeddedError::io("find", path))?;
        reject_unusable_name(&path)?;
        let lock_path = path.join("lock");
        let empty = path.read_dir().map_err(EmbeddedError::io("read", &path))?.next().is_none();
        let ours = empty || lock_path.exists();
        let lock = take_lock(&lock_path, &path)?;
        Ok(Self { path, ours, lock })
    }

    /// The database.
    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("postgres")
    }

    /// The database while it is being created.
    pub(super) fn new_cluster(&self) -> PathBuf {
        self.path.join("postgres.new")
    }

    /// What the server says.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    /// The server's settings.
    pub(super) fn settings(&self) -> PathBuf {
        self.path.join("settings.conf")
    }

    /// The directory of the Unix socket, unless its path is too long for one.
    pub(super) fn run(&self) -> PathBuf {
        self.path.join("run")
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the server's user reach the database and write the log. The directory itself stays with its
    /// owner, so that as root the lock and the settings are safe from the server's user.
    pub(super) fn open_to(&self, user: &ServerUser) -> Result<(), EmbeddedError> {
        for directory in self.path.ancestors() {
            let metadata = directory.metadata().map_err(EmbeddedError::io("look at", directory))?;
            if user.may_enter(&metadata) {
                continue;
            }
            if directory == self.path && self.ours {
                let mode = Permissions::from_mode(metadata.mode() & 0o7777 | 0o011);
                std::fs::set_permissions(directory, mode).map_err(EmbeddedError::io("open", directory))?;
            } else {
                let directory = directory.to_path_buf();
                return Err(EmbeddedError::Unreachable { directory, user: user.name().to_owned() });
            }
        }
        let log = self.log();
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&log) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(EmbeddedError::io("create", &log)(error))
            }
            _ => user.give(&log),
        }
    }

    /// The major version that made the database, or `None` when there is no database yet.
    ///
    /// A directory that is only partly a database is never touched: it may be somebody's only copy.
    pub(super) fn made_by(&self) -> Result<Option<u32>, EmbeddedError> {
        let directory = self.cluster();
        if directory.symlink_metadata().is_err() {
            return Ok(None);
        }
        let incomplete = |missing| EmbeddedError::Incomplete { directory: directory.clone(), missing };
        let version =
            std::fs::read_to_string(directory.join("PG_VERSION")).map_err(|_| incomplete("PG_VERSION"))?;
        if !directory.join("global/pg_control").is_file() {
            return Err(incomplete("global/pg_control"));
        }
        version.trim().parse().map(Some).map_err(|_| incomplete("a version in PG_VERSION"))
    }
}

/// Unlocks at once. Merely closing the file would leave the lock to a child process that another thread is
/// just starting, until that child has dropped its copies of this process's files.
impl Drop for DataDir {
    fn drop(&mut self) {
        // An error leaves the lock to the closing of the file.
        let _ = self.lock.unlock();
    }
}

/// `pg_ctl` puts paths between double quotes into a shell command, where these characters would be
/// interpreted.
fn reject_unusable_name(path: &Path) -> Result<(), EmbeddedError> {
    let unusable = |c: char| c.is_control() || ['"', '\'', '$', '\\', '`'].contains(&c);
    match path.to_str() {
        Some(text) if !text.contains(unusable) => Ok(()),
        _ => Err(EmbeddedError::UnusableName { path: path.to_path_buf() }),
    }
}

fn take_lock(lock_path: &Path, data_dir: &Path) -> Result<File, EmbeddedError> {
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(NO_FOLLOW)
        .open(lock_path)
        .map_err(EmbeddedError::io("open", lock_path))?;
    match lock.try_lock() {
        Ok(()) => {
            // The process id is for the message to the next one only; the lock does not depend on it.
            let written = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
            written.map_err(EmbeddedError::io("write", lock_path))?;
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let known = lock.read_to_string(&mut pid).is_ok() && !pid.is_empty();
            let holder = if known { format!("process {pid}") } else { "another process".to_owned() };
            Err(EmbeddedError::InUse { data_dir: data_dir.to_path_buf(), holder })
        }
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", lock_path)(error)),
    }
}

#[cfg(test)]
#[path = "data_dir_tests.rs"]
mod tests;
