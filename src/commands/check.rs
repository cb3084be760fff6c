//! `buffalo check`: whether the configuration works, before cron finds out that it does not.

use buffalo_jobs::check_identity;
use serde_json::json;

use crate::cli::Format;
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{say_csv, say_json, say_table};

struct Item {
    what: String,
    trouble: Option<String>,
}

pub(super) async fn run(format: Format, config: &Config) -> anyhow::Result<Exit> {
    let store = config.store()?;
    // A configuration that could not be read has ended the program before this.
    let mut items = vec![Item { what: "configuration".to_owned(), trouble: None }];
    let pending = match store.reach().await {
        Ok(()) => store.pending_migrations().await,
        Err(error) => Err(error),
    };
    let trouble = match pending {
        Err(error) => Some(error.to_string()),
        Ok(0) => None,
        Ok(pending) => Some(format!("{pending} migrations are missing: run `buffalo migrate`")),
    };
    items.push(Item { what: "database".to_owned(), trouble });
    if config.sources.is_empty() {
        let trouble = Some(format!("none is enabled: set {}", crate::config::enabling_settings()));
        items.push(Item { what: "sources".to_owned(), trouble });
    }
    // Where the database is not as it should be, that is what is said of it.
    let cursors = store.list_cursors().await.unwrap_or_default();
    for connector in &config.sources {
        let other = check_identity(&**connector, &cursors).err().map(|other| other.to_string());
        let trouble = match other {
            Some(other) => Some(other),
            None => connector.check().await.err().map(|error| error.to_string()),
        };
        items.push(Item { what: connector.source().to_string(), trouble });
    }
    let all_well = items.iter().all(|item| item.trouble.is_none());
    let rows = || {
        items
            .iter()
            .map(|item| vec![item.what.clone(), item.trouble.clone().unwrap_or_else(|| "ok".to_owned())])
    };
    match format {
        Format::Json => {
            let checks: Vec<_> = items
                .iter()
                .map(
                    |item| json!({"check": item.what, "ok": item.trouble.is_none(), "message": item.trouble}),
                )
                .collect();
            say_json(&json!({"ok": all_well, "checks": checks}))?;
        }
        Format::Csv => say_csv(&["check", "result"], &rows().collect::<Vec<_>>())?,
        Format::Table => say_table(&["check", "result"], &[], rows().collect())?,
    }
    Ok(if all_well { Exit::Done } else { Exit::Failed })
}
