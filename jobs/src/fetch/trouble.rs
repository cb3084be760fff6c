//! Why a run ends before its time.

use std::time::Duration;

use buffalo_connectors::SourceError;
use buffalo_model::Entity;
use buffalo_store::StoreError;

use crate::absence::AbsenceError;
use crate::identity::IdentityTrouble;

/// Why a run ended before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Identity(#[from] IdentityTrouble),
    #[error(transparent)]
    Absence(#[from] AbsenceError),
    #[error(
        "stale_cursor_but_rate_limited: {reason}; a backfill began at {begun}, the next may begin at {next}"
    )]
    StaleCursorButRateLimited { reason: String, begun: String, next: String },
    #[error("another producer took the lock while the database was out of reach")]
    LockTaken,
    #[error(
        "the source gave no more pages before the end of what was to be fetched; if the next run ends so as well, begin \
         anew: buffalo cursors reset {source_name} {entity}"
    )]
    NotAtItsEnd { source_name: String, entity: Entity },
    #[error("stopped before its end; the next run continues")]
    Stopped,
    #[error("not at its end after {} s; the next run continues", .0.as_secs())]
    Deadline(Duration),
}

impl Trouble {
    /// Whether the run ended where it was meant to end, to be continued by the next.
    pub(super) fn is_a_limit(&self) -> bool {
        match self {
            Self::Deadline(_) => true,
            Self::Source(error) | Self::Absence(AbsenceError::Source(error)) => {
                matches!(error, SourceError::LimitReached { .. })
            }
            _ => false,
        }
    }
}
