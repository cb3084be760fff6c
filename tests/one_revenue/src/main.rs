//! Tells of code that computes revenue a second time, and fails when there is any. `scripts/check-revenue` runs it.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use buffalo_one_revenue::{ALLOWED, check};

fn main() -> std::io::Result<ExitCode> {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let report = match check(Path::new(&root), ALLOWED) {
        Ok(report) => report,
        Err(error) => {
            writeln!(std::io::stderr(), "check-revenue: {error}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    for complaint in &report.complaints {
        writeln!(std::io::stderr(), "{complaint}")?;
    }
    let looked_at = format!(
        "{} files and {} statements were looked at, of which {} name payments, amounts or revenue",
        report.files, report.statements, report.about_money
    );
    if report.complaints.is_empty() {
        writeln!(std::io::stdout(), "One implementation of revenue: {looked_at}.")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(std::io::stderr(), "check-revenue: {} complaints; {looked_at}.", report.complaints.len())?;
    Ok(ExitCode::FAILURE)
}
