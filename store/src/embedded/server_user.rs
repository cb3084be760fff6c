//! Decides which user of the system runs the server: this one, or an unprivileged one when this one is root.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::fs::OFlags;

use super::error::EmbeddedError;
use super::programs::run_within;

/// For opening files in directories that another user may write to: a symbolic link planted there must not
/// make root write elsewhere.
pub(super) const NO_FOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Whom root asks to run the server, the preferred one first.
const UNPRIVILEGED_USERS: [&str; 2] = ["postgres", "nobody"];

/// Asking for a user's id may go to a directory service.
const ID_LIMIT: Duration = Duration::from_secs(10);

/// The user who runs the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ServerUser {
    /// The user who runs this process.
    Current,
    /// Another user; this process is root and can become anybody.
    Other {
        uid: u32,
        gid: u32,
        /// How messages call the user.
        name: String,
    },
}

impl ServerUser {
    /// Chooses the user for the database in `cluster`, which need not exist: files keep the user they belong
    /// to.
    pub(super) fn for_database(cluster: &Path) -> Result<Self, EmbeddedError> {
        let owner = match std::fs::symlink_metadata(cluster) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(EmbeddedError::io("look at", cluster)(error)),
        };
        let not_ours =
            |uid, advice| Err(EmbeddedError::NotOurs { directory: cluster.to_path_buf(), uid, advice });
        let me = rustix::process::geteuid();
        match owner {
            Some(owner) if me.is_root() && owner.uid() == 0 => {
                not_ours(0, "the server refuses to run as root, so give it to another user with chown -R")
            }
            Some(owner) if me.is_root() => Ok(Self::Other {
                uid: owner.uid(),
                gid: owner.gid(),
                name: format!("user id {}", owner.uid()),
            }),
            Some(owner) if owner.uid() != me.as_raw() => {
                not_ours(owner.uid(), "run this as that user, or pass another --data-dir")
            }
            None if me.is_root() => UNPRIVILEGED_USERS
                .iter()
                .find_map(|name| Self::named(name))
                .ok_or(EmbeddedError::NoServerUser),
            Some(_) | None => Ok(Self::Current),
        }
    }

    /// Looks a user up with `id`, which knows every source of users that the system is set up for.
    fn named(name: &str) -> Option<Self> {
        let id = |option: &str| -> Option<u32> {
            let mut command = Command::new("id");
            command.args([option, "--", name]);
            let output = run_within(command, None, ID_LIMIT).ok()??;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self::Other { uid: id("-u")?, gid: id("-g")?, name: name.to_owned() })
    }

    /// Gives a file or directory to the server's user. A symbolic link is not followed, so that it cannot
    /// make root give away other files.
    pub(super) fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Self::Current => Ok(()),
            Self::Other { uid, gid, .. } => {
                lchown(path, Some(*uid), Some(*gid)).map_err(EmbeddedError::io("change the owner of", path))
            }
        }
    }

    /// Whether the user may pass through a directory. Access lists are not considered, only the mode.
    pub(super) fn may_enter(&self, directory: &Metadata) -> bool {
        match self {
            Self::Current => true,
            Self::Other { uid, gid, .. } => {
                let execute = if directory.uid() == *uid {
                    0o100
                } else if directory.gid() == *gid {
                    0o010
                } else {
                    0o001
                };
                directory.mode() & execute != 0
            }
        }
    }

    /// How messages call the user.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Current => "the current user",
            Self::Other { name, .. } => name,
        }
    }
}
