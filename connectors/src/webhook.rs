//! What vendors post to us: whether it was the vendor, and what it says. The HTTP face knows no vendor's headers, and
//! nothing here makes a request: a post is answered after one write.

mod signing;

use std::fmt::Debug;

use buffalo_model::{Entity, Identity, RawRecord};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;
use serde_json::error::Category;

pub(crate) use signing::{Freshness, Keys, Tokens};

/// How a source stands with webhooks.
#[derive(Debug)]
pub enum Webhooks<'a> {
    /// The vendor posts nothing, or nothing that this program reads.
    None,
    /// Nothing can be believed, because these settings are not set.
    NotSet(&'static str),
    /// What is posted is read by this.
    Read(&'a dyn Webhook),
}

/// The webhooks of a source.
pub trait Webhook: Send + Sync + Debug {
    /// Makes sure that a post is the vendor's, and reads it.
    ///
    /// # Errors
    ///
    /// [`PostError`]: it is refused.
    fn read(&self, post: &Post<'_>, now: DateTime<Utc>) -> Result<Receipt, PostError>;
}

/// A post as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// Path and query, as they were sent.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl<'a> Post<'a> {
    /// A header that the vendor sends with every post.
    pub(crate) fn header(&self, name: &'static str) -> Result<&'a str, PostError> {
        let value = self.headers.get(name).ok_or(PostError::MissingSignature(name))?;
        value.to_str().map_err(|_| PostError::InvalidSignature("a header is not text"))
    }
}

/// What a post came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What the vendor calls it.
    pub kind: String,
    /// What follows from it.
    pub news: News,
    /// Whose data it is about, as far as the post and the configuration say: compared with whose data is stored.
    pub identity: Identity,
}

/// What follows from a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Nothing: it is about something else.
    Nothing,
    /// A record is in this state.
    State {
        /// The vendor's id of the event, which may be posted again.
        event_id: String,
        /// The state.
        record: Box<RawRecord>,
        /// What to fetch where the state can't be placed among others.
        otherwise: Hint,
    },
    /// Something has changed, and has to be fetched.
    Hints(Vec<Hint>),
    /// Nothing about these records may be kept any more: they were deleted for privacy's sake. Beside them something has
    /// changed.
    Erased {
        /// The entity of the records.
        entity: Entity,
        /// Their ids.
        ids: Vec<String>,
        /// What is to be fetched.
        hints: Vec<Hint>,
    },
}

/// What is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The entity.
    pub entity: Entity,
    /// How long the vendor's lists may go on without showing what it tells of in a post.
    pub lag: TimeDelta,
    /// The ids of the records that the post names, which are read by these, besides what is listed as changed.
    pub objects: Vec<String>,
}

/// The messages of serde quote what they stumble over, and what vendors post is about people.
impl From<serde_json::Error> for PostError {
    fn from(error: serde_json::Error) -> Self {
        let what = match error.classify() {
            Category::Data => "something is not what it should be",
            Category::Eof => "it ends too early",
            Category::Syntax | Category::Io => "it is not JSON",
        };
        Self::Unreadable(format!("{what} at line {}, column {}", error.line(), error.column()))
    }
}

/// Why a post is refused. Messages hold nothing of what was posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// A header is missing without which nobody can say who posted it.
    #[error("the header {0} is missing")]
    MissingSignature(&'static str),
    /// It is not the vendor's, or an old post is being repeated.
    #[error("{0}")]
    InvalidSignature(&'static str),
    /// It is about test data where live data is kept, or the other way round.
    #[error("{0}")]
    WrongMode(&'static str),
    /// It is the vendor's and can't be read.
    #[error("the body can't be read: {0}")]
    Unreadable(String),
}
