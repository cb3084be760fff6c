//! What is written for those who run the program, held against the program: its commands, settings and alerts.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails should say so at once"
)]

mod containers;
mod kubernetes;
mod operations;
mod program;
mod render;
mod systemd;
