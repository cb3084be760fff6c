//! `buffalo cursors`: how far each source was fetched.

use buffalo_model::{Clock, Entity, SystemClock};
use buffalo_store::{CursorReset, CursorRow};
use serde_json::{Value, json};

use crate::cli::{CursorsCommand, Format};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{say, say_csv, say_json, say_table, time};
use crate::question::known_source;

pub(super) async fn run(command: &CursorsCommand, config: &Config) -> anyhow::Result<Exit> {
    match command {
        CursorsCommand::Show(output) => show(output.format, config).await,
        CursorsCommand::Reset { source, entity, forget_identity, dry_run } => {
            let what =
                if *forget_identity { CursorReset::PositionAndIdentity } else { CursorReset::Position };
            reset(source, entity, what, *dry_run, config).await
        }
    }
}

async fn show(format: Format, config: &Config) -> anyhow::Result<Exit> {
    let cursors = config.store()?.list_cursors().await?;
    if format == Format::Json {
        say_json(&json!({ "cursors": cursors.iter().map(document).collect::<Vec<_>>() }))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = cursors
        .iter()
        .map(|row| {
            let position = row.cursor.as_ref().map(|cursor| cursor.as_value().to_string());
            vec![
                row.source.to_string(),
                row.entity.clone(),
                time(row.data_through),
                time(Some(row.updated_at)),
                position.unwrap_or_else(|| "–".to_owned()),
            ]
        })
        .collect();
    let header = ["source", "entity", "data through", "written", "position"];
    match format {
        Format::Csv => say_csv(&header, &rows)?,
        _ => say_table(&header, &[], rows)?,
    }
    Ok(Exit::Done)
}

async fn reset(
    source: &str,
    entity: &str,
    what: CursorReset,
    dry_run: bool,
    config: &Config,
) -> anyhow::Result<Exit> {
    let source = known_source(source).map_err(UsageError)?;
    let entity: Entity = entity.parse().map_err(|error| UsageError(format!("{error}")))?;
    let store = config.store()?;
    let forgotten = match what {
        CursorReset::Position => "position",
        CursorReset::PositionAndIdentity => "position and identity",
    };
    if dry_run {
        let known = store.list_cursors().await?;
        let has_position = known.iter().any(|row| {
            let known =
                row.cursor.is_some() || what == CursorReset::PositionAndIdentity && row.identity.is_some();
            row.source == source && row.entity == entity.as_str() && known
        });
        say(if has_position {
            format!(
                "The {forgotten} of {source} {entity} would be forgotten; the next fetch would be a backfill."
            )
        } else {
            format!("{source} {entity} has no position to forget.")
        })?;
        return Ok(Exit::Done);
    }
    let now = SystemClock.now();
    say(if store.reset_cursor(&source, entity, what, now).await? {
        format!("The {forgotten} of {source} {entity} is forgotten; the next fetch is a backfill.")
    } else {
        format!("{source} {entity} has no position to forget.")
    })?;
    Ok(Exit::Done)
}

/// A cursor as a document.
pub(super) fn document(row: &CursorRow) -> Value {
    json!({"source": row.source, "entity": row.entity, "version": row.version, "cursor": row.cursor,
           "identity": row.identity, "dataThrough": row.data_through, "lastFullBackfillAt": row.last_full_backfill_at,
           "updatedAt": row.updated_at})
}
