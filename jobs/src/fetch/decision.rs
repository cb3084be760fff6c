//! Deciding whether a run continues from its cursor or begins a backfill.

use buffalo_connectors::CursorState;
use buffalo_model::{Cursor, Mode, RunId};
use buffalo_store::CursorRow;
use chrono::{DateTime, Utc};

use super::Fetch;
use super::trouble::Trouble;
use crate::persist::persist;

/// What a run has decided to do.
pub(super) struct Decision {
    pub(super) mode: Mode,
    /// None to begin a backfill.
    pub(super) continue_from: Option<Cursor>,
    stale: bool,
    backfill_reason: Option<String>,
}

impl Fetch<'_> {
    /// Chooses between continuing and a backfill, and writes down why.
    pub(super) async fn decide(&self, run_id: RunId, found: &CursorRow) -> Result<Decision, Trouble> {
        let state = self.connector.assess(self.entity, found.cursor.as_ref(), self.clock.now());
        let backfill = |reason: Option<String>, stale| Decision {
            mode: Mode::Full,
            continue_from: None,
            stale,
            backfill_reason: reason,
        };
        let going_on = |mode| Decision {
            mode,
            continue_from: found.cursor.clone(),
            stale: false,
            backfill_reason: None,
        };
        let decision = match (&state, self.options.mode) {
            (CursorState::Backfilling, _) => going_on(Mode::Full),
            (_, Mode::Full) => backfill(None, false),
            (CursorState::Current, _) => going_on(Mode::Incremental),
            (CursorState::Missing, _) => backfill(Some("nothing was fetched so far".to_owned()), false),
            (CursorState::Stale(reason), _) => backfill(Some(reason.clone()), true),
        };
        let reason = decision.backfill_reason.as_deref();
        persist(|| {
            self.store.describe_run(run_id, decision.mode, found.cursor.as_ref(), decision.stale, reason)
        })
        .await?;
        if decision.stale
            && let Some(begun) = found.last_full_backfill_at
        {
            let next = begun + self.options.full_backfill_min_interval;
            if self.clock.now() < next {
                let reason = decision.backfill_reason.unwrap_or_default();
                return Err(Trouble::StaleCursorButRateLimited {
                    reason,
                    begun: to_the_second(begun),
                    next: to_the_second(next),
                });
            }
        }
        Ok(decision)
    }
}

fn to_the_second(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
