//! `docs/operations.md`: it has a word for each alert.

use crate::program::{file, yaml};

#[test]
fn each_alert_is_explained_once_and_no_other() {
    let rules = yaml("deploy/prometheus/alerts.yml").remove(0);
    let rules =
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let mut alerts: Vec<_> = rules.map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect();
    let document = file("docs/operations.md");
    let headings = document.lines().filter_map(|line| line.strip_prefix("### Buffalo"));
    let mut explained: Vec<_> = headings.map(|name| format!("Buffalo{name}")).collect();
    alerts.sort();
    explained.sort();
    assert_eq!(alerts, explained);
}
