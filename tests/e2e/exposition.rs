//! A strict reading of the text format of Prometheus: what its own parser forgives is an error here.

use std::collections::{BTreeMap, BTreeSet};

/// A metric with all of its series.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    /// The names of samples, such as `…_bucket`.
    pub samples: BTreeSet<String>,
    /// The names of labels, without the bound of a bucket.
    pub labels: BTreeSet<String>,
}

/// A line that is a sample.
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads a scrape by name of metric; panics at the first line that is not as it should be.
pub fn read(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut series = BTreeSet::new();
    let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut current = String::new();
    let lines = text.strip_suffix('\n').expect("a newline at the end");
    for line in lines.split('\n') {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect(line);
            current = name.to_owned();
            let family = Family { help: help.to_owned(), ..Family::default() };
            assert!(families.insert(current.clone(), family).is_none(), "twice: {line}");
            continue;
        }
        let family = families.get_mut(&current).expect("HELP comes first");
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            assert_eq!((name, family.kind.as_str()), (current.as_str(), ""), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            family.kind = kind.to_owned();
            continue;
        }
        let Sample { name, mut labels, value } = sample(line);
        assert!(series.insert(format!("{name} {labels:?}")), "twice: {line}");
        let suffix = name.strip_prefix(&current).unwrap_or_else(|| panic!("not of {current}: {line}"));
        let bound = labels.remove("le");
        if family.kind == "histogram" {
            let of = buckets.entry(format!("{current} {labels:?}")).or_default();
            match (suffix, bound) {
                ("_bucket", Some(bound)) => of.push((bound.parse().expect(line), value)),
                ("_count", None) => assert_eq!(of.last(), Some(&(f64::INFINITY, value)), "{line}"),
                ("_sum", None) => {}
                _ => panic!("not of a histogram: {line}"),
            }
        } else {
            assert_eq!((suffix, bound), ("", None), "{line}");
        }
        assert!(value.is_finite() && (family.kind == "gauge" || value >= 0.0), "{line}");
        family.samples.insert(name);
        family.labels.extend(labels.into_keys());
    }
    for (series, buckets) in buckets {
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{series}: {buckets:?}");
    }
    families
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect(line);
    let value = value.parse().expect(line);
    let (name, mut rest) = match series.split_once('{') {
        None => (series, ""),
        Some((name, rest)) => (name, rest.strip_suffix('}').expect(line)),
    };
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").expect(line);
        assert!(is_name(label), "{line}");
        let (text, after) = quoted(after, line);
        assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
        rest = match after.strip_prefix(',') {
            Some(more) => more,
            None => {
                assert_eq!(after, "", "{line}");
                ""
            }
        };
    }
    Sample { name: name.to_owned(), labels, value }
}

/// The text up to the closing quote, and what follows it.
fn quoted<'a>(text: &'a str, line: &str) -> (String, &'a str) {
    let mut read = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (read, &text[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => read.push('\n'),
                Some((_, c @ ('"' | '\\'))) => read.push(c),
                _ => panic!("an escape that there is not: {line}"),
            },
            c => read.push(c),
        }
    }
    panic!("no closing quote: {line}");
}
