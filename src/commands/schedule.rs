//! `buffalo schedule`: what cron would do, for hosts without it.

use std::sync::Arc;

use buffalo_jobs::{Action, Effect, MassDelete, Process, Schedule, ScheduledJob, Stop};
use buffalo_model::{Mode, SystemClock};
use buffalo_store::Mending;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{fetch, hints, maintain, process, reconcile, summary, verify, webhooks};
use crate::cli::{Format, ScheduleArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say_csv, say_json, say_table, time};
use crate::shutdown;

pub(super) async fn run(args: &ScheduleArgs, config: &Arc<Config>) -> anyhow::Result<Exit> {
    let schedule = schedule(config, Draining::Scheduled)?;
    if args.list {
        list(&schedule.next_times(), args.output.format)?;
        return Ok(Exit::Done);
    }
    hints::meanwhile(config, schedule.run(&shutdown::on_signal())).await?;
    Ok(Exit::Done)
}

/// Who drains the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draining {
    /// A job of the schedule.
    Scheduled,
    /// A watcher beside it.
    Watched,
}

/// The jobs that are not switched off.
pub(super) fn schedule(config: &Arc<Config>, draining: Draining) -> anyhow::Result<Schedule> {
    let schedules = &config.schedules;
    let mut jobs = Vec::new();
    let mut add = |name, when: &Option<_>, action| {
        jobs.extend(when.clone().map(|when| ScheduledJob { name, when, action }));
    };
    add(
        "fetch",
        &schedules.fetch,
        action(config, |config, stop| async move {
            let store = config.store()?.clone();
            let runs = fetch::fetch_all(
                &store,
                &config,
                &config.sources,
                (Mode::Incremental, MassDelete::Proved),
                &stop,
            )
            .await?;
            Ok(fetch::exit(&runs, false))
        }),
    );
    if draining == Draining::Scheduled {
        add(
            "process",
            &schedules.process,
            action(config, |config, stop| async move {
                let options = process::options(&config, stop);
                let process =
                    Process { store: config.store()?.clone(), clock: Arc::new(SystemClock), options };
                Ok(fetch::exit(&[process.run().await?], false))
            }),
        );
    }
    add(
        "reconcile",
        &schedules.reconcile,
        action(config, |config, stop| async move {
            let (runs, results) =
                reconcile::compare_all(&config, &config.sources, None, reconcile::Repair::None, &stop)
                    .await?;
            Ok(reconcile::exit(&runs, &results))
        }),
    );
    add(
        "summary",
        &schedules.summary,
        action(config, |config, _| async move { summary::send_due(&config).await }),
    );
    add(
        "maintain",
        &schedules.maintain,
        action(config, |config, _| async move {
            let report = maintain::maintain(&config, Effect::Done).await?;
            Ok(report.as_ref().map_or(Exit::Done, maintain::exit))
        }),
    );
    add(
        "verify",
        &schedules.verify,
        action(config, |config, stop| async move { verify::verify(&config, Mending::OnlyTold, &stop).await }),
    );
    add("watch", &schedules.watch, action(config, |config, _| async move { webhooks::renew(&config).await }));
    Ok(Schedule {
        store: config.store()?.clone(),
        clock: Arc::new(SystemClock),
        timezone: config.reporting_timezone,
        jobs,
    })
}

/// A command as an action: what it prints as a table for people goes to the runs' records here.
fn action<F, W>(config: &Arc<Config>, work: F) -> Action
where
    F: Fn(Arc<Config>, Stop) -> W + Send + Sync + 'static,
    W: Future<Output = anyhow::Result<Exit>> + Send + 'static,
{
    let config = Arc::clone(config);
    Arc::new(move |stop| {
        let working = work(Arc::clone(&config), stop);
        Box::pin(async move {
            let outcome = match working.await {
                Ok(Exit::Done | Exit::Busy) => "done",
                Ok(Exit::PartlyFailed) => "partly failed",
                Ok(_) => "failed",
                Err(error) => {
                    tracing::error!(%error, "a job of the schedule failed");
                    "failed"
                }
            };
            outcome.to_owned()
        })
    })
}

fn list(times: &[(&str, String, Option<DateTime<Utc>>)], format: Format) -> anyhow::Result<()> {
    let row = |(job, when, next): &(&str, String, Option<DateTime<Utc>>)| {
        vec![(*job).to_owned(), when.clone(), time(*next)]
    };
    let header = ["job", "schedule", "next"];
    match format {
        Format::Json => {
            let documents: Vec<_> = times
                .iter()
                .map(|(job, when, next)| json!({"job": job, "schedule": when, "nextAt": next}))
                .collect();
            say_json(&json!({"jobs": documents}))?;
        }
        Format::Csv => say_csv(&header, &times.iter().map(row).collect::<Vec<_>>())?,
        Format::Table => say_table(&header, &[], times.iter().map(row).collect())?,
    }
    Ok(())
}
