//! A summary in words: the subject, the text, and the phrases that text and HTML share.

use std::fmt::Write;

use buffalo_model::{Currency, Figures, Money};
use chrono::{DateTime, SecondsFormat, Utc};

use super::DailySummary;

impl DailySummary {
    /// One line, such as `[buffalo] DAILY — 2026-11-20 | 1234.50 USD collected`.
    #[must_use]
    pub fn subject(&self) -> String {
        let currency = self.revenue.query.currency;
        let collected = money(self.revenue.total.collected, currency);
        format!("[buffalo] DAILY — {} | {collected} {currency} collected", self.day)
    }

    /// The summary as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title());
        if let Some(warning) = self.warning() {
            let _ = write!(text, "{warning}\n\n");
        }
        let rows = self.figures();
        let widest = rows.iter().map(|(_, amount, _)| amount.len()).max().unwrap_or(0);
        for (what, amount, note) in rows {
            let line = format!("{what:<16}{amount:>widest$}   {note}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for (what, said) in self.facts() {
            let _ = write!(text, "\n{what}: {said}");
        }
        let _ = write!(text, "\n\nMore: buffalo summary --date {}\n      buffalo status\n", self.day);
        text
    }

    pub(super) fn title(&self) -> String {
        format!("{} ({})", self.day.format("%A, %-d %B %Y"), self.revenue.query.timezone.name())
    }

    /// What is to be known before the figures are read.
    pub(super) fn warning(&self) -> Option<String> {
        let incomplete = self.incomplete();
        if incomplete.is_empty() {
            return None;
        }
        let each = incomplete.iter().map(|(source, through)| match through {
            Some(through) => format!("{source} only up to {}", time(*through)),
            None => format!("{source} was not fetched to its end so far"),
        });
        let each: Vec<_> = each.collect();
        Some(format!("These figures are not complete: {}.", each.join("; ")))
    }

    /// What, how much, and what is to be said beside it.
    pub(super) fn figures(&self) -> Vec<(String, String, String)> {
        let query = &self.revenue.query;
        let (currency, total) = (query.currency, &self.revenue.total);
        let row = |what: &str, minor, note: String| (what.to_owned(), money(minor, currency), note);
        let mut rows = vec![
            row("collected", total.collected, format!("{currency}, {} payments", total.count)),
            row("refunded", total.refunded, String::new()),
            row("disputed", total.disputed, String::new()),
            row("net", total.net(), String::new()),
            row("the day before", self.day_before.net(), change(total, &self.day_before, currency)),
            row("a week before", self.week_before.net(), change(total, &self.week_before, currency)),
        ];
        for (other, figures) in &self.revenue.other_currencies {
            let note = format!("{other}, {} payments, net {}", figures.count, money(figures.net(), *other));
            rows.push((format!("in {other}"), money(figures.collected, *other), note));
        }
        rows
    }

    /// What else there is to know, by subject.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let counts = &self.counts;
        let runs = counts
            .runs
            .iter()
            .map(|tally| format!("{} {} of {} {}", tally.count, tally.status, tally.source, tally.entity));
        let dead = counts.dead_letters.iter().map(|(source, count)| format!("{count} of {source}"));
        let unmapped = self
            .unmapped
            .iter()
            .map(|status| format!("{} `{}` ({} records)", status.source, status.raw_status, status.count));
        let fresh = self.cursors.iter().map(|cursor| {
            let through = cursor.data_through.map_or_else(|| "never complete".to_owned(), time);
            format!("{} {} {through}", cursor.source, cursor.entity)
        });
        let by_source = self.revenue.sources_that_contribute();
        let by_source = by_source.iter().map(|(source, currency, figures)| {
            let (collected, net) = (money(figures.collected, *currency), money(figures.net(), *currency));
            format!("{source} {collected} {currency} ({net} net)")
        });
        let by_source: Vec<_> = by_source.collect();
        let mut facts = vec![
            ("Runs", list(runs)),
            ("New dead letters", list(dead)),
            ("Unmapped statuses", list(unmapped)),
            ("Complete up to", list(fresh)),
        ];
        if !by_source.is_empty() {
            facts.insert(0, ("By source", by_source.join("; ")));
        }
        facts
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "none".to_owned() } else { items.join("; ") }
}

/// By how much net revenue differs from that of an earlier day; percents only where there is something to divide by.
fn change(now: &Figures, before: &Figures, currency: Currency) -> String {
    let (now, before) = (now.net(), before.net());
    let difference = now - before;
    let sign = if difference > 0 { "+" } else { "" };
    let amount = format!("{sign}{}", money(difference, currency));
    if before <= 0 {
        return amount;
    }
    format!("{amount} ({sign}{} %)", rounded_percent(difference, before))
}

/// Rounded to whole percents, halves away from zero.
fn rounded_percent(part: i128, whole: i128) -> i128 {
    let half = if part < 0 { -whole } else { whole };
    (part * 200 + half) / (whole * 2)
}

fn money(minor: i128, currency: Currency) -> String {
    Money { minor, currency }.to_string()
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
