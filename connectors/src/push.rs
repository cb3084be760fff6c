//! What a vendor offers whose posts come through channels that have to be opened, and that expire.

use std::fmt::Debug;

use async_trait::async_trait;
use buffalo_model::PushChannel;
use chrono::{DateTime, Utc};

use crate::connector::SourceError;

/// The push channels of a source.
#[async_trait]
pub trait PushChannels: Send + Sync + Debug {
    /// What can be watched, each by a channel of its own.
    fn subjects(&self) -> &[String];

    /// What a channel to this address would be opened with, as a digest. Where it differs from that of an open channel, what
    /// comes through that will be refused.
    fn terms(&self, address: &str) -> String;

    /// Opens a channel.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; no channel is open then, or one that nobody knows of and that expires by itself.
    async fn open(&self, subject: &str, id: &str, address: &str) -> Result<OpenedChannel, SourceError>;

    /// Closes a channel. One that the vendor does not know any more counts as closed.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; it may be open still.
    async fn close(&self, channel: &PushChannel) -> Result<(), SourceError>;
}

/// What the vendor says of a channel that it has opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedChannel {
    /// Its id of what is watched.
    pub resource: String,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}
