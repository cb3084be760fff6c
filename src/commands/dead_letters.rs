//! `buffalo dead-letters`: what could not be processed, and what to do about it.

mod settle;

use buffalo_model::{DeadLetter, DeadLetterId};
use buffalo_store::StoredRow;
use uuid::Uuid;

use super::usage;
use crate::cli::{DeadLettersCommand, Format, ListArgs};
use crate::config::Config;
use crate::dead_letters::{DeadLetterDocument, DeadLetterList};
use crate::exit::Exit;
use crate::foreign_text::{harmless, indented};
use crate::output::{say, say_csv, say_json, say_table, time};

pub(super) async fn run(command: &DeadLettersCommand, config: &Config) -> anyhow::Result<Exit> {
    match command {
        DeadLettersCommand::List(args) => list(args, config).await,
        DeadLettersCommand::Show { id, output } => show(*id, output.format, config).await,
        DeadLettersCommand::Replay(args) => settle::replay(args, config).await,
        DeadLettersCommand::Discard(args) => settle::discard(args, config).await,
    }
}

async fn list(args: &ListArgs, config: &Config) -> anyhow::Result<Exit> {
    let page = args.params.page().map_err(|problems| usage(&problems))?;
    let list = DeadLetterList::find(config.store()?, &page).await?;
    match args.output.format {
        Format::Json => say_json(&list)?,
        Format::Csv => {
            let rows: Vec<_> = list.dead_letters.iter().map(|letter| values(letter).to_vec()).collect();
            say_csv(&FIELDS, &rows)?;
        }
        Format::Table if list.dead_letters.is_empty() => say("No dead letters.")?,
        Format::Table => {
            let header = ["id", "source", "entity", "record", "attempts", "stage", "reason", "dead since"];
            say_table(&header, &["attempts"], list.dead_letters.iter().map(row).collect())?;
            if let Some(cursor) = list.next_cursor {
                say(format!("There are more: --cursor {cursor}"))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn row(letter: &DeadLetter) -> Vec<String> {
    vec![
        letter.id.to_string(),
        letter.source.clone(),
        letter.entity.clone(),
        letter.external_id.clone(),
        letter.attempts.to_string(),
        letter.stage.clone(),
        letter.reason.clone(),
        time(Some(letter.dead_at)),
    ]
}

async fn show(id: Uuid, format: Format, config: &Config) -> anyhow::Result<Exit> {
    let store = config.store()?;
    let Some(open) = store.open_dead_letter(DeadLetterId(id)).await? else {
        anyhow::bail!("{}", unknown(DeadLetterId(id)))
    };
    let stored = store.stored_row(&open.letter).await?;
    match format {
        Format::Json => say_json(&DeadLetterDocument::new(open, stored.as_ref()))?,
        Format::Csv => {
            let header = [&FIELDS[..], &["apiVersion", "context", "payload"]].concat();
            let mut row = values(&open.letter).to_vec();
            row.extend([
                open.api_version.unwrap_or_default(),
                open.context.unwrap_or_default(),
                open.payload,
            ]);
            say_csv(&header, &[row])?;
        }
        Format::Table => {
            let named = FIELDS.iter().zip(values(&open.letter));
            let mut rows: Vec<_> = named.map(|(name, value)| vec![(*name).to_owned(), value]).collect();
            rows.push(vec!["apiVersion".to_owned(), open.api_version.unwrap_or_default()]);
            say_table(&["dead letter", ""], &[], rows)?;
            say_text("Context", open.context.as_deref())?;
            say_text("Payload", Some(&open.payload))?;
            say_stored(stored.as_ref())?;
        }
    }
    Ok(Exit::Done)
}

fn say_text(title: &str, text: Option<&str>) -> anyhow::Result<()> {
    if let Some(text) = text {
        let text = indented(text).unwrap_or_else(|| text.to_owned());
        say(format!("{title}:\n{}", harmless(&text)))?;
    }
    Ok(())
}

fn say_stored(stored: Option<&StoredRow>) -> anyhow::Result<()> {
    let Some(stored) = stored else { return Ok(say("Nothing is stored of this record.")?) };
    let rows = stored
        .columns
        .iter()
        .map(|(column, content)| vec![column.clone(), content.clone().unwrap_or_else(|| "–".to_owned())]);
    Ok(say_table(&["stored now", ""], &[], rows.collect())?)
}

fn unknown(id: DeadLetterId) -> String {
    format!("there is no dead letter {id}; if there was one, it was replayed or discarded")
}

/// What the list knows of a letter, by the names of its document; the values are in [`values`].
const FIELDS: [&str; 13] = [
    "id",
    "source",
    "entity",
    "externalId",
    "revision",
    "attempts",
    "stage",
    "reason",
    "observedAt",
    "enqueuedAt",
    "deadAt",
    "runId",
    "payloadBytes",
];

fn values(letter: &DeadLetter) -> [String; 13] {
    [
        letter.id.to_string(),
        letter.source.clone(),
        letter.entity.clone(),
        letter.external_id.clone(),
        letter.revision.to_string(),
        letter.attempts.to_string(),
        letter.stage.clone(),
        letter.reason.clone(),
        time(Some(letter.observed_at)),
        time(Some(letter.enqueued_at)),
        time(Some(letter.dead_at)),
        letter.run_id.map(|run_id| run_id.to_string()).unwrap_or_default(),
        letter.payload_bytes.to_string(),
    ]
}
