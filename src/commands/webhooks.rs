//! `buffalo webhooks`: opens, renews and closes push channels at vendors who let them expire.

use std::sync::Arc;

use buffalo_connectors::Connector;
use buffalo_jobs::Watch;
use buffalo_model::{SystemClock, WatchDeed, WatchStep};
use serde_json::json;

use super::fetch::chosen;
use crate::cli::{Format, WebhooksAction, WebhooksArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{complain, say, say_csv, say_json, say_table, time};

pub(super) async fn run(args: &WebhooksArgs, config: &Config) -> anyhow::Result<Exit> {
    let connector: Arc<dyn Connector> = chosen(Some(&args.source), config)?.remove(0);
    let channels = connector.push_channels().map_err(|why| anyhow::anyhow!("{}: {why}", args.source))?;
    let watch = Watch { store: config.store()?, clock: &SystemClock, source: connector.source(), channels };
    let (steps, format) = match &args.action {
        WebhooksAction::Watch { url, output } => (watch.watch(url).await?, output.format),
        WebhooksAction::Stop(output) => (watch.stop().await?, output.format),
    };
    let Some(steps) = steps else {
        complain("another process is opening or closing channels; nothing was done here");
        return Ok(Exit::Done);
    };
    complain_of(&steps);
    match format {
        Format::Json => say_json(&json!({ "channels": steps }))?,
        Format::Csv => say_csv(&HEADER, &rows(&steps))?,
        Format::Table if steps.is_empty() => say("No channel is open.")?,
        Format::Table => say_table(&HEADER, &[], rows(&steps))?,
    }
    Ok(exit(&steps))
}

/// Renews what is about to expire of the channels that are open.
pub(super) async fn renew(config: &Config) -> anyhow::Result<Exit> {
    let mut all = Vec::new();
    for connector in &config.sources {
        let Ok(channels) = connector.push_channels() else { continue };
        let watch =
            Watch { store: config.store()?, clock: &SystemClock, source: connector.source(), channels };
        all.extend(watch.renew().await?.unwrap_or_default());
    }
    complain_of(&all);
    Ok(exit(&all))
}

const HEADER: [&str; 4] = ["subject", "channel", "expires", "error"];

fn rows(steps: &[WatchStep]) -> Vec<Vec<String>> {
    let row = |step: &WatchStep| {
        let (did, expires_at, error) = match &step.did {
            WatchDeed::Opened { expires_at } => ("opened", Some(*expires_at), ""),
            WatchDeed::Kept { expires_at } => ("kept", Some(*expires_at), ""),
            WatchDeed::Closed => ("closed", None, ""),
            WatchDeed::Failed { error } => ("failed", None, error.as_str()),
        };
        vec![step.subject.clone(), did.to_owned(), time(expires_at), error.to_owned()]
    };
    steps.iter().map(row).collect()
}

fn complain_of(steps: &[WatchStep]) {
    for step in steps {
        if let WatchDeed::Failed { error } = &step.did {
            complain(format!("{}: {error}", step.subject));
        }
    }
}

fn exit(steps: &[WatchStep]) -> Exit {
    let failed = steps.iter().filter(|step| matches!(step.did, WatchDeed::Failed { .. })).count();
    match failed {
        0 => Exit::Done,
        all if all == steps.len() => Exit::Failed,
        _ => Exit::PartlyFailed,
    }
}
