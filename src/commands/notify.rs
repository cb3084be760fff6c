//! `buffalo notify`: delivers what is due, or tries the channels. And what other commands do about notifications.

use std::time::Duration;

use buffalo_connectors::channels::ENABLING_SETTINGS;
use buffalo_jobs::{Sent, StopSwitch, deliver_due, test_channels};
use buffalo_model::SystemClock;
use serde_json::json;

use crate::cli::{Format, NotifyArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say, say_csv, say_json, say_table};

/// How often a command that goes on delivers what is due.
const DELIVER_EVERY: Duration = Duration::from_secs(30);

/// Does something, and delivers notifications meanwhile and at its end. What becomes of them does not touch its result.
pub(super) async fn meanwhile(
    config: &Config,
    work: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let (switch, mut done) = StopSwitch::new();
    let working = async {
        let result = work.await;
        switch.stop();
        result
    };
    let delivering = async {
        let mut over = false;
        while !over {
            over = tokio::time::timeout(DELIVER_EVERY, done.requested()).await.is_ok();
            if let Some(store) = &config.store {
                deliver_due(store, &SystemClock, &config.channels).await;
            }
        }
    };
    tokio::join!(working, delivering).0
}

/// `buffalo notify`
pub(super) async fn run(args: &NotifyArgs, config: &Config) -> anyhow::Result<Exit> {
    some_channel(config)?;
    let done = deliver_due(config.store()?, &SystemClock, &config.channels).await;
    match args.output.format {
        Format::Json => say_json(&json!({"delivered": done.delivered, "failed": done.failed}))?,
        Format::Csv => {
            let row = vec![done.delivered.to_string(), done.failed.to_string()];
            say_csv(&["delivered", "failed"], &[row])?;
        }
        Format::Table => say(format!("{} delivered, {} not.", done.delivered, done.failed))?,
    }
    Ok(if done.failed == 0 { Exit::Done } else { Exit::Failed })
}

/// `buffalo notify --test`
pub(super) async fn test(args: &NotifyArgs, config: &Config) -> anyhow::Result<Exit> {
    some_channel(config)?;
    let sent = test_channels(&SystemClock, &config.channels).await;
    let message = |sent: &Sent| sent.outcome.as_ref().err().map(ToString::to_string);
    let rows = || {
        let row =
            |sent: &Sent| vec![sent.channel.to_owned(), message(sent).unwrap_or_else(|| "ok".to_owned())];
        sent.iter().map(row).collect::<Vec<_>>()
    };
    match args.output.format {
        Format::Json => {
            let one = |sent: &Sent| json!({"channel": sent.channel, "ok": sent.outcome.is_ok(), "message": message(sent)});
            say_json(&json!({"channels": sent.iter().map(one).collect::<Vec<_>>()}))?;
        }
        Format::Csv => say_csv(&["channel", "result"], &rows())?,
        Format::Table => say_table(&["channel", "result"], &[], rows())?,
    }
    Ok(if sent.iter().all(|sent| sent.outcome.is_ok()) { Exit::Done } else { Exit::Failed })
}

fn some_channel(config: &Config) -> anyhow::Result<()> {
    if config.channels.is_empty() {
        anyhow::bail!("no channel is configured, so nobody is told anything: set one of {ENABLING_SETTINGS}");
    }
    Ok(())
}
