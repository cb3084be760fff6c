//! Tells from `postmaster.pid` whether a server runs on the database, stops it, and clears away what a killed
//! one left.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::error::EmbeddedError;
use super::programs::{Programs, run_within};
use super::server_user::NO_FOLLOW;

/// Asking the system about one process.
const PS_LIMIT: Duration = Duration::from_secs(10);

/// How long an orderly shutdown may take: all changed memory goes to disk.
const FAST_STOP_LIMIT: Duration = Duration::from_secs(60);

/// How long it may take to stop without that.
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(10);

/// Beyond what any system gives to a process.
const NOBODYS_PID: i32 = i32::MAX;

/// What `postmaster.pid` tells.
#[derive(Debug, PartialEq, Eq)]
enum Postmaster {
    /// The database was shut down in order.
    Stopped,
    /// The process is gone without having shut down.
    Gone,
    /// The server runs.
    Running,
    /// The process id is that of another program now, or of a process that ended and was not reaped.
    Replaced,
}

/// Shuts down the server of a database, if one runs: in order and, when that takes too long, at once, which
/// costs the next start a recovery but no data.
pub(super) fn stop_server(programs: &Programs, cluster: &Path) -> Result<(), EmbeddedError> {
    let stop = |mode: &str, limit| {
        let args = [OsStr::new("stop"), "-D".as_ref(), cluster.as_ref(), "-m".as_ref(), mode.as_ref()];
        programs.pg_ctl("pg_ctl stop", args, limit)
    };
    if postmaster(cluster) != Postmaster::Running {
        return Ok(());
    }
    stop("fast", FAST_STOP_LIMIT).or_else(|failure| {
        // It may have gone by itself while it was asked to.
        if postmaster(cluster) != Postmaster::Running {
            return Ok(());
        }
        tracing::warn!(%failure, "the private server does not shut down in order, so it is stopped at once");
        stop("immediate", IMMEDIATE_STOP_LIMIT)
    })
}

/// Stops a server that an earlier process left running, and strikes out a process id that has come to mean
/// another program and would keep the server from starting for ever.
///
/// The caller holds the data directory's lock, so whatever is found belongs to nobody any more. The file
/// itself stays: it names the shared memory by which a starting server makes sure that no child of a killed
/// one still works on the database, and then removes the file.
pub(super) fn clear_leftover(programs: &Programs, cluster: &Path) -> Result<(), EmbeddedError> {
    match postmaster(cluster) {
        Postmaster::Stopped | Postmaster::Gone => Ok(()),
        Postmaster::Running => {
            tracing::warn!(cluster = %cluster.display(), "stopping a server that an earlier process left running");
            stop_server(programs, cluster)
        }
        Postmaster::Replaced => strike_out_pid(&pid_file(cluster)),
    }
}

fn strike_out_pid(pid_file: &Path) -> Result<(), EmbeddedError> {
    let text = std::fs::read_to_string(pid_file).map_err(EmbeddedError::io("read", pid_file))?;
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .custom_flags(NO_FOLLOW)
        .open(pid_file)
        .and_then(|mut file| write!(file, "{NOBODYS_PID}\n{rest}"))
        .map_err(EmbeddedError::io("write", pid_file))
}

fn postmaster(cluster: &Path) -> Postmaster {
    match std::fs::read_to_string(pid_file(cluster)).ok().and_then(|text| recorded_pid(&text)) {
        None => Postmaster::Stopped,
        Some(pid) if !is_alive(pid) => Postmaster::Gone,
        Some(pid) if serves(pid, cluster) => Postmaster::Running,
        Some(_) => Postmaster::Replaced,
    }
}

fn pid_file(cluster: &Path) -> PathBuf {
    cluster.join("postmaster.pid")
}

/// The first line of `postmaster.pid`; negative when it is the single-user server that creates databases.
fn recorded_pid(text: &str) -> Option<Pid> {
    let number: i32 = text.lines().next()?.trim().parse().ok()?;
    Pid::from_raw(number.checked_abs()?)
}

fn is_alive(pid: Pid) -> bool {
    matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM))
}

/// Whether a process is a server of this database: the server is always started with the directory as an
/// argument. A process that just ended has no arguments.
fn serves(pid: Pid, cluster: &Path) -> bool {
    let cluster = cluster.as_os_str().as_encoded_bytes();
    if let Ok(arguments) = std::fs::read(format!("/proc/{pid}/cmdline")) {
        return arguments.split(|&byte| byte == 0).any(|argument| argument == cluster);
    }
    // Where there is no /proc, the arguments come in one line.
    let mut command = Command::new("ps");
    command.args(["-ww", "-o", "command=", "-p", &pid.to_string()]);
    match run_within(command, None, PS_LIMIT) {
        Ok(Some(output)) => output.stdout.windows(cluster.len()).any(|part| part == cluster),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::{NOBODYS_PID, Postmaster, pid_file, postmaster, recorded_pid, strike_out_pid};

    fn recorded(first_line: &str, cluster: &Path) -> Postmaster {
        let text = format!("{first_line}\n{}\n1795233140\n5432\n", cluster.display());
        std::fs::write(pid_file(cluster), text).unwrap();
        postmaster(cluster)
    }

    #[test]
    fn only_a_whole_process_id_counts() {
        assert_eq!(recorded_pid("123\n/data\n").map(|pid| pid.as_raw_pid()), Some(123));
        assert_eq!(recorded_pid("-123\n").map(|pid| pid.as_raw_pid()), Some(123));
        for text in ["", "\n", "0\n", "12a\n", "99999999999\n"] {
            assert_eq!(recorded_pid(text), None, "{text:?}");
        }
    }

    #[test]
    fn no_usable_process_id_means_no_server() {
        let cluster = tempfile::tempdir().unwrap();
        assert_eq!(postmaster(cluster.path()), Postmaster::Stopped);
        assert_eq!(recorded("garbage", cluster.path()), Postmaster::Stopped);
    }

    #[test]
    fn a_process_that_is_gone_is_told_from_another_program() {
        let cluster = tempfile::tempdir().unwrap();
        let mut gone = Command::new("true").spawn().unwrap();
        let gone_id = gone.id();
        gone.wait().unwrap();
        assert_eq!(recorded(&gone_id.to_string(), cluster.path()), Postmaster::Gone);
        assert_eq!(recorded(&std::process::id().to_string(), cluster.path()), Postmaster::Replaced);
    }

    #[test]
    fn a_living_process_with_the_directory_as_argument_is_the_server() {
        let cluster = tempfile::tempdir().unwrap();
        let mut server = Command::new("sh")
            .args(["-c", "echo up; read -r line", "postgres", "-D"])
            .arg(cluster.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The command line is not there before the program really runs.
        server.stdout.take().unwrap().read_exact(&mut [0; 3]).unwrap();
        assert_eq!(recorded(&server.id().to_string(), cluster.path()), Postmaster::Running);
        drop(server.stdin.take());
        server.wait().unwrap();
    }

    #[test]
    fn a_struck_out_id_leaves_the_rest_for_the_server() {
        let cluster = tempfile::tempdir().unwrap();
        assert_eq!(recorded(&std::process::id().to_string(), cluster.path()), Postmaster::Replaced);
        strike_out_pid(&pid_file(cluster.path())).unwrap();
        assert_eq!(postmaster(cluster.path()), Postmaster::Gone);
        let text = std::fs::read_to_string(pid_file(cluster.path())).unwrap();
        let expected = format!("{NOBODYS_PID}\n{}\n1795233140\n5432\n", cluster.path().display());
        assert_eq!(text, expected);
    }
}
