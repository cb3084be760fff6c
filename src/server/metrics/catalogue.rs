//! Every metric there is: its name, type, labels and meaning. `docs/metrics.md` is the same as a table, and a test holds
//! the two together.
//!
//! Labels are few and their values known: a source, an entity, a state or outcome, the template of a route. An id or
//! anything that a caller can make up would be a new time series each time.

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It may go up and down.
    Gauge,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
        }
    }
}

/// A metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

pub(super) const DATABASE_UP: Metric = gauge(
    "buffalo_database_up",
    &[],
    "1 if the database answered this scrape, else 0 and nothing that is read from it",
);

pub(super) const CIRCUIT_STATE: Metric = gauge(
    "buffalo_circuit_state",
    &["source", "state"],
    "1 for the state in which the source's circuit breaker was last seen, 0 for the others",
);

pub(super) const DATA_THROUGH_AGE: Metric = gauge(
    "buffalo_data_through_age_seconds",
    &["source", "entity"],
    "Age of the time up to which everything the source said is in the outbox",
);

pub(super) const OUTBOX_DEPTH: Metric = gauge(
    "buffalo_outbox_depth",
    &["source", "entity"],
    "Rows that wait to be processed; an estimate when the outbox is larger than 16 MiB",
);

pub(super) const OUTBOX_OLDEST_AGE: Metric = gauge(
    "buffalo_outbox_oldest_age_seconds",
    &[],
    "For how long the outbox row that waits longest could have been claimed; 0 when no row is due",
);

pub(super) const DEAD_LETTERS: Metric = gauge(
    "buffalo_dead_letters",
    &["source"],
    "Dead letters; an estimate when their table is larger than 16 MiB",
);
