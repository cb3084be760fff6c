//! The sources Buffalo reads, the HTTP layer they share, a sandbox that behaves as they do, and the channels through
//! which people are told.
//!
//! A source is a folder here and one line in [`SOURCES`]. No SQL, and nothing that knows where records go.

pub mod channels;
pub mod connector;
mod gcal;
pub mod http;
mod hubspot;
mod push;
pub mod sandbox;
pub mod settings;
mod stripe;
mod text;
mod webhook;

pub use connector::{
    Connector, CursorState, FetchedPage, NO_SUCH_REQUEST, Normalise, NormaliseError, Pages, Plan,
    Registration, SourceError, Sweep,
};
pub use push::{OpenedChannel, PushChannels};
pub use settings::{Problem, Settings};
pub use webhook::{Hint, News, Post, PostError, Receipt, Webhook, Webhooks};

/// The guide to adding a source is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding-a-source.md")]
struct AddingASource;

/// Every source that Buffalo knows.
pub const SOURCES: &[Registration] = &[stripe::REGISTRATION, hubspot::REGISTRATION, gcal::REGISTRATION];

/// Finds a source by name.
#[must_use]
pub fn registration(name: &str) -> Option<&'static Registration> {
    SOURCES.iter().find(|source| source.name == name)
}
