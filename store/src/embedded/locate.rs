//! Finds the installed PostgreSQL server programs and chooses the version to run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::error::EmbeddedError;
use super::install_hint::install_hint;
use super::programs::run_within;

/// Older servers lack features that the schema uses, and are no longer maintained.
const OLDEST_MAJOR: u32 = 14;

/// The programs a server installation must have; client packages bring only some of them.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// Asking a program for its version touches nothing but the program itself.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// Where distributions put server programs. Most keep them off the `PATH`, so that versions can be installed
/// side by side. `scripts/install-postgres` looks in the same places.
const DISTRIBUTION_DIRS: [&str; 19] = [
    "usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
    "usr/lib/postgresql*/bin",                           // SUSE
    "usr/lib64/postgresql*/bin",                         // Gentoo
    "usr/pgsql-*/bin",                                   // PostgreSQL's own RPM packages
    "usr/libexec/postgresql*",                           // Alpine
    "usr/bin",                                           // Fedora, Arch
    "usr/local/bin",                                     // FreeBSD, links
    "usr/local/pgsql/bin",                               // built from source
    "opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon
    "opt/homebrew/opt/postgresql/bin",                   //
    "opt/homebrew/bin",                                  //
    "usr/local/opt/postgresql@*/bin",                    // Homebrew on Intel
    "usr/local/opt/postgresql/bin",                      //
    "home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",    // Homebrew on Linux
    "home/linuxbrew/.linuxbrew/bin",                     //
    "opt/local/lib/postgresql*/bin",                     // MacPorts
    "Library/PostgreSQL/*/bin",                          // the EDB installer
    "Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
    "run/current-system/sw/bin",                         // NixOS
];

/// One installed server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    /// The major version, such as 17.
    pub(super) major: u32,
    /// The directory of its programs.
    pub(super) bin: PathBuf,
}

/// Where to look; tests look into a directory of their own.
#[derive(Debug)]
pub(super) struct SearchPlaces {
    path: Vec<PathBuf>,
    root: PathBuf,
}

impl SearchPlaces {
    /// The `PATH` and the distributions' directories of this system.
    pub(super) fn of_this_system() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self { path: std::env::split_paths(&path).collect(), root: PathBuf::from("/") }
    }

    /// Every installed server, new enough or not, the newest first.
    pub(super) fn installations(&self) -> Vec<Installation> {
        let mut seen = BTreeSet::new();
        let mut found: Vec<Installation> = self
            .candidate_dirs()
            .iter()
            .filter_map(|dir| program_dir(dir))
            .filter(|dir| seen.insert(dir.clone()))
            .filter_map(|bin| Some(Installation { major: major_version(&bin)?, bin }))
            .collect();
        // The sort is stable: of two equal versions the one named by the `PATH` stays first.
        found.sort_by_key(|installation| std::cmp::Reverse(installation.major));
        found
    }

    fn candidate_dirs(&self) -> Vec<PathBuf> {
        let path_dirs = self.path.iter().filter(|dir| dir.is_absolute()).cloned();
        let told_by_pg_config = self.path.iter().filter_map(|dir| {
            let mut command = Command::new(dir.join("pg_config"));
            command.arg("--bindir");
            dir.join("pg_config").is_file().then(|| first_line(command)).flatten().map(PathBuf::from)
        });
        let distribution_dirs = DISTRIBUTION_DIRS.iter().flat_map(|pattern| expand(&self.root, pattern));
        path_dirs.chain(told_by_pg_config).chain(distribution_dirs).collect()
    }
}

/// Takes the newest installation, or the one that made the existing database: a server cannot read another
/// major version's files.
pub(super) fn choose(
    installations: Vec<Installation>,
    made_by: Option<u32>,
    data_dir: &Path,
) -> Result<Installation, EmbeddedError> {
    let mut majors: Vec<u32> = installations.iter().map(|installation| installation.major).collect();
    majors.dedup();
    let majors = majors.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let usable = |installation: &Installation| {
        installation.major >= OLDEST_MAJOR && made_by.is_none_or(|major| installation.major == major)
    };
    let newest_is_usable = installations.first().is_some_and(|newest| newest.major >= OLDEST_MAJOR);
    match (installations.into_iter().find(usable), made_by) {
        (Some(installation), _) => Ok(installation),
        (None, Some(made_by)) if newest_is_usable => {
            Err(EmbeddedError::OtherVersion { data_dir: data_dir.to_path_buf(), made_by, installed: majors })
        }
        (None, _) => {
            let found = if majors.is_empty() { "none".to_owned() } else { majors };
            Err(EmbeddedError::NotInstalled { found, install: install_hint() })
        }
    }
}

/// The directory that really holds all the programs: `dir` may only hold links to them, and the server finds
/// its libraries from where its programs really are.
fn program_dir(dir: &Path) -> Option<PathBuf> {
    let complete = |dir: &Path| PROGRAMS.iter().all(|program| dir.join(program).is_file());
    if !complete(dir) {
        return None;
    }
    let linked_from = dir.join(PROGRAMS[0]).canonicalize().ok()?.parent()?.to_path_buf();
    Some(if complete(&linked_from) { linked_from } else { dir.to_path_buf() })
}

/// Asks the server itself: directory names lie after upgrades.
fn major_version(bin: &Path) -> Option<u32> {
    let mut command = Command::new(bin.join("postgres"));
    command.arg("--version");
    parse_major(&first_line(command)?)
}

/// Reads `postgres (PostgreSQL) 17.4 (Debian 17.4-1)` and `postgres (PostgreSQL) 18beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).map_or(number, |end| &number[..end]);
    digits.parse().ok()
}

fn first_line(command: Command) -> Option<String> {
    let output = run_within(command, None, VERSION_LIMIT).ok()??;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// Expands a pattern with at most one `*` per component, in the order of the names.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    pattern.split('/').fold(vec![root.to_path_buf()], |dirs, component| match component.split_once('*') {
        None => dirs.into_iter().map(|dir| dir.join(component)).collect(),
        Some((start, end)) => dirs.iter().flat_map(|dir| entries_between(dir, start, end)).collect(),
    })
}

fn entries_between(dir: &Path, start: &str, end: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut matching: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        })
        .map(|entry| entry.path())
        .collect();
    matching.sort();
    matching
}

#[cfg(test)]
#[path = "locate_tests.rs"]
mod tests;
