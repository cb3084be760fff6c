//! Puts the commit into `buffalo --version`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=BUFFALO_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    let package = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    // Where there is no repository, as in the image's build, the variable says it.
    let given = std::env::var("BUFFALO_COMMIT").ok().filter(|commit| !commit.is_empty());
    let version = match given.or_else(commit) {
        Some(commit) => format!("{package} ({})", commit.get(..12).unwrap_or(&commit)),
        None => package,
    };
    println!("cargo:rustc-env=BUFFALO_VERSION={version}");
}

/// The commit that is checked out; none outside of a repository of this program's own.
fn commit() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&root).canonicalize().ok()? != Path::new(".").canonicalize().ok()? {
        return None;
    }
    // A new line is written there whenever another commit is checked out or made, and at no other time.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo:rerun-if-changed={log}");
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
