//! `buffalo revenue changes`: what restated days, in the terminal.

use buffalo_model::{Clock, Currency, Money, RestatedDay, Restatement, SystemClock};

use super::usage;
use crate::cli::{ChangesArgs, Format};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say, say_csv, say_json, say_table, time};

pub(super) async fn run(args: &ChangesArgs, config: &Config) -> anyhow::Result<Exit> {
    let question = args.params.question(config, SystemClock.now()).map_err(|problems| usage(&problems))?;
    let changes = config.store()?.revenue_changes(question).await?;
    match args.output.format {
        Format::Json => say_json(&changes)?,
        Format::Csv => say_csv(&FIELDS, &changes.rows.iter().map(values).collect::<Vec<_>>())?,
        Format::Table if changes.days.is_empty() => say("No day was restated.")?,
        Format::Table => {
            let header = ["day", "currency", "counts as", "difference", "payments"];
            say_table(&header, &["difference", "payments"], changes.days.iter().map(day).collect())?;
            let header =
                ["day", "currency", "counts as", "before", "after", "source", "record", "known at", "reason"];
            say_table(&header, &["before", "after"], changes.rows.iter().map(row).collect())?;
            if let Some(cursor) = changes.next_cursor {
                say(format!("There are more: --cursor {cursor}"))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn day(restated: &RestatedDay) -> Vec<String> {
    vec![
        restated.date.to_string(),
        restated.currency.to_string(),
        restated.measure.as_str().to_owned(),
        amount(restated.difference_cents, restated.currency),
        restated.payments.to_string(),
    ]
}

fn row(restatement: &Restatement) -> Vec<String> {
    vec![
        restatement.date.to_string(),
        restatement.currency.to_string(),
        restatement.measure.as_str().to_owned(),
        amount(restatement.before_cents.into(), restatement.currency),
        amount(restatement.after_cents.into(), restatement.currency),
        restatement.source.to_string(),
        restatement.external_id.clone(),
        time(Some(restatement.known_at)),
        restatement.reason.as_str().to_owned(),
    ]
}

fn amount(minor: i128, currency: Currency) -> String {
    Money { minor, currency }.to_string()
}

/// The fields of a row of the document; the values are in [`values`].
const FIELDS: [&str; 11] = [
    "date",
    "measure",
    "currency",
    "beforeCents",
    "afterCents",
    "differenceCents",
    "source",
    "entity",
    "externalId",
    "knownAt",
    "reason",
];

fn values(restatement: &Restatement) -> Vec<String> {
    vec![
        restatement.date.to_string(),
        restatement.measure.as_str().to_owned(),
        restatement.currency.to_string(),
        restatement.before_cents.to_string(),
        restatement.after_cents.to_string(),
        restatement.difference_cents.to_string(),
        restatement.source.to_string(),
        restatement.entity.clone(),
        restatement.external_id.clone(),
        restatement.known_at.to_rfc3339(),
        restatement.reason.as_str().to_owned(),
    ]
}
