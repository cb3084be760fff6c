//! Makes sure that revenue is computed in one place: reads all SQL and all Rust of the program as their parsers do, and
//! finds what decides by the status of a payment or adds up amounts elsewhere.
//!
//! It sees what people write when they do not think of it, not what somebody hides from it: a sum through two functions
//! in two files is not found.

mod allowed;
mod amounts;
mod code;
mod finding;
mod product;
mod sql;
mod statement;

use std::collections::BTreeSet;
use std::path::Path;

pub use allowed::{ALLOWED, Allowed};
pub use finding::{Finding, Kind};
pub use product::ProductError;

/// What was seen.
#[derive(Debug)]
pub struct Report {
    /// Files that were read, of Rust and of SQL.
    pub files: usize,
    /// Statements of SQL that were found in them.
    pub statements: usize,
    /// Those among them that had to be parsed, as they name payments, amounts or revenue.
    pub about_money: usize,
    /// What has to change, one line each.
    pub complaints: Vec<String>,
}

/// Looks at the program whose workspace is `root`. Exceptions that are not used are complaints, too, so that the list
/// says what is there.
///
/// # Errors
///
/// [`ProductError`] where the program can't be read.
pub fn check(root: &Path, allowed: &[Allowed]) -> Result<Report, ProductError> {
    let mut report = Report { files: 0, statements: 0, about_money: 0, complaints: Vec::new() };
    let product = product::read(root)?;
    report.files = product.code.len() + product.sql.len();

    let mut findings = BTreeSet::new();
    let mut texts: Vec<sql::Text> = Vec::new();
    for file in &product.code {
        let seen = code::look(file);
        findings.extend(seen.findings);
        texts.extend(seen.sql);
        for (name, line) in seen.files {
            match product::query_file(root, &file.path, &name) {
                // Most have been found by their folder.
                Some(text) if product.sql.iter().chain(&texts).any(|known| known.path == text.path) => {}
                Some(text) => texts.push(text),
                None => {
                    let path = file.path.clone();
                    findings.insert(Finding { path, line, kind: Kind::Unreadable });
                }
            }
        }
    }
    texts.extend(product.sql);
    for text in &texts {
        let seen = sql::look(text);
        report.statements += seen.statements;
        report.about_money += seen.about_money;
        findings.extend(seen.findings);
    }

    let excuse = |finding: &Finding| allowed.iter().position(|entry| entry.excuses(finding));
    let mut used = BTreeSet::new();
    for finding in &findings {
        match excuse(finding) {
            Some(entry) => {
                used.insert(entry);
            }
            None => report.complaints.push(finding.to_string()),
        }
    }
    for (place, entry) in allowed.iter().enumerate().filter(|(place, _)| !used.contains(place)) {
        let nth = place + 1;
        report.complaints.push(format!(
            "tests/one_revenue/src/allowed.rs: entry {nth}, `{}`, excuses nothing any more; remove it",
            entry.path
        ));
    }
    Ok(report)
}
