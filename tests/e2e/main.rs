//! End to end: the real binary, a real Postgres, and vendor servers over real HTTP.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails should say so at once"
)]

#[path = "../support/database.rs"]
mod database;
#[path = "../support/gate.rs"]
mod gate;
mod harness;
#[path = "../support/pgbouncer.rs"]
mod pgbouncer;
#[path = "../support/sinks.rs"]
mod sinks;

mod bad_input;
mod browsers;
mod changes;
mod charts;
mod clocks;
mod command_line;
mod crash;
mod cursors;
mod dead_letters;
mod deaths;
mod demo;
mod draining;
mod explain;
mod exposition;
mod faults;
mod fx;
mod gcal;
mod health;
mod http;
mod http_limits;
mod hubspot;
mod identity;
mod incremental;
mod lock;
mod logs;
mod maintain;
mod metrics;
mod metrics_in_use;
mod money;
mod notifications;
mod openapi;
mod overlaps;
mod plans;
mod pooler;
mod processing;
mod rate_limit;
mod reconcile;
mod restart;
mod revenue;
mod schedule;
mod status;
mod strange_deals;
mod stripe_by_id;
mod summary;
mod tls;
mod triggers;
mod verify;
mod webhooks;
