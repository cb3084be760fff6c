//! `buffalo revenue explain`: the payments behind a figure, in the terminal.

use buffalo_model::{Clock, Contribution, Money, SystemClock};

use super::usage;
use crate::cli::{ExplainArgs, Format};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say, say_csv, say_json, say_revenue, say_table, time};

pub(super) async fn run(args: &ExplainArgs, config: &Config) -> anyhow::Result<Exit> {
    let question = args.params.question(config).map_err(|problems| usage(&problems))?;
    let counted = config.revenue_sources();
    let explained = config.store()?.explain_revenue(question, &counted, SystemClock.now()).await?;
    match args.output.format {
        Format::Json => say_json(&explained)?,
        Format::Csv => say_csv(&FIELDS, &explained.rows.iter().map(values).collect::<Vec<_>>())?,
        Format::Table => {
            let header =
                ["counts at", "source", "record", "kind", "status", "counts as", "amount", "run", "fetched"];
            say_table(&header, &["amount"], explained.rows.iter().map(row).collect())?;
            say_revenue(&explained.totals)?;
            if let Some(cursor) = explained.next_cursor {
                say(format!("There are more: --cursor {cursor}"))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn row(counted: &Contribution) -> Vec<String> {
    vec![
        time(Some(counted.counted_at)),
        counted.source.to_string(),
        counted.external_id.clone(),
        counted.kind.clone(),
        counted.status.clone(),
        counted.measure.as_str().to_owned(),
        Money { minor: counted.amount_cents.into(), currency: counted.currency }.to_string(),
        counted.run_id.map_or_else(|| "dropped".to_owned(), |run| run.to_string()),
        time(counted.fetched_at),
    ]
}

/// The fields of the document, without the payload; the values are in [`values`].
const FIELDS: [&str; 17] = [
    "source",
    "entity",
    "externalId",
    "kind",
    "status",
    "rawStatus",
    "measure",
    "amountCents",
    "currency",
    "occurredAt",
    "countedAt",
    "parentExternalId",
    "customerExternalId",
    "observedAt",
    "updatedAt",
    "runId",
    "fetchedAt",
];

fn values(counted: &Contribution) -> Vec<String> {
    vec![
        counted.source.to_string(),
        counted.entity.clone(),
        counted.external_id.clone(),
        counted.kind.clone(),
        counted.status.clone(),
        counted.raw_status.clone(),
        counted.measure.as_str().to_owned(),
        counted.amount_cents.to_string(),
        counted.currency.to_string(),
        counted.occurred_at.to_rfc3339(),
        counted.counted_at.to_rfc3339(),
        counted.parent_external_id.clone().unwrap_or_default(),
        counted.customer_external_id.clone().unwrap_or_default(),
        counted.observed_at.to_rfc3339(),
        counted.updated_at.to_rfc3339(),
        counted.run_id.map(|run| run.to_string()).unwrap_or_default(),
        counted.fetched_at.map(|at| at.to_rfc3339()).unwrap_or_default(),
    ]
}
