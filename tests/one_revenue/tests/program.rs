//! The program as it is has one implementation of revenue.

use std::path::Path;

use buffalo_one_revenue::{ALLOWED, check};

#[test]
fn revenue_is_computed_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = check(&root, ALLOWED).unwrap();
    assert_eq!(report.complaints, [""; 0]);
    assert!(report.files > 100 && report.statements > 100 && report.about_money > 5, "{report:?}");
    assert!(ALLOWED.iter().all(|entry| !entry.reason.is_empty()));
}
