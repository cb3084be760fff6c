//! `buffalo dead-letters replay` and `discard`.

use buffalo_jobs::{DeadLetters, Foreseen, Preview, PreviewedLetter, Settlement};
use buffalo_model::{DeadLetterId, SystemClock};
use buffalo_store::DeadLetterFilter;

use super::unknown;
use crate::cli::{Format, SettleArgs};
use crate::commands::usage;
use crate::config::Config;
use crate::dead_letters::{DiscardDocument, PreviewDocument, ReplayDocument, outcome};
use crate::exit::{Exit, UsageError};
use crate::foreign_text::harmless;
use crate::output::{complain, say, say_csv, say_json, say_table};

/// Letters that a dry run describes; the others are counted. Nobody reads more, and a filter finds them.
const DESCRIBED: usize = 100;

pub(super) async fn replay(args: &SettleArgs, config: &Config) -> anyhow::Result<Exit> {
    let filter = chosen(args)?;
    let letters = letters(&filter, config)?;
    if args.dry_run {
        let preview = letters.preview(DESCRIBED).await?;
        say_preview(&preview, args.output.format)?;
        return Ok(exit(&filter, &preview.not_found));
    }
    let replayed = letters.replay().await?;
    let exit = exit(&filter, &replayed.not_found);
    let done = replayed.done;
    match args.output.format {
        Format::Json => say_json(&ReplayDocument::new(replayed))?,
        Format::Csv => {
            let counts = [done.replayed, done.already_newer].map(|count| count.to_string());
            say_csv(&["replayed", "alreadyNewer"], &[counts.to_vec()])?;
        }
        Format::Table => {
            say(format!("Dead letters that are back in the outbox: {}", done.replayed))?;
            say_already_newer("Removed", done.already_newer)?;
            if done.replayed > 0 {
                say("Run `buffalo process` to try them again.")?;
            }
        }
    }
    Ok(exit)
}

pub(super) async fn discard(args: &SettleArgs, config: &Config) -> anyhow::Result<Exit> {
    let filter = chosen(args)?;
    let letters = letters(&filter, config)?;
    let settled = if args.dry_run { letters.count().await? } else { letters.discard().await? };
    let exit = exit(&filter, &settled.not_found);
    let done = settled.done;
    match args.output.format {
        Format::Json => say_json(&DiscardDocument::new(args.dry_run, settled))?,
        Format::Csv => say_csv(&["discarded"], &[vec![done.to_string()]])?,
        Format::Table if args.dry_run => say(format!("Dead letters that would be discarded: {done}"))?,
        Format::Table => say(format!("Dead letters that were discarded: {done}"))?,
    }
    Ok(exit)
}

fn letters<'a>(filter: &'a DeadLetterFilter, config: &'a Config) -> anyhow::Result<DeadLetters<'a>> {
    Ok(DeadLetters { store: config.store()?, clock: &SystemClock, filter, currencies: &config.currencies })
}

/// The letters that the arguments choose. Nothing is ever chosen by leaving everything out.
fn chosen(args: &SettleArgs) -> anyhow::Result<DeadLetterFilter> {
    let ways = [!args.ids.is_empty(), !args.filter.is_empty(), args.all];
    if ways.iter().filter(|way| **way).count() != 1 {
        let message = "choose dead letters by their ids, by --source, --entity, --reason and --since, or by --all: \
                       one of the three";
        return Err(UsageError(message.to_owned()).into());
    }
    let mut filter = args.filter.filter().map_err(|problems| usage(&problems))?;
    if !args.ids.is_empty() {
        let mut ids: Vec<_> = args.ids.iter().copied().map(DeadLetterId).collect();
        ids.sort_unstable();
        ids.dedup();
        filter.ids = Some(ids);
    }
    Ok(filter)
}

/// Complains about letters that are not there. Failed when that is all of them, partly failed when it is some.
fn exit(filter: &DeadLetterFilter, not_found: &[DeadLetterId]) -> Exit {
    for id in not_found {
        complain(unknown(*id));
    }
    match not_found.len() {
        0 => Exit::Done,
        missing if filter.ids.as_ref().is_some_and(|ids| ids.len() == missing) => Exit::Failed,
        _ => Exit::PartlyFailed,
    }
}

fn say_preview(preview: &Settlement<Preview>, format: Format) -> anyhow::Result<()> {
    let letters = &preview.done.letters;
    match format {
        Format::Json => say_json(&PreviewDocument::new(preview)),
        Format::Csv => {
            let header =
                ["id", "source", "entity", "externalId", "outcome", "field", "old", "new", "stage", "reason"];
            say_csv(&header, &letters.iter().flat_map(csv_rows).collect::<Vec<_>>())
        }
        Format::Table => say_foreseen(&preview.done),
    }
}

fn csv_rows(PreviewedLetter { letter, foreseen }: &PreviewedLetter) -> Vec<Vec<String>> {
    let row = |last: [&str; 5]| {
        let id = letter.id.to_string();
        let first = [&id, &letter.source, &letter.entity, &letter.external_id, outcome(foreseen)];
        first.into_iter().chain(last).map(str::to_owned).collect()
    };
    match foreseen {
        Foreseen::Changes(changes) => changes
            .iter()
            .map(|change| {
                let [old, new] = [&change.old, &change.new].map(|value| value.as_deref().unwrap_or_default());
                row([&change.field, old, new, "", ""])
            })
            .collect(),
        Foreseen::Failure { stage, reason } => vec![row(["", "", "", stage, reason])],
        Foreseen::Nothing | Foreseen::AlreadyNewer { .. } => vec![row([""; 5])],
    }
}

/// What would change side by side, then the letters of which that can't be said, then how many there are of each.
fn say_foreseen(preview: &Preview) -> anyhow::Result<()> {
    let (mut changes, mut others) = (Vec::new(), Vec::new());
    for PreviewedLetter { letter, foreseen } in &preview.letters {
        let record = format!("{} {} {}", letter.source, letter.entity, letter.external_id);
        match foreseen {
            Foreseen::Changes(fields) => changes.extend(fields.iter().map(|change| {
                let [old, new] =
                    [&change.old, &change.new].map(|value| value.clone().unwrap_or_else(|| "–".to_owned()));
                vec![record.clone(), change.field.clone(), old, new]
            })),
            Foreseen::Nothing => others.push(format!("{record}: nothing would change")),
            Foreseen::Failure { stage, reason } => {
                others.push(format!("{record}: would fail again ({stage}): {reason}"));
            }
            Foreseen::AlreadyNewer { revision } => others.push(format!(
                "{record}: revision {revision} is stored, and the letter has revision {}",
                letter.revision
            )),
        }
    }
    if !changes.is_empty() {
        say_table(&["record", "field", "stored now", "after the replay"], &[], changes)?;
    }
    for line in others {
        say(harmless(&line))?;
    }
    let counted = preview.changing + preview.unchanged + preview.failing + preview.already_newer;
    if counted > preview.letters.len() as u64 {
        say(format!("Only the {} newest of {counted} are shown.", preview.letters.len()))?;
    }
    say(format!("Would change what is stored: {}", preview.changing))?;
    say(format!("Would change nothing: {}", preview.unchanged))?;
    say(format!("Would fail again: {}", preview.failing))?;
    say_already_newer("Would be removed", preview.already_newer)?;
    Ok(())
}

fn say_already_newer(what: &str, count: u64) -> std::io::Result<()> {
    if count == 0 { Ok(()) } else { say(format!("{what}, as newer data is stored: {count}")) }
}
