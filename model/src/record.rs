//! What is fetched: a record of an entity of a source, kept as the vendor sent it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ContentHash;
use crate::text::{MAX_WORD_BYTES, keep_storable, keep_storable_id, storable, storable_id};

/// A vendor whose data Buffalo brings in, by the name it has in tables, logs and addresses, such as `stripe`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(String);

impl Source {
    /// Names a source.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a record becomes once it is normalised; each entity has a table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entity {
    /// Money that moved or should have: charges, refunds, disputes, deals.
    Payments,
    /// People and the companies they are with.
    Contacts,
    /// What is in a calendar.
    Events,
}

impl Entity {
    /// Every entity.
    pub const ALL: [Self; 3] = [Self::Payments, Self::Contacts, Self::Events];

    /// The name in tables, logs and addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payments => "payments",
            Self::Contacts => "contacts",
            Self::Events => "events",
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no entity's.
#[derive(Debug, thiserror::Error)]
#[error("unknown entity `{0}`; there are: payments, contacts, events")]
pub struct UnknownEntity(String);

impl FromStr for Entity {
    type Err = UnknownEntity;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|entity| entity.as_str() == name)
            .ok_or_else(|| UnknownEntity(name.to_owned()))
    }
}

/// Identifies a record for ever: the key that every table which holds or refers to records has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// The vendor.
    pub source: Source,
    /// What it becomes.
    pub entity: Entity,
    /// The vendor's id, unique within source and entity.
    pub external_id: String,
}

/// One state of a record as the vendor sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// The vendor's id, unique within source and entity.
    pub external_id: String,
    /// The time at which the source said so, by the vendor's clock.
    ///
    /// Of two states of a record the later one holds. A connector must stamp a state so that a later truth never gets
    /// an earlier time; it documents what it does within the resolution of the vendor's clock. [`Ties`] says what holds of
    /// two states stamped equally.
    pub observed_at: DateTime<Utc>,
    /// The vendor's API version in which the payload is written, where the vendor has such a thing.
    pub api_version: Option<String>,
    /// What the payload alone does not say, but the source did at the same time, as JSON: for a deal the meaning of its
    /// stage. Stored beside the payload; a change of it is a change of the record.
    pub context: Option<String>,
    /// The vendor's bytes.
    pub payload: String,
}

impl RawRecord {
    /// Tells whether two states say the same thing.
    #[must_use]
    pub fn content_hash(&self) -> ContentHash {
        ContentHash::of_both(&self.payload, self.context.as_deref())
    }

    /// The same as [`RawRecord::storable`], of a record that is not needed as it was.
    #[must_use]
    pub fn into_storable(self) -> Self {
        if let Cow::Owned(storable) = self.storable() {
            return storable;
        }
        self
    }

    /// The state as it can be stored: the same, unless its id or version can't be. Payload and context are JSON, in which no
    /// character stands that PostgreSQL refuses.
    #[must_use]
    pub fn storable(&self) -> Cow<'_, Self> {
        let kept = |text: &str, stored: Cow<'_, str>| {
            stored.len() == text.len() && matches!(stored, Cow::Borrowed(_))
        };
        let version = self.api_version.as_deref();
        let version_kept = version.is_none_or(|text| kept(text, storable(text, MAX_WORD_BYTES)));
        if kept(&self.external_id, storable_id(&self.external_id)) && version_kept {
            return Cow::Borrowed(self);
        }
        let mut stored = self.clone();
        keep_storable_id(&mut stored.external_id);
        if let Some(version) = &mut stored.api_version {
            keep_storable(version, MAX_WORD_BYTES);
        }
        Cow::Owned(stored)
    }
}

/// What holds of two states of a record that are stamped with the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The one that is written later.
    LaterHolds,
    /// Of states of which no more than the second is known, and which are stamped with its last microsecond: the one that is
    /// known, until the record has been read again, as the order of writing says nothing. Of all others the one that is
    /// written later.
    ReadAgain,
}

/// A stored state of a record, as a normaliser sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawState<'a> {
    /// What it is to become.
    pub entity: Entity,
    /// The id under which it is stored.
    pub external_id: &'a str,
    /// See [`RawRecord::context`].
    pub context: Option<&'a str>,
    /// The vendor's bytes.
    pub payload: &'a str,
}
