//! Whose data a source gives: what is known of the account, the mode, the calendar.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose data something is, as far as it is known: named facts, such as `mode` = `test` or `account` = `acct_1`.
///
/// What a configuration says, what answers say and what is stored each know some of the facts. Two identities are of the
/// same data unless a fact that both know has two values: so a key that does not name its account may follow one that
/// did, and what was never known is learned later. Values are printed, so none may be secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identity(BTreeMap<String, String>);

/// A fact that two identities know differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConflict {
    /// What the fact is called.
    pub fact: String,
    /// Its value in the first of the two.
    pub ours: String,
    /// Its value in the other.
    pub theirs: String,
}

impl Identity {
    /// Nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// The same with one fact more; what was known of it is replaced.
    #[must_use]
    pub fn with(mut self, fact: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(fact.into(), value.into());
        self
    }

    /// The value of a fact.
    #[must_use]
    pub fn get(&self, fact: &str) -> Option<&str> {
        self.0.get(fact).map(String::as_str)
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the facts of another that are not known here.
    pub fn learn(&mut self, other: &Self) {
        for (fact, value) in &other.0 {
            self.0.entry(fact.clone()).or_insert_with(|| value.clone());
        }
    }

    /// The first fact that both know and that has two values; none where both may be of the same data.
    #[must_use]
    pub fn conflict_with(&self, other: &Self) -> Option<IdentityConflict> {
        self.0.iter().find_map(|(fact, ours)| {
            let theirs = other.0.get(fact).filter(|theirs| *theirs != ours)?;
            Some(IdentityConflict { fact: fact.clone(), ours: ours.clone(), theirs: theirs.clone() })
        })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (fact, value)) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{fact} {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fact_that_both_know_can_differ() {
        let test = Identity::unknown().with("mode", "test");
        let account = Identity::unknown().with("account", "acct_1");
        assert_eq!(test.conflict_with(&account), None);
        let mut both = test.clone();
        both.learn(&account);
        assert_eq!(both.to_string(), "account acct_1, mode test");
        let live = Identity::unknown().with("mode", "live").with("account", "acct_1");
        let conflict = both.conflict_with(&live).unwrap();
        assert_eq!((&*conflict.fact, &*conflict.ours, &*conflict.theirs), ("mode", "test", "live"));
        both.learn(&live);
        assert_eq!(both.get("mode"), Some("test"), "what is known stays");
    }
}
