//! The program as a deployment sees it: commands, flags, settings, and the files of the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A path in the repository.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A file of the repository.
pub fn file(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All documents of a YAML file.
pub fn yaml(name: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The texts of an array.
pub fn texts(array: &Value) -> Vec<&str> {
    array.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// Makes sure that the program knows a command and its flags.
#[track_caller]
pub fn assert_command(words: &[&str]) {
    let flags = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
    assert!(flags > 0, "no command: {words:?}");
    let help =
        Command::new(env!("CARGO_BIN_EXE_buffalo")).args(&words[..flags]).arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success(), "there is no command {words:?}");
    for flag in words[flags..].iter().filter(|word| word.starts_with('-')) {
        assert!(text.split_whitespace().any(|word| word == *flag), "{words:?} has no {flag}");
    }
}

/// The settings that there are. A test of the program holds the example against what is read.
pub fn settings() -> BTreeSet<String> {
    let example = file(".env.example");
    let lines = example.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
    lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name.to_owned()).collect()
}

/// Makes sure that the program reads these.
#[track_caller]
pub fn assert_settings<'a>(names: impl IntoIterator<Item = &'a str>) {
    let settings = settings();
    for name in names {
        assert!(settings.contains(name), "{name} is no setting");
    }
}
