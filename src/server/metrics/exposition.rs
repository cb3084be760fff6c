//! The text format that Prometheus reads.

use std::fmt::{self, Write};
use std::time::Duration;

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

/// Observations by size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Histogram {
    /// For each upper bound, the smallest first: how many observations are not above it.
    pub(super) up_to: Vec<(Duration, i64)>,
    pub(super) count: i64,
    pub(super) sum: Duration,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Seconds(time) if *time < TimeDelta::zero() => {
                write!(f, "-{}", seconds((-*time).to_std().unwrap_or_default()))
            }
            Self::Seconds(time) => f.write_str(&seconds(time.to_std().unwrap_or_default())),
        }
    }
}

impl Exposition {
    /// Writes a counter or gauge; each sample has as many label values as the metric has labels.
    pub(super) fn metric<'a>(
        &mut self,
        metric: &Metric,
        samples: impl IntoIterator<Item = (Vec<&'a str>, Value)>,
    ) {
        self.head(metric);
        for (values, value) in samples {
            self.line(format_args!("{}{} {value}", metric.name, labels(metric.labels, &values)));
        }
    }

    /// Writes a histogram.
    pub(super) fn histogram<'a>(
        &mut self,
        metric: &Metric,
        series: impl IntoIterator<Item = (Vec<&'a str>, Histogram)>,
    ) {
        self.head(metric);
        let name = metric.name;
        let bucket_labels = [metric.labels, &["le"]].concat();
        for (values, Histogram { up_to, count, sum }) in series {
            let bounds = up_to.into_iter().map(|(bound, count)| (seconds(bound), count));
            for (bound, count) in bounds.chain([("+Inf".to_owned(), count)]) {
                let labels = labels(&bucket_labels, &[values.as_slice(), &[&bound]].concat());
                self.line(format_args!("{name}_bucket{labels} {count}"));
            }
            let labels = labels(metric.labels, &values);
            self.line(format_args!("{name}_sum{labels} {}", seconds(sum)));
            self.line(format_args!("{name}_count{labels} {count}"));
        }
    }

    /// The whole text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn head(&mut self, metric: &Metric) {
        let name = metric.name;
        self.line(format_args!("# HELP {name} {}", metric.help.replace('\\', "\\\\")));
        self.line(format_args!("# TYPE {name} {}", metric.kind.as_str()));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string never fails.
        let _ = writeln!(self.text, "{line}");
    }
}

/// Labels in braces; nothing where there are none.
fn labels(names: &[&str], values: &[&str]) -> String {
    debug_assert_eq!(names.len(), values.len(), "values of the labels {names:?}");
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

/// Seconds with as many decimals as there are, at most six.
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
        let escaped = r#"{source="a\"b",entity="c\\d\n"} -1.5"#;
        assert_eq!(lines[2], format!("buffalo_data_through_age_seconds{escaped}"));
        assert_eq!(lines[5], "buffalo_database_up 1");
    }

    #[test]
    fn a_histogram_ends_with_everything() {
        let mut exposition = Exposition::default();
        let up_to = vec![(Duration::from_millis(5), 1), (Duration::from_secs(10), 2)];
        let histogram = Histogram { up_to, count: 3, sum: Duration::from_micros(20_000_001) };
        exposition.histogram(&catalogue::HTTP_DURATION, [(vec!["/runs"], histogram)]);
        let text = exposition.into_text();
        let lines: Vec<_> = text.lines().skip(2).collect();
        let name = "buffalo_http_request_duration_seconds";
        assert_eq!(
            lines,
            [
                format!("{name}_bucket{{route=\"/runs\",le=\"0.005\"}} 1"),
                format!("{name}_bucket{{route=\"/runs\",le=\"10\"}} 2"),
                format!("{name}_bucket{{route=\"/runs\",le=\"+Inf\"}} 3"),
                format!("{name}_sum{{route=\"/runs\"}} 20.000001"),
                format!("{name}_count{{route=\"/runs\"}} 3"),
            ]
        );
    }
}
