//! What the stages of the account's pipelines mean.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// What reaching a stage means for a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Meaning {
    Open,
    Won,
    Lost,
}

impl Meaning {
    /// Reads a stage's metadata. A closed stage is won at a probability of one and lost at zero, which is a value like
    /// any other; what lies between, or is not there, says nothing.
    pub(super) fn of(is_closed: Option<&str>, probability: Option<&str>) -> Option<Self> {
        match (is_closed?, probability) {
            ("false", _) => Some(Self::Open),
            ("true", Some("1.0" | "1")) => Some(Self::Won),
            ("true", Some("0.0" | "0")) => Some(Self::Lost),
            _ => None,
        }
    }
}

/// The meanings of stages by pipeline and stage: an id means something only within its pipeline.
#[derive(Debug, Default)]
pub(super) struct Pipelines(HashMap<(String, String), Option<Meaning>>);

impl Pipelines {
    pub(super) fn new(stages: impl IntoIterator<Item = ((String, String), Option<Meaning>)>) -> Self {
        Self(stages.into_iter().collect())
    }

    pub(super) fn meaning(&self, pipeline: &str, stage: &str) -> Option<Meaning> {
        *self.0.get(&(pipeline.to_owned(), stage.to_owned()))?
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn zero_is_a_value() {
        assert_eq!(Meaning::of(Some("true"), Some("1.0")), Some(Meaning::Won));
        assert_eq!(Meaning::of(Some("true"), Some("0.0")), Some(Meaning::Lost));
        assert_eq!(Meaning::of(Some("false"), Some("1.0")), Some(Meaning::Open));
        assert_eq!(Meaning::of(Some("true"), Some("0.5")), None);
        assert_eq!(Meaning::of(Some("true"), None), None);
        assert_eq!(Meaning::of(None, Some("1.0")), None);
    }
}
