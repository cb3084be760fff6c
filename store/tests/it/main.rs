//! The store against a real Postgres: what each invariant rests on.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails should say so at once"
)]

mod changes;
mod claims;
#[path = "../../../tests/support/database.rs"]
mod database;
mod dead_letters;
mod explain;
mod fixture;
mod fx;
mod known_then;
mod measure;
mod missing_returns;
mod notifications;
mod overlaps;
mod pages;
mod partitions;
mod refetch;
mod revenue;
mod runs;
mod texts;
mod totals;
mod upserts;
mod webhooks;
