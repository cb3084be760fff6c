//! Locating server programs, with fake ones in a directory of the test's own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Installation, SearchPlaces, choose, parse_major};
use crate::embedded::EmbeddedError;

fn script(path: PathBuf, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn install(bin: &Path, version: &str) {
    script(bin.join("postgres"), &format!("echo 'postgres (PostgreSQL) {version}'"));
    script(bin.join("initdb"), "");
    script(bin.join("pg_ctl"), "");
}

fn places(root: &TempDir, path: &[PathBuf]) -> SearchPlaces {
    SearchPlaces { path: path.to_vec(), root: root.path().canonicalize().unwrap() }
}

fn majors(places: &SearchPlaces) -> Vec<u32> {
    places.installations().iter().map(|installation| installation.major).collect()
}

fn installed(majors: &[u32]) -> Vec<Installation> {
    majors.iter().map(|&major| Installation { major, bin: PathBuf::from(format!("/pg/{major}")) }).collect()
}

#[test]
fn versions_are_read_from_what_the_server_says() {
    assert_eq!(parse_major("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"), Some(15));
    assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
    assert_eq!(parse_major("postgres (PostgreSQL) 17"), Some(17));
    assert_eq!(parse_major("something else 17"), None);
}

#[test]
fn distribution_directories_are_searched_and_the_newest_comes_first() {
    let root = tempfile::tempdir().unwrap();
    install(&root.path().join("usr/lib/postgresql/15/bin"), "15.3");
    install(&root.path().join("usr/pgsql-17/bin"), "17.1");
    install(&root.path().join("usr/libexec/postgresql16"), "16.2");
    install(&root.path().join("opt/homebrew/opt/postgresql@14/bin"), "14.9");
    install(&root.path().join("Applications/Postgres.app/Contents/Versions/18/bin"), "18beta1");
    assert_eq!(majors(&places(&root, &[])), [18, 17, 16, 15, 14]);
}

#[test]
fn the_path_and_pg_config_are_searched() {
    let root = tempfile::tempdir().unwrap();
    let on_path = root.path().join("home/bin");
    let told = root.path().join("srv/postgres/bin");
    install(&on_path, "16.1");
    install(&told, "17.1");
    script(on_path.join("pg_config"), &format!("echo '{}'", told.display()));
    assert_eq!(majors(&places(&root, &[on_path])), [17, 16]);
}

#[test]
fn links_count_once_and_lead_to_the_real_programs() {
    let root = tempfile::tempdir().unwrap();
    let real = root.path().canonicalize().unwrap().join("usr/lib/postgresql/15/bin");
    install(&real, "15.3");
    let linked = root.path().join("usr/local/bin");
    fs::create_dir_all(&linked).unwrap();
    for program in super::PROGRAMS {
        symlink(real.join(program), linked.join(program)).unwrap();
    }
    let found = places(&root, &[linked]).installations();
    assert_eq!(found, [Installation { major: 15, bin: real }]);
}

#[test]
fn a_client_package_is_not_a_server() {
    let root = tempfile::tempdir().unwrap();
    script(root.path().join("usr/bin/postgres"), "echo 'postgres (PostgreSQL) 17.1'");
    script(root.path().join("usr/bin/pg_ctl"), "");
    assert!(majors(&places(&root, &[])).is_empty());
}

#[test]
fn a_new_database_takes_the_newest_version() {
    assert_eq!(choose(installed(&[17, 15]), None, Path::new("/d")).unwrap().major, 17);
}

#[test]
fn an_existing_database_takes_the_version_that_made_it() {
    assert_eq!(choose(installed(&[17, 15]), Some(15), Path::new("/d")).unwrap().major, 15);
}

#[test]
fn an_existing_database_of_a_missing_version_is_explained() {
    let error = choose(installed(&[17, 15]), Some(16), Path::new("/d")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database in /d was made by PostgreSQL 16, but this system has 17, 15: install PostgreSQL 16, or pass \
         another --data-dir to start with an empty database"
    );
}

#[test]
fn no_or_too_old_programs_are_explained_with_a_command() {
    let error = choose(Vec::new(), None, Path::new("/d")).unwrap_err();
    assert!(
        error.to_string().starts_with("PostgreSQL 14 or newer is needed, but this system has none: "),
        "{error}"
    );
    let error = choose(installed(&[13]), None, Path::new("/d")).unwrap_err();
    assert!(matches!(&error, EmbeddedError::NotInstalled { found, .. } if found == "13"), "{error}");
}
