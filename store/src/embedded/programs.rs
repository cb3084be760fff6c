//! Runs the server's programs: as the right user, in a clean environment, and never longer than allowed.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::error::EmbeddedError;
use super::locate::Installation;
use super::server_user::ServerUser;

/// How often a running program is asked whether it has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How much longer than its own limit `pg_ctl` may take.
const KILL_DELAY: Duration = Duration::from_secs(5);

/// How much of a program's last words a message quotes.
const QUOTED_LINES: usize = 3;
const QUOTED_CHARS: usize = 400;

/// The server's programs, together with the user who runs them.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) installation: Installation,
    pub(super) user: ServerUser,
    /// Named by the messages about programs that hang.
    pub(super) log: PathBuf,
}

impl Programs {
    /// Prepares `name` to run as the server's user.
    ///
    /// The caller's `PG*` variables are meant for clients and would change the server; the language is fixed
    /// because messages are compared. A process group of its own keeps a Ctrl-C in the terminal away: the
    /// server must outlive it until it is stopped in order.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.installation.bin.join(name));
        for (variable, _) in std::env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(variable);
            }
        }
        command.env("LC_ALL", "C").env("TZ", "UTC").current_dir("/").process_group(0);
        if let ServerUser::Other { uid, gid, .. } = self.user {
            // As root, this also drops root's supplementary groups.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Runs a program to its successful end; `what` is how messages call it.
    pub(super) fn run(
        &self,
        what: &'static str,
        command: Command,
        stdin: Option<&str>,
        limit: Duration,
    ) -> Result<Output, EmbeddedError> {
        let program = PathBuf::from(command.get_program());
        let output = run_within(command, stdin, limit).map_err(EmbeddedError::io("run", &program))?;
        match output {
            None => Err(EmbeddedError::TimedOut {
                program: what,
                limit_seconds: limit.as_secs(),
                log: self.log.clone(),
            }),
            Some(output) if output.status.success() => Ok(output),
            Some(output) => {
                let reason = match last_words(&String::from_utf8_lossy(&output.stderr)) {
                    words if words.is_empty() => output.status.to_string(),
                    words => words,
                };
                Err(EmbeddedError::Failed { program: what, reason })
            }
        }
    }

    /// Runs `pg_ctl`, which waits until the server is up or down but no longer than `limit`.
    pub(super) fn pg_ctl<S: AsRef<OsStr>>(
        &self,
        what: &'static str,
        args: impl IntoIterator<Item = S>,
        limit: Duration,
    ) -> Result<(), EmbeddedError> {
        let mut command = self.command("pg_ctl");
        command.args(args).args(["--silent", "--wait", "--timeout"]).arg(limit.as_secs().to_string());
        // `pg_ctl` says why it gave up waiting, so it is killed only when it does not give up itself.
        self.run(what, command, None, limit + KILL_DELAY).map(drop)
    }
}

/// Runs a command that writes little, and kills it at the limit, which is the answer `None`.
pub(super) fn run_within(
    mut command: Command,
    stdin: Option<&str>,
    limit: Duration,
) -> io::Result<Option<Output>> {
    let deadline = Instant::now() + limit;
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin) {
        // A program that ended early says why on its standard error; the broken pipe adds nothing.
        let _ = pipe.write_all(text.as_bytes());
    }
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            None => std::thread::sleep(POLL_INTERVAL),
        }
    };
    let mut output = Output { status, stdout: Vec::new(), stderr: Vec::new() };
    if let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) {
        stdout.read_to_end(&mut output.stdout)?;
        stderr.read_to_end(&mut output.stderr)?;
    }
    Ok(Some(output))
}

/// The last lines of what a program said, as one line for a message.
pub(super) fn last_words(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let quoted = lines[lines.len().saturating_sub(QUOTED_LINES)..].join(" / ");
    let surplus = quoted.chars().count().saturating_sub(QUOTED_CHARS);
    quoted.chars().skip(surplus).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{last_words, run_within};

    #[test]
    fn a_hanging_program_is_killed() {
        let mut command = Command::new("sleep");
        command.arg("60");
        assert!(run_within(command, None, Duration::from_millis(50)).unwrap().is_none());
    }

    #[test]
    fn only_the_last_words_are_quoted_in_one_line() {
        assert_eq!(last_words("a\nb\n\n  c\nd\n"), "b / c / d");
        assert_eq!(last_words(""), "");
        assert_eq!(last_words(&"x".repeat(1000)).len(), 400);
    }
}
