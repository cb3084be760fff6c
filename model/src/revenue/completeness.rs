//! What is missing in figures, and how far they reach.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Source;

/// How far the payments of a source were fetched and processed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Freshness {
    /// The source.
    pub source: Source,
    /// Everything it said up to this time is in the figures; none where no fetch was completed.
    pub through: Option<DateTime<Utc>>,
    /// Whether rows of it wait to be processed.
    pub rows_wait: bool,
    /// Whether rows of it are dead letters.
    pub rows_are_dead: bool,
    /// Whether its newest fetch failed.
    pub fails: bool,
    /// Changes of settled payments are seen only of those since then; none where all are, as far as the range reaches.
    #[serde(default)]
    pub changes_seen_since: Option<DateTime<Utc>>,
    /// Sales of the range that say that money went back, of which no refund or dispute is stored.
    #[serde(default)]
    pub missing_returns: i64,
}

impl Freshness {
    /// Of a source of which nothing was ever fetched.
    #[must_use]
    pub fn none(source: Source) -> Self {
        Self {
            source,
            through: None,
            rows_wait: false,
            rows_are_dead: false,
            fails: false,
            changes_seen_since: None,
            missing_returns: 0,
        }
    }
}

/// Why figures may lack something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GapCode {
    /// The source was not fetched to its end so far.
    NotFetched,
    /// The range, or the present, reaches beyond what was fetched.
    BeyondData,
    /// The newest fetch of the source failed.
    SourceFailing,
    /// Rows of the source wait to be processed.
    RowsPending,
    /// Rows of the source are dead letters.
    DeadLetters,
    /// The range reaches back to payments of which the source does not tell later changes.
    ChangesUnseen,
    /// Sales of the source say that money went back, of which no refund or dispute is stored.
    ReturnsMissing,
}

/// A reason for which figures may lack something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Gap {
    /// The source that it is about.
    #[schema(value_type = String, example = "stripe")]
    pub source: Source,
    /// The reason.
    pub code: GapCode,
    /// The reason, in words.
    #[schema(example = "stripe was fetched through 2026-11-30T12:00:00Z only")]
    pub message: String,
}

/// What figures up to `ends_at`, asked for at `now`, may lack. Nobody knows the future, so only what lies before `now` can be
/// missing.
#[must_use]
pub fn gaps(sources: &[Freshness], ends_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Vec<Gap> {
    let needed = ends_at.map_or(now, |ends_at| ends_at.min(now));
    let mut gaps = Vec::new();
    for fresh in sources {
        let source = &fresh.source;
        let mut note = |code, message| gaps.push(Gap { source: source.clone(), code, message });
        match fresh.through {
            None => note(GapCode::NotFetched, format!("{source} was not fetched to its end so far")),
            Some(through) if through < needed => {
                let through = through.to_rfc3339_opts(SecondsFormat::Secs, true);
                note(GapCode::BeyondData, format!("{source} was fetched through {through} only"));
            }
            Some(_) => {}
        }
        if fresh.fails {
            note(GapCode::SourceFailing, format!("the newest fetch of {source} failed"));
        }
        if fresh.rows_wait {
            note(GapCode::RowsPending, format!("payments of {source} wait to be processed"));
        }
        if fresh.rows_are_dead {
            note(GapCode::DeadLetters, format!("payments of {source} are among the dead letters"));
        }
        if let Some(since) = fresh.changes_seen_since {
            let day = since.format("%Y-%m-%d");
            note(
                GapCode::ChangesUnseen,
                format!(
                    "{source} is listed back to {day} only: later changes of older payments are not seen once these are \
                     settled; `buffalo reconcile {source} --repair` finds them"
                ),
            );
        }
        if fresh.missing_returns > 0 {
            let (count, source) = (fresh.missing_returns, &fresh.source);
            let message = if count == 1 {
                format!(
                    "a payment of {source} says that money went back, and no such refund or dispute is stored"
                )
            } else {
                format!(
                    "{count} payments of {source} say that money went back, and no such refunds or disputes are stored"
                )
            };
            note(GapCode::ReturnsMissing, message);
        }
    }
    gaps
}

#[cfg(test)]
#[path = "completeness_tests.rs"]
mod tests;
