//! Reading a record again by its id.

use std::fmt;
use std::str::FromStr;

/// What is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefetchPart {
    /// The record itself.
    Record,
    /// The refunds and disputes of a charge.
    Returns,
}

impl RefetchPart {
    /// The name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Returns => "returns",
        }
    }
}

impl fmt::Display for RefetchPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no part's.
#[derive(Debug, thiserror::Error)]
#[error("unknown part `{0}`; there are: record, returns")]
pub struct UnknownRefetchPart(String);

impl FromStr for RefetchPart {
    type Err = UnknownRefetchPart;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Record, Self::Returns]
            .into_iter()
            .find(|part| part.as_str() == name)
            .ok_or_else(|| UnknownRefetchPart(name.to_owned()))
    }
}

/// A record, or a part of one, that is read again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Refetch {
    /// The id under which the record is stored.
    pub external_id: String,
    /// What is read.
    pub part: RefetchPart,
}

impl Refetch {
    /// A record as a whole.
    #[must_use]
    pub fn record(external_id: impl Into<String>) -> Self {
        Self { external_id: external_id.into(), part: RefetchPart::Record }
    }

    /// The refunds and disputes of a charge.
    #[must_use]
    pub fn returns(external_id: impl Into<String>) -> Self {
        Self { external_id: external_id.into(), part: RefetchPart::Returns }
    }
}
