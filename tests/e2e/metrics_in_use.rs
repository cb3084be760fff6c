//! What dashboards, alerts and documentation say of metrics, against what a server really gives.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::exposition::{self, Family};
use crate::harness::{World, kill};
use crate::http::{get, serve};
use crate::sinks::HttpSink;

const DOCUMENT: &str = include_str!("../../docs/metrics.md");
const IN_USE: [(&str, &str); 2] = [
    ("deploy/grafana/buffalo.json", include_str!("../../deploy/grafana/buffalo.json")),
    ("deploy/prometheus/alerts.yml", include_str!("../../deploy/prometheus/alerts.yml")),
];

/// A scrape in which every metric has been seen at least once.
async fn everything() -> BTreeMap<String, Family> {
    let mut world = World::with_charges(30).await;
    let slack = HttpSink::answering(&[(200, "ok")]).await;
    world.set("SLACK_WEBHOOK_URL", &slack.base);
    world.set("NOTIFY_ON", "success");
    world.tell("faults", json!({"nth": 1, "kind": {"status": 500}})).await;
    world.sync().await;
    let (mut server, base) = serve(&mut world).await;
    let (_, body, _) = get(format!("{base}/metrics"), &[]).await;
    kill(&mut server).await;
    world.end().await;
    exposition::read(body.as_str().unwrap())
}

/// Names of metrics in a text, each with the names of the labels that its selector asks for.
fn mentioned(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    for (at, _) in text.match_indices("buffalo_") {
        if text[..at].ends_with(|c: char| is_part(c) || c == '-') {
            continue;
        }
        let end = text[at..].find(|c| !is_part(c)).map_or(text.len(), |length| at + length);
        let selector = text[end..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let labels = selector.map_or("", |(selector, _)| selector).split(',').filter_map(|matcher| {
            Some(matcher.split_once(['=', '!'])?.0.trim().to_owned()).filter(|label| label != "instance")
        });
        found.push((text[at..end].to_owned(), labels.collect()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_documented_asked_for_and_given_is_the_same() {
    let given = everything().await;
    for (name, family) in &given {
        assert!(!family.samples.is_empty(), "{name} was never seen");
    }
    for (file, text) in IN_USE {
        let mentioned = mentioned(text);
        assert!(mentioned.len() > 5, "{file}: {mentioned:?}");
        for (sample, labels) in mentioned {
            let family = given.values().find(|family| family.samples.contains(&sample));
            let family = family.unwrap_or_else(|| panic!("{file} asks for {sample}, which there is not"));
            for label in labels {
                assert!(family.labels.contains(&label), "{file} asks {sample} for its {label}");
            }
        }
    }
    let documented: BTreeMap<String, [String; 3]> = DOCUMENT
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
            let [name, kind, labels, help] = cells.try_into().ok()?;
            let texts = [kind, labels, help].map(str::to_owned);
            Some((name.trim_end_matches('`').to_owned(), texts))
        })
        .collect();
    let names = |keys: Vec<&String>| -> BTreeSet<String> { keys.into_iter().cloned().collect() };
    assert_eq!(names(documented.keys().collect()), names(given.keys().collect()));
    for (name, [kind, labels, help]) in documented {
        let family = &given[&name];
        assert_eq!((&kind, &help), (&family.kind, &family.help), "{name}");
        let labels: BTreeSet<String> =
            labels.split(", ").map(|label| label.trim_matches('`').to_owned()).filter(|l| l != "–").collect();
        assert_eq!(labels, family.labels, "{name}");
    }
}

#[test]
fn the_dashboard_is_a_dashboard() {
    let dashboard: serde_json::Value = serde_json::from_str(IN_USE[0].1).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "an id twice");
    for panel in panels {
        let targets = panel["targets"].as_array().map_or(0, Vec::len);
        assert_eq!(targets == 0, panel["type"] == "row", "{panel}");
    }
}
