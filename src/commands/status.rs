//! `buffalo status`: how things stand, at a glance.

use buffalo_model::{Clock, Entity, Overlap, OverlapQuery, SystemClock};
use buffalo_store::{CursorRow, Decisions, FetchLine, OutboxDepth, Status, Undelivered, UnmappedStatus};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::concerns::{Concern, concerns, doubtful, overlapping};
use crate::cli::{Format, StatusArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::foreign_text::harmless;
use crate::output::{age, say, say_csv, say_json, say_table, time};
use crate::question::UnmappedParams;
use crate::server::UnmappedStatuses;

/// How long after its time a tick may come while the schedule is at work.
const TICK_GRACE: TimeDelta = TimeDelta::minutes(2);

pub(super) async fn run(args: &StatusArgs, config: &Config) -> anyhow::Result<Exit> {
    let (store, format) = (config.store()?, args.output.format);
    if args.unmapped {
        return unmapped(&store.unmapped_statuses(UnmappedParams::MOST).await?, format);
    }
    let now = SystemClock.now();
    store.abandon_silent_runs(now).await?;
    let status = store.status(now).await?;
    let undelivered = store.undelivered(now).await?;
    let mut concerns =
        concerns(&status, &undelivered, &config.source_names(), config.reporting_timezone, now);
    let doubted = store.list_decisions(Decisions::Doubtful, config.counted_sources.as_ref()).await?;
    concerns.extend(doubtful(doubted.len()));
    concerns.extend(overlapping(&overlaps(config, &status, now).await?));
    let standing =
        Standing { status, undelivered, concerns, next_fetch: next_fetch(config, now).await?, now };
    match format {
        Format::Json => say_json(&standing.document())?,
        Format::Csv => {
            let rows: Vec<_> = standing.status.fetches.iter().map(|line| standing.record(line)).collect();
            say_csv(&CSV_HEADER, &rows)?;
        }
        Format::Table => standing.show()?,
    }
    Ok(if standing.concerns.is_empty() { Exit::Done } else { Exit::PartlyFailed })
}

/// Payments of late that are likely one sale with a payment of another source, and are counted twice.
async fn overlaps(config: &Config, status: &Status, now: DateTime<Utc>) -> anyhow::Result<Vec<Overlap>> {
    let with_payments = status.cursors.iter().filter(|cursor| cursor.entity == Entity::Payments.as_str());
    let counted = config.counted_sources.as_ref();
    let counts = |cursor: &&CursorRow| counted.is_none_or(|counted| counted.contains(&cursor.source));
    if with_payments.filter(counts).count() < 2 {
        return Ok(Vec::new());
    }
    let query = OverlapQuery {
        starts_at: Some(now - OVERLAPS_OF),
        ends_at: None,
        most_apart_days: OverlapQuery::DEFAULT_DAYS_APART,
        counted: counted.cloned(),
    };
    Ok(config.store()?.find_overlaps(&query).await?)
}

/// When the schedule fetches next; none where no schedule is at work, as under cron.
async fn next_fetch(config: &Config, now: DateTime<Utc>) -> anyhow::Result<Option<DateTime<Utc>>> {
    let Some(when) = &config.schedules.fetch else { return Ok(None) };
    let Some(newest) = config.store()?.newest_tick("fetch").await? else { return Ok(None) };
    let next = when.next(config.reporting_timezone, newest);
    Ok(next.filter(|next| now - *next < TICK_GRACE))
}

/// How far back `status` looks for overlaps: `buffalo revenue overlaps` looks at everything.
const OVERLAPS_OF: TimeDelta = TimeDelta::days(92);

/// Everything that `status` tells.
struct Standing {
    status: Status,
    undelivered: Vec<Undelivered>,
    concerns: Vec<Concern>,
    next_fetch: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
}

const CSV_HEADER: [&str; 13] = [
    "source",
    "entity",
    "last_fetch",
    "last_success",
    "data_through",
    "cursor_written",
    "pending",
    "retrying",
    "oldest_enqueued",
    "dead_letters",
    "circuit",
    "reconciled",
    "next_fetch",
];

impl Standing {
    fn cursor(&self, line: &FetchLine) -> Option<&CursorRow> {
        let mut cursors = self.status.cursors.iter();
        cursors.find(|cursor| cursor.source.as_str() == line.source && cursor.entity == line.entity)
    }

    fn outbox(&self, line: &FetchLine) -> Option<&OutboxDepth> {
        let mut depths = self.status.outbox.iter();
        depths.find(|depth| depth.source == line.source && depth.entity == line.entity)
    }

    fn dead_letters(&self, line: &FetchLine) -> i64 {
        let mut letters = self.status.dead_letters.iter();
        let found = letters.find(|letters| letters.source == line.source && letters.entity == line.entity);
        found.map_or(0, |letters| letters.count)
    }

    /// A line of CSV.
    fn record(&self, line: &FetchLine) -> Vec<String> {
        let (cursor, outbox) = (self.cursor(line), self.outbox(line));
        vec![
            line.source.clone(),
            line.entity.clone(),
            line.last_status.map_or_else(|| "–".to_owned(), |status| status.to_string()),
            time(line.succeeded_at),
            time(cursor.and_then(|cursor| cursor.data_through)),
            time(cursor.map(|cursor| cursor.updated_at)),
            outbox.map_or(0, |depth| depth.pending).to_string(),
            outbox.map_or(0, |depth| depth.retrying).to_string(),
            time(outbox.and_then(|depth| depth.oldest_enqueued_at)),
            self.dead_letters(line).to_string(),
            circuit(&self.status, &line.source),
            reconciled(&self.status, &line.source, &line.entity),
            time(self.next_fetch),
        ]
    }

    /// What the table says of a source and entity, with ages for people.
    fn card(&self, line: &FetchLine) -> Vec<(&'static str, String)> {
        let (cursor, outbox) = (self.cursor(line), self.outbox(line));
        let data_through = cursor.and_then(|cursor| cursor.data_through);
        let old = |since: Option<DateTime<Utc>>| since.map(|since| age(self.now - since));
        let ago = |then| old(then).map_or_else(|| "never".to_owned(), |age| format!("{age} ago"));
        let length = |since| old(since).unwrap_or_else(|| "–".to_owned());
        let last = line.last_status.map(|status| format!("{status}, {}", ago(line.last_finished_at)));
        let pending = outbox.map_or_else(
            || "0".to_owned(),
            |depth| match depth.retrying {
                0 => depth.pending.to_string(),
                retrying => format!("{}, {retrying} of them failed before", depth.pending),
            },
        );
        vec![
            ("last fetch", last.unwrap_or_else(|| "–".to_owned())),
            ("last success", ago(line.succeeded_at)),
            ("data through", time(data_through)),
            ("lag", length(data_through)),
            ("cursor age", length(cursor.map(|cursor| cursor.updated_at))),
            ("pending", pending),
            ("oldest pending", length(outbox.and_then(|depth| depth.oldest_enqueued_at))),
            ("dead letters", self.dead_letters(line).to_string()),
            ("circuit", circuit(&self.status, &line.source)),
            ("reconciled", reconciled(&self.status, &line.source, &line.entity)),
            ("next fetch", time(self.next_fetch)),
        ]
    }

    /// A column for each source and entity: there are few of them, and much to say of each.
    fn show(&self) -> anyhow::Result<()> {
        let lines = &self.status.fetches;
        if lines.is_empty() {
            say("Nothing was fetched so far.")?;
        } else {
            let titles: Vec<_> =
                lines.iter().map(|line| format!("{} {}", line.source, line.entity)).collect();
            let header: Vec<_> = [""].into_iter().chain(titles.iter().map(String::as_str)).collect();
            let mut rows: Vec<Vec<String>> = Vec::new();
            for line in lines {
                for (at, (label, value)) in self.card(line).into_iter().enumerate() {
                    if rows.len() == at {
                        rows.push(vec![label.to_owned()]);
                    }
                    rows[at].push(value);
                }
            }
            say_table(&header, &[], rows)?;
        }
        if !self.undelivered.is_empty() {
            say(
                "Notifications that a channel has not accepted; `buffalo notify --test` tries the channels:",
            )?;
            say_undelivered(&self.undelivered)?;
        }
        match self.concerns.as_slice() {
            [] => say("Nothing needs a person.")?,
            concerns => {
                say("Needs a person:")?;
                for concern in concerns {
                    say(harmless(&format!("- {concern}")))?;
                }
            }
        }
        Ok(())
    }

    fn document(&self) -> Value {
        let status = &self.status;
        let outbox: Vec<_> = status
            .outbox
            .iter()
            .map(|depth| {
                json!({"source": depth.source, "entity": depth.entity, "pending": depth.pending,
                       "retrying": depth.retrying, "oldestEnqueuedAt": depth.oldest_enqueued_at})
            })
            .collect();
        let fetches: Vec<_> = status
            .fetches
            .iter()
            .map(|line| {
                json!({"source": line.source, "entity": line.entity, "lastStatus": line.last_status,
                       "lastFinishedAt": line.last_finished_at, "lastError": line.last_error,
                       "succeededAt": line.succeeded_at, "failingSince": line.failing_since,
                       "dataThrough": self.cursor(line).and_then(|cursor| cursor.data_through)})
            })
            .collect();
        let dead_letters: Vec<_> = status
            .dead_letters
            .iter()
            .map(
                |letters| json!({"source": letters.source, "entity": letters.entity, "count": letters.count}),
            )
            .collect();
        let circuits: Vec<_> = status
            .circuits
            .iter()
            .map(|circuit| {
                json!({"source": circuit.source, "state": circuit.state.as_str(),
                       "failuresInARow": circuit.failures_in_a_row, "retryAt": circuit.retry_at,
                       "notedAt": circuit.noted_at})
            })
            .collect();
        let cursors: Vec<_> = status.cursors.iter().map(super::cursors::document).collect();
        let unmapped: Vec<_> = status.unmapped.iter().map(unmapped_document).collect();
        let undelivered: Vec<_> = self.undelivered.iter().map(undelivered_document).collect();
        json!({"concerns": self.concerns, "fetches": fetches, "cursors": cursors, "outbox": outbox,
               "deadLetters": dead_letters, "circuits": circuits, "reconciliations": status.reconciliations,
               "unmappedStatuses": unmapped, "undeliveredNotifications": undelivered,
               "nextFetchAt": self.next_fetch, "partitions": super::maintain::coverage(status, self.now)})
    }
}

fn say_undelivered(undelivered: &[Undelivered]) -> std::io::Result<()> {
    let row = |one: &Undelivered| {
        let state = if one.given_up_at.is_some() { "given up" } else { "tried again" };
        let error = one.last_error.clone().unwrap_or_else(|| "–".to_owned());
        vec![one.channel.clone(), one.subject.clone(), one.attempts.to_string(), state.to_owned(), error]
    };
    let header = ["channel", "notification", "attempts", "state", "last error"];
    say_table(&header, &["attempts"], undelivered.iter().map(row).collect())
}

fn undelivered_document(one: &Undelivered) -> Value {
    json!({"channel": one.channel, "subject": one.subject, "attempts": one.attempts, "lastError": one.last_error,
           "givenUpAt": one.given_up_at})
}

const UNMAPPED_HEADER: [&str; 4] = ["source", "status", "records", "one of them"];

fn unmapped(statuses: &[UnmappedStatus], format: Format) -> anyhow::Result<Exit> {
    match format {
        Format::Json => say_json(&UnmappedStatuses::new(statuses.to_vec()))?,
        Format::Csv => say_csv(&UNMAPPED_HEADER, &statuses.iter().map(unmapped_row).collect::<Vec<_>>())?,
        Format::Table if statuses.is_empty() => say("Every status is known.")?,
        Format::Table => say_unmapped(statuses)?,
    }
    Ok(Exit::Done)
}

fn say_unmapped(statuses: &[UnmappedStatus]) -> std::io::Result<()> {
    say_table(&UNMAPPED_HEADER, &["records"], statuses.iter().map(unmapped_row).collect())
}

fn unmapped_row(status: &UnmappedStatus) -> Vec<String> {
    vec![status.source.clone(), status.raw_status.clone(), status.count.to_string(), status.sample.clone()]
}

pub(super) fn unmapped_document(status: &UnmappedStatus) -> Value {
    json!({"source": status.source, "rawStatus": status.raw_status, "count": status.count, "sample": status.sample})
}

/// The state of a source's circuit breaker, and when an open one is tried again.
fn circuit(status: &Status, source: &str) -> String {
    let Some(circuit) = status.circuits.iter().find(|circuit| circuit.source.as_str() == source) else {
        return "–".to_owned();
    };
    match circuit.retry_at {
        Some(at) => format!("{} until {}", circuit.state, time(Some(at))),
        None => circuit.state.to_string(),
    }
}

/// What the newest comparison with the source came to.
fn reconciled(status: &Status, source: &str, entity: &str) -> String {
    let mut all = status.reconciliations.iter();
    match all.find(|result| result.source == source && result.entity == entity) {
        None => "never".to_owned(),
        Some(result) if result.is_equal() => format!("equal, {}", time(Some(result.compared_at))),
        Some(result) if result.in_question() == 0 => {
            format!("totals differ, {}", time(Some(result.compared_at)))
        }
        Some(result) => format!(
            "{} missing, {} different, {} extra, {}",
            result.missing,
            result.different,
            result.extra,
            time(Some(result.compared_at))
        ),
    }
}
