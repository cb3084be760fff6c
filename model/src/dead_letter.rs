//! A dead letter: a state of a record that was tried as often as is allowed, and could not be processed.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::RunId;

/// Identifies a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(transparent)]
pub struct DeadLetterId(pub Uuid);

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A dead letter without its payload, which may be of any size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// The source.
    pub source: String,
    /// The entity; an older or newer program may have written one that this program does not know.
    pub entity: String,
    /// The vendor's id.
    pub external_id: String,
    /// Orders the states of the record.
    pub revision: i64,
    /// How often it was tried.
    pub attempts: i32,
    /// Where it failed the last time.
    pub stage: String,
    /// Why it failed the last time.
    pub reason: String,
    /// When the source said so.
    pub observed_at: DateTime<Utc>,
    /// When it was fetched.
    pub enqueued_at: DateTime<Utc>,
    /// When it was given up.
    pub dead_at: DateTime<Utc>,
    /// The run that fetched it, where that is known.
    pub run_id: Option<RunId>,
    /// The size of its payload in bytes.
    pub payload_bytes: i32,
}

impl DeadLetter {
    /// Where it stands in the list of all.
    #[must_use]
    pub fn position(&self) -> DeadLetterPosition {
        DeadLetterPosition { dead_at: self.dead_at, id: self.id }
    }
}

/// A dead letter with all that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenDeadLetter {
    /// What the list says of it.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The vendor's API version in which the payload is written.
    pub api_version: Option<String>,
    /// See [`crate::RawRecord::context`].
    pub context: Option<String>,
    /// The vendor's bytes.
    pub payload: String,
}

/// A place in the list of dead letters, newest first. Unlike an id it holds when the letter itself is gone, which a list
/// that is worked off must bear. As text it goes into addresses and onto command lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetterPosition {
    /// When the letter was given up, in microseconds as PostgreSQL keeps them.
    pub dead_at: DateTime<Utc>,
    /// Tells apart those of one moment.
    pub id: DeadLetterId,
}

impl fmt::Display for DeadLetterPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.dead_at.timestamp_micros(), self.id)
    }
}

impl Serialize for DeadLetterPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no place in a list of dead letters.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a nextCursor of a list of dead letters")]
pub struct UnknownPosition;

impl FromStr for DeadLetterPosition {
    type Err = UnknownPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (micros, id) = text.split_once('.').ok_or(UnknownPosition)?;
        let micros = micros.parse().map_err(|_| UnknownPosition)?;
        let dead_at = DateTime::from_timestamp_micros(micros).ok_or(UnknownPosition)?;
        let id = id.parse().map(DeadLetterId).map_err(|_| UnknownPosition)?;
        Ok(Self { dead_at, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_being_written() {
        let position = DeadLetterPosition {
            dead_at: DateTime::from_timestamp_micros(1_793_491_200_123_456).unwrap(),
            id: DeadLetterId(Uuid::from_u128(7)),
        };
        assert_eq!(position.to_string().parse(), Ok(position));
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in
            ["", "1793491200123456", "x.0199a2b4-0000-7000-8000-000000000000", "9223372036854775807.x"]
        {
            assert_eq!(text.parse::<DeadLetterPosition>(), Err(UnknownPosition), "{text}");
        }
    }
}
