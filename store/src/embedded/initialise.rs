//! Creates the database files, and the database in them.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::data_dir::DataDir;
use super::error::EmbeddedError;
use super::programs::{Programs, last_words};
use super::server_user::NO_FOLLOW;
use super::settings::INCLUDE;
use super::{DATABASE, ROLE, Tcp};

/// `initdb` takes about a second; a slow disk may make it many.
const INITDB_LIMIT: Duration = Duration::from_secs(180);

/// The first program to open the files after a crash repairs them, and that takes its time.
const RECOVERY_LIMIT: Duration = Duration::from_secs(180);

/// How long the children of a killed server may take to notice.
const CHILDREN_LIMIT: Duration = Duration::from_secs(10);

/// How often they are looked at.
const CHILDREN_INTERVAL: Duration = Duration::from_millis(100);

/// Creates the database files. They get their final name when they are complete, so a half-written directory
/// is recognised by its name, and only such a one is ever removed.
pub(super) fn initialise(programs: &Programs, data_dir: &DataDir) -> Result<(), EmbeddedError> {
    let (unfinished, finished) = (data_dir.new_cluster(), data_dir.cluster());
    match std::fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(EmbeddedError::io("remove", &unfinished)(error));
        }
        _ => {}
    }
    tracing::info!(directory = %finished.display(), "creating a private PostgreSQL database");
    DirBuilder::new().mode(0o700).create(&unfinished).map_err(EmbeddedError::io("create", &unfinished))?;
    programs.user.give(&unfinished)?;

    let mut command = programs.command("initdb");
    command.arg("-D").arg(&unfinished).args([
        "--username",
        ROLE,
        "--encoding=UTF8",
        "--locale=C",
        "--data-checksums",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--no-instructions",
    ]);
    programs.run("initdb", command, None, INITDB_LIMIT)?;
    let configuration = unfinished.join("postgresql.conf");
    let opened = OpenOptions::new().append(true).custom_flags(NO_FOLLOW).open(&configuration);
    opened
        .and_then(|mut file| file.write_all(INCLUDE.as_bytes()))
        .map_err(EmbeddedError::io("write", &configuration))?;
    std::fs::rename(&unfinished, &finished).map_err(EmbeddedError::io("finish", &unfinished))
}

/// Creates the database `buffalo` when it is missing, and sets the password where one is asked for, before the
/// server starts and without a client program.
///
/// Attempting it every time takes a few hundredths of a second and also repairs the work of a user who
/// dropped it.
pub(super) fn prepare_database(
    programs: &Programs,
    cluster: &Path,
    tcp: Option<&Tcp>,
) -> Result<(), EmbeddedError> {
    const WHAT: &str = "creating the database";
    let deadline = Instant::now() + CHILDREN_LIMIT;
    let mut statements = format!("CREATE DATABASE {DATABASE}\n");
    if let Some(Tcp { password, .. }) = tcp {
        statements.push_str(&format!("ALTER ROLE {ROLE} PASSWORD '{password}'\n"));
    }
    let said = loop {
        let mut command = programs.command("postgres");
        command.arg("--single").arg("-D").arg(cluster).arg("postgres");
        match programs.run(WHAT, command, Some(&statements), RECOVERY_LIMIT) {
            Ok(output) => break String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(EmbeddedError::Failed { reason, .. })
                if reason.contains("pre-existing shared memory block") && Instant::now() < deadline =>
            {
                std::thread::sleep(CHILDREN_INTERVAL);
            }
            Err(error) => return Err(error),
        }
    };
    // The program ends well even when the statement fails.
    match said.lines().find(|line| line.contains("ERROR: ") && !line.contains("already exists")) {
        None => Ok(()),
        Some(line) => Err(EmbeddedError::Failed { program: WHAT, reason: last_words(line) }),
    }
}
