//! Ways in which HubSpot's answers are unlike its documentation, each of them seen; none until the control interface asks
//! for it.

use serde::Deserialize;

use super::filters::{Search, Shown};

/// What is odd.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Oddities {
    /// Ids of records that no search finds, as if they were missing in its index.
    unindexed: Vec<String>,
    /// Ids of records that no list of live ones has, though they are there.
    unlisted: Vec<String>,
    /// Whether searches say how many they found and show none of them.
    no_results: bool,
    /// How many pages, of lists and of searches, are to come that are empty and say where it goes on.
    empty_pages: u32,
}

impl Oddities {
    /// Takes one of the empty pages.
    pub(super) fn take_empty_page(&mut self) -> bool {
        let left = self.empty_pages.checked_sub(1);
        self.empty_pages = left.unwrap_or_default();
        left.is_some()
    }

    /// Whether lists leave out a record.
    pub(super) fn hides(&self, id: u64) -> bool {
        self.unlisted.iter().any(|hidden| hidden.parse() == Ok(id))
    }

    /// A search as it is answered.
    pub(super) fn apply_to(&mut self, search: Search) -> Search {
        let shown = match (self.no_results, self.take_empty_page()) {
            (true, _) => Shown::Nothing,
            (false, true) => Shown::Later,
            (false, false) => Shown::Page,
        };
        let unindexed = self.unindexed.iter().filter_map(|id| id.parse().ok()).collect();
        Search { unindexed, shown, ..search }
    }
}
