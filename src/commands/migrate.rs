//! `buffalo migrate`: brings the tables up to this program's version.

use serde_json::json;

use crate::cli::Format;
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say, say_csv, say_json};

pub(super) async fn run(format: Format, config: &Config) -> anyhow::Result<Exit> {
    let store = config.store()?;
    let pending = store.pending_migrations().await?;
    store.migrate().await?;
    super::maintain::make_partitions(store).await?;
    // Payments that were there before figures were kept take a while to be added up: nobody's question need wait for it.
    store.settle_revenue().await?;
    match format {
        Format::Json => say_json(&json!({ "applied": pending }))?,
        Format::Csv => say_csv(&["applied"], &[vec![pending.to_string()]])?,
        Format::Table if pending == 0 => say("The tables are up to date.")?,
        Format::Table => say(format!("The tables are up to date; migrations applied: {pending}."))?,
    }
    Ok(Exit::Done)
}
