//! Holds what is written of the settings, in `.env.example` and in the README, against what is read.

use std::collections::BTreeSet;

use super::{Config, Needs, Settings};

// The tests are asynchronous because a pool of connections belongs to a runtime, also before it opens any.

const EXAMPLE: &str = include_str!("../../.env.example");
const README: &str = include_str!("../../README.md");

/// What makes the program read all that it may read: every source and every channel, with each kind of credential.
const EVERYTHING: [&[(&str, &str)]; 3] = [
    &[
        ("DATABASE_URL", "postgres://buffalo@localhost/buffalo"),
        ("STRIPE_API_KEY", "sk_test_example"),
        ("HUBSPOT_ACCESS_TOKEN", "pat-na1-example"),
        ("HUBSPOT_WEBHOOK_SECRET", "example"),
        ("GOOGLE_ACCESS_TOKEN", "ya29.example"),
        ("SMTP_URL", "smtps://mail.example.com"),
        ("RESEND_API_KEY", "re_example"),
        ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/example"),
        ("NOTIFY_WEBHOOK_URL", "https://example.com/hook"),
    ],
    &[("GOOGLE_REFRESH_TOKEN", "1//example")],
    &[("GOOGLE_CLIENT_EMAIL", "buffalo@example.com"), ("GOOGLE_PRIVATE_KEY", "-")],
];

/// What only a binary with the feature `otlp` reads, and only when it is to export traces.
const WITH_OTLP: [&str; 2] = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME"];

fn settings(values: impl IntoIterator<Item = (String, String)>) -> Settings {
    // Some of the channels prepare TLS.
    drop(rustls::crypto::ring::default_provider().install_default());
    Settings::new(values)
}

fn read() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = WITH_OTLP.map(str::to_owned).into();
    for values in EVERYTHING {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut settings = settings(values);
        drop(Config::from_settings(&mut settings, Needs::Everything));
        names.extend(settings.asked());
    }
    names
}

/// The lines of the example that set something, also those that are commented out.
fn example() -> Vec<(String, String)> {
    let lines = EXAMPLE.lines().map(|line| line.strip_prefix('#').unwrap_or(line));
    lines
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[tokio::test]
async fn the_example_has_every_setting_and_no_other() {
    let names: Vec<_> = example().into_iter().map(|(name, _)| name).collect();
    let once: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(names.len(), once.len(), "a name comes twice: {names:?}");
    assert_eq!(once, read());
}

#[tokio::test]
async fn the_readme_has_every_setting_and_no_other() {
    let table = README.split_once("\n| variable | default | meaning |\n").unwrap().1;
    let rows =
        table.lines().take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    let names = rows.flat_map(|cell| cell.split('`')).filter(|text| is_name(text));
    assert_eq!(names.map(str::to_owned).collect::<BTreeSet<_>>(), read());
}

#[tokio::test]
async fn every_value_of_the_example_can_be_used() {
    let mut settings = settings(example());
    drop(Config::from_settings(&mut settings, Needs::Database));
    assert_eq!(settings.problems(), []);
}
