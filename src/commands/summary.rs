//! `buffalo summary`: what a day brought, printed, and sent once.

use buffalo_jobs::{DailySummary, Summaries};
use buffalo_model::{NotificationKind, Source, SystemClock, parse_date};
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::{SummaryArgs, SummaryFormat};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{complain, say, say_json};

pub(super) async fn run(args: &SummaryArgs, config: &Config) -> anyhow::Result<Exit> {
    let sources = config.revenue_sources();
    let summaries = summaries(config, &sources)?;
    let asked_for = args.date.as_deref().map(parse_date).transpose();
    let asked_for = asked_for.map_err(|error| UsageError(format!("--date: {error}")))?;
    if args.send {
        may_be_sent(config, &summaries, asked_for)?;
    }
    let summary = summaries.of(asked_for.unwrap_or_else(|| summaries.yesterday())).await?;
    match args.format {
        SummaryFormat::Text => say(summary.text().trim_end())?,
        SummaryFormat::Html => say(summary.html().trim_end())?,
        SummaryFormat::Json => say_json(&document(&summary))?,
    }
    if args.send {
        if !summaries.write(&summary).await? {
            complain(format!("the summary of {} was sent before and is not sent again", summary.day));
        }
    } else if asked_for.is_none() {
        for day in catch_up(config, &summaries).await?.iter().filter(|day| **day != summary.day) {
            complain(format!("the summary of {day} was missed and is sent now"));
        }
    }
    Ok(Exit::Done)
}

/// Sends what was not sent up to yesterday, for a schedule.
pub(super) async fn send_due(config: &Config) -> anyhow::Result<Exit> {
    let sources = config.revenue_sources();
    catch_up(config, &summaries(config, &sources)?).await?;
    Ok(Exit::Done)
}

fn summaries<'a>(config: &'a Config, sources: &'a [Source]) -> anyhow::Result<Summaries<'a>> {
    Ok(Summaries {
        store: config.store()?,
        clock: &SystemClock,
        timezone: config.reporting_timezone,
        currency: config.reporting_currency,
        sources,
        counted: config.counted_sources.clone(),
    })
}

async fn catch_up(config: &Config, summaries: &Summaries<'_>) -> anyhow::Result<Vec<NaiveDate>> {
    Ok(if sends(config) { summaries.catch_up().await? } else { Vec::new() })
}

/// Whether anybody is to be told of a day.
fn sends(config: &Config) -> bool {
    !config.channels.is_empty() && config.notify_on.contains(NotificationKind::Daily)
}

/// A day is sent once, so it must be over, and there must be somebody to send it to.
fn may_be_sent(config: &Config, summaries: &Summaries<'_>, day: Option<NaiveDate>) -> anyhow::Result<()> {
    if !sends(config) {
        anyhow::bail!("--send: no channel is configured, or NOTIFY_ON leaves out daily");
    }
    if day.is_some_and(|day| day > summaries.yesterday()) {
        return Err(UsageError("--send: the day is not over yet".to_owned()).into());
    }
    Ok(())
}

fn document(summary: &DailySummary) -> Value {
    let runs: Vec<_> = summary
        .counts
        .runs
        .iter()
        .map(|tally| {
            json!({"source": tally.source, "entity": tally.entity, "status": tally.status, "count": tally.count})
        })
        .collect();
    let dead = &summary.counts.dead_letters;
    let dead: Vec<_> = dead.iter().map(|(source, count)| json!({"source": source, "count": count})).collect();
    let unmapped: Vec<_> = summary.unmapped.iter().map(super::status::unmapped_document).collect();
    let freshness: Vec<_> = summary
        .cursors
        .iter()
        .map(|cursor| {
            json!({"source": cursor.source, "entity": cursor.entity, "dataThrough": cursor.data_through})
        })
        .collect();
    json!({
        "date": summary.day,
        "timezone": summary.revenue.query.timezone.name(),
        "complete": summary.incomplete().is_empty(),
        "revenue": summary.revenue,
        "dayBefore": {"netRevenueCents": summary.day_before.net().to_string()},
        "weekBefore": {"netRevenueCents": summary.week_before.net().to_string()},
        "runs": runs, "newDeadLetters": dead, "unmappedStatuses": unmapped, "freshness": freshness,
    })
}
