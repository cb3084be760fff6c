//! Every metric there is: its name, type, labels and meaning. `docs/metrics.md` is the same as a table, and a test holds
//! the two together.
//!
//! Labels are few and their values known: a source, an entity, a channel, a state or outcome, the template of a route. An
//! id or anything that a caller can make up would be a new time series each time.

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It rises, and begins anew at 0 at most with the process.
    Counter,
    /// It may go up and down.
    Gauge,
    /// It counts observations by size.
    Histogram,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
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

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
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
    &["source"],
    "For how long the outbox row that waits longest could have been claimed; 0 when no row is due",
);

pub(super) const DEAD_LETTERS: Metric = gauge(
    "buffalo_dead_letters",
    &["source"],
    "Dead letters; an estimate when their table is larger than 16 MiB",
);

pub(super) const REVENUE_DRIFT: Metric = counter(
    "buffalo_revenue_drift_total",
    &[],
    "Payments and figures that a verification found to differ from what they are made of",
);

pub(super) const RUNS: Metric = counter(
    "buffalo_runs_total",
    &["source", "entity", "mode", "status"],
    "Runs that ended, by how; runs that drain the outbox are of the source and entity all",
);

pub(super) const RECORDS: Metric = counter(
    "buffalo_records_total",
    &["source", "entity", "outcome"],
    "Records fetched, enqueued, deduped, processed or dead_lettered, and failed attempts at them",
);

pub(super) const PAGES: Metric =
    counter("buffalo_pages_total", &["source", "entity"], "Pages of vendors that were stored");

pub(super) const VENDOR_REQUESTS: Metric = counter(
    "buffalo_vendor_requests_total",
    &["source", "entity", "outcome"],
    "Requests made of vendors: answered, throttled, refused, failed (an error of theirs) or unanswered",
);

pub(super) const VENDOR_RETRIES: Metric = counter(
    "buffalo_vendor_retries_total",
    &["source", "entity"],
    "Decisions to ask a vendor again after a request that failed",
);

pub(super) const CLAIM_DURATION: Metric = histogram(
    "buffalo_claim_duration_seconds",
    &[],
    "How long it took to claim outbox rows where some were due, in any process",
);

pub(super) const BATCH_DURATION: Metric = histogram(
    "buffalo_batch_duration_seconds",
    &[],
    "How long a batch of outbox rows took from its claim to its commit, in any process",
);

pub(super) const NOTIFICATIONS: Metric = counter(
    "buffalo_notifications_total",
    &["channel", "outcome"],
    "Attempts to deliver notifications: delivered, failed (it is tried again) or given_up",
);

pub(super) const HTTP_REQUESTS: Metric = counter(
    "buffalo_http_requests_total",
    &["route", "status"],
    "Requests this process answered, by the template of their route",
);

pub(super) const HTTP_DURATION: Metric =
    histogram("buffalo_http_request_duration_seconds", &["route"], "How long this process took to answer");

pub(super) const HTTP_IN_FLIGHT: Metric = gauge(
    "buffalo_http_requests_in_flight",
    &[],
    "Requests that this process has not answered yet, this scrape included",
);

pub(super) const CONNECTIONS: Metric =
    gauge("buffalo_database_connections", &[], "Connections to PostgreSQL that this process holds");

pub(super) const CONNECTIONS_IDLE: Metric =
    gauge("buffalo_database_connections_idle", &[], "Those of them that nobody uses at the moment");

pub(super) const CONNECTIONS_MAX: Metric =
    gauge("buffalo_database_connections_max", &[], "The most that this process may hold (DATABASE_POOL_MAX)");
