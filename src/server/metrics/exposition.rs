//! The text format that Prometheus reads.

use std::fmt::{self, Write};

use chrono::TimeDelta;

use super::catalogue::Metric;

/// A text in the making. Every metric is written once, with all of its samples.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

/// The value of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Count(i64),
    Seconds(TimeDelta),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Seconds(time) => {
                let us = time.num_microseconds().unwrap_or(i64::MAX);
                let sign = if us < 0 { "-" } else { "" };
                let us = us.unsigned_abs();
                write!(f, "{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
            }
        }
    }
}

impl Exposition {
    /// Writes a metric; each sample has as many label values as the metric has labels.
    pub(super) fn metric<'a>(
        &mut self,
        metric: &Metric,
        samples: impl IntoIterator<Item = (Vec<&'a str>, Value)>,
    ) {
        let Metric { name, help, .. } = metric;
        self.line(format_args!("# HELP {name} {}", help.replace('\\', "\\\\")));
        self.line(format_args!("# TYPE {name} {}", metric.kind.as_str()));
        for (values, value) in samples {
            debug_assert_eq!(values.len(), metric.labels.len(), "labels of {name}");
            self.line(format_args!("{name}{} {value}", labels(metric.labels, &values)));
        }
    }

    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string never fails.
        let _ = writeln!(self.text, "{line}");
    }
}

/// Labels in braces; nothing where there are none.
fn labels(names: &[&str], values: &[&str]) -> String {
    let pairs: Vec<String> = names
        .iter()
        .zip(values)
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;

    #[test]
    fn a_metric_is_written_with_its_help_type_and_samples() {
        let mut exposition = Exposition::default();
        let half = Value::Seconds(TimeDelta::milliseconds(-1_500));
        exposition.metric(&catalogue::DATA_THROUGH_AGE, [(vec!["a\"b", "c\\d\n"], half)]);
        exposition.metric(&catalogue::DATABASE_UP, [(vec![], Value::Count(1))]);
        let text = exposition.into_text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "# TYPE buffalo_data_through_age_seconds gauge");
        let escaped = r#"{source="a\"b",entity="c\\d\n"} -1.500000"#;
        assert_eq!(lines[2], format!("buffalo_data_through_age_seconds{escaped}"));
        assert_eq!(lines[5], "buffalo_database_up 1");
    }
}
