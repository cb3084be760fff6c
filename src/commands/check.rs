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
    /// What is recommended though nothing is wrong.
    advice: Option<String>,
}

impl Item {
    fn new(what: impl Into<String>, trouble: Option<String>) -> Self {
        Self { what: what.into(), trouble, advice: None }
    }

    /// Which sources count as revenue, where that is worth a thought: with several of them, a sale may be in two.
    fn of_revenue_sources(config: &Config) -> Option<Self> {
        let names: Vec<_> = config.revenue_sources().iter().map(ToString::to_string).collect();
        (config.counted_sources.is_none() && names.len() > 1).then(|| {
            let advice = format!(
                "ok, but {} all count, so a sale that is in two of them counts twice: set REVENUE_SOURCES to those that \
                 count, such as {}, or decide about pairs with `buffalo revenue overlaps`",
                names.join(", "),
                names[0]
            );
            Self { what: "revenue".to_owned(), trouble: None, advice: Some(advice) }
        })
    }

    fn result(&self) -> String {
        self.trouble.clone().or_else(|| self.advice.clone()).unwrap_or_else(|| "ok".to_owned())
    }
}

pub(super) async fn run(format: Format, config: &Config) -> anyhow::Result<Exit> {
    let store = config.store()?;
    // A configuration that could not be read has ended the program before this.
    let mut items = vec![Item::new("configuration", None)];
    let pending = match store.reach().await {
        Ok(()) => store.pending_migrations().await,
        Err(error) => Err(error),
    };
    let trouble = match pending {
        Err(error) => Some(error.to_string()),
        Ok(0) => None,
        Ok(pending) => Some(format!("{pending} migrations are missing: run `buffalo migrate`")),
    };
    items.push(Item::new("database", trouble));
    if config.sources.is_empty() {
        let trouble = Some(format!("none is enabled: set {}", crate::config::enabling_settings()));
        items.push(Item::new("sources", trouble));
    }
    // Where the database is not as it should be, that is what is said of it.
    let cursors = store.list_cursors().await.unwrap_or_default();
    for connector in &config.sources {
        let other = check_identity(&**connector, &cursors).err().map(|other| other.to_string());
        let trouble = match other {
            Some(other) => Some(other),
            None => connector.check().await.err().map(|error| error.to_string()),
        };
        items.push(Item::new(connector.source().as_str(), trouble));
    }
    items.extend(Item::of_revenue_sources(config));
    let all_well = items.iter().all(|item| item.trouble.is_none());
    let rows = || items.iter().map(|item| vec![item.what.clone(), item.result()]);
    match format {
        Format::Json => {
            let checks: Vec<_> = items
                .iter()
                .map(|item| {
                    let message = item.trouble.as_ref().or(item.advice.as_ref());
                    json!({"check": item.what, "ok": item.trouble.is_none(), "message": message})
                })
                .collect();
            say_json(&json!({"ok": all_well, "checks": checks}))?;
        }
        Format::Csv => say_csv(&["check", "result"], &rows().collect::<Vec<_>>())?,
        Format::Table => say_table(&["check", "result"], &[], rows().collect())?,
    }
    Ok(if all_well { Exit::Done } else { Exit::Failed })
}
