//! A small workspace to plant code in.

use std::fs;

use buffalo_one_revenue::{Allowed, check};
use tempfile::TempDir;

pub(crate) struct Tree(TempDir);

impl Tree {
    /// A workspace with a program that does nothing.
    pub(crate) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.with("Cargo.toml", "[workspace]").with("src/main.rs", "fn main() {}")
    }

    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn complaints(&self, allowed: &[Allowed]) -> Vec<String> {
        check(self.0.path(), allowed).unwrap().complaints
    }

    /// Makes sure that something is found at a place, and at no other.
    pub(crate) fn assert_found(&self, place: &str, what: &str, planted: &str) {
        let complaints = self.complaints(&[]);
        assert!(
            complaints.iter().any(|line| line.starts_with(place) && line.contains(what)),
            "{planted}\n{complaints:?}"
        );
    }
}
