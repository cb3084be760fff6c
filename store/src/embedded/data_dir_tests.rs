//! The data directory without a server: its place, its lock, and what is in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{DataDir, ServerUser, user_data_dir};
use crate::embedded::EmbeddedError;

#[test]
fn the_usual_place_follows_the_environment() {
    let path = |text: &str| Some(PathBuf::from(text));
    let in_home = user_data_dir(None, path("/home/ann")).unwrap();
    assert!(in_home.starts_with("/home/ann") && in_home.ends_with("buffalo"), "{in_home:?}");
    assert_eq!(user_data_dir(path("/data"), path("/home/ann")).unwrap(), Path::new("/data/buffalo"));
    assert!(matches!(user_data_dir(None, None), Err(EmbeddedError::NoHome)));
}

#[test]
fn one_process_at_a_time_uses_a_directory() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("data");
    let first = DataDir::claim(&path).unwrap();
    let error = DataDir::claim(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("process {} already uses ", std::process::id())), "{error}");
    drop(first);
    DataDir::claim(&path).unwrap();
}

#[test]
fn names_that_a_shell_would_interpret_are_refused() {
    for name in ["a\"b", "a$b", "a`b", "a\\b", "a'b", "a\nb"] {
        let error = DataDir::claim(&Path::new("/nowhere").join(name)).unwrap_err();
        assert!(matches!(error, EmbeddedError::UnusableName { .. }), "{name}: {error}");
    }
}

#[test]
fn a_partial_database_is_explained_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let data_dir = DataDir::claim(parent.path()).unwrap();
    assert_eq!(data_dir.made_by().unwrap(), None);

    fs::create_dir(data_dir.cluster()).unwrap();
    fs::write(data_dir.cluster().join("precious"), "data").unwrap();
    let error = data_dir.made_by().unwrap_err();
    assert!(matches!(error, EmbeddedError::Incomplete { missing: "PG_VERSION", .. }), "{error}");

    fs::write(data_dir.cluster().join("PG_VERSION"), "15\n").unwrap();
    let error = data_dir.made_by().unwrap_err();
    assert!(matches!(error, EmbeddedError::Incomplete { missing: "global/pg_control", .. }), "{error}");

    fs::create_dir(data_dir.cluster().join("global")).unwrap();
    fs::write(data_dir.cluster().join("global/pg_control"), "").unwrap();
    assert_eq!(data_dir.made_by().unwrap(), Some(15));
    assert!(data_dir.cluster().join("precious").is_file());
}

/// A user of whom nothing in the test's directories is.
fn stranger() -> ServerUser {
    ServerUser::Other { uid: u32::MAX - 7, gid: u32::MAX - 7, name: "stranger".to_owned() }
}

#[test]
fn a_closed_parent_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let data_dir = DataDir::claim(&parent.path().join("data")).unwrap();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let error = data_dir.open_to(&stranger()).unwrap_err();
    let closed = parent.path().canonicalize().unwrap();
    assert!(
        matches!(&error, EmbeddedError::Unreachable { directory, .. } if *directory == closed),
        "{error}"
    );
}

#[test]
fn a_closed_directory_with_foreign_files_is_not_opened() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("diary"), "secret").unwrap();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let data_dir = DataDir::claim(parent.path()).unwrap();
    let error = data_dir.open_to(&stranger()).unwrap_err();
    assert!(matches!(error, EmbeddedError::Unreachable { .. }), "{error}");
    assert_eq!(fs::metadata(parent.path()).unwrap().permissions().mode() & 0o777, 0o700);
}
