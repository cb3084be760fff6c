//! Settling dead letters: putting them back into the outbox, or throwing them away.

mod preview;

use std::collections::BTreeSet;

use buffalo_model::{Clock, DeadLetter, DeadLetterId, DeadLetterPosition, SupportedCurrencies};
use buffalo_store::{DeadLetterFilter, Replayed, Store, StoreError};

use crate::persist::persist;

pub use preview::{FieldChange, Foreseen, Preview, PreviewedLetter};

/// Letters that one transaction settles, so that a million of them are not one transaction.
const BATCH: i64 = 1_000;

/// Dead letters that somebody chose.
pub struct DeadLetters<'a> {
    /// Where they are.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Which ones.
    pub filter: &'a DeadLetterFilter,
    /// Currencies that are accepted (`SUPPORTED_CURRENCIES`).
    pub currencies: &'a SupportedCurrencies,
}

/// What became of chosen dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement<T> {
    /// What was done.
    pub done: T,
    /// Letters that were asked for by id and are not there.
    pub not_found: Vec<DeadLetterId>,
}

impl DeadLetters<'_> {
    /// Puts them back into the outbox. Whatever stands in the way of a batch, those before it are done, and the same
    /// call does the rest; a letter is never in both places, nor in none.
    ///
    /// # Errors
    ///
    /// When the database can't be told.
    pub async fn replay(&self) -> Result<Settlement<Replayed>, StoreError> {
        let mut walk = self.walk();
        let mut done = Replayed::default();
        while let Some(ids) = walk.next_ids().await? {
            // Made twice it does nothing twice; the second time it only finds nothing to count.
            let batch = persist(|| self.store.replay_dead_letters(&ids, self.clock.now())).await?;
            done.replayed += batch.replayed;
            done.already_newer += batch.already_newer;
        }
        Ok(Settlement { done, not_found: walk.not_found() })
    }

    /// Throws them away, and says how many.
    ///
    /// # Errors
    ///
    /// When the database can't be told.
    pub async fn discard(&self) -> Result<Settlement<u64>, StoreError> {
        let mut walk = self.walk();
        let mut done = 0;
        while let Some(ids) = walk.next_ids().await? {
            done += persist(|| self.store.discard_dead_letters(&ids)).await?;
        }
        Ok(Settlement { done, not_found: walk.not_found() })
    }

    /// Says how many there are.
    ///
    /// # Errors
    ///
    /// When the database can't be asked.
    pub async fn count(&self) -> Result<Settlement<u64>, StoreError> {
        let mut walk = self.walk();
        let mut done = 0;
        while let Some(letters) = walk.next().await? {
            done += letters.len() as u64;
        }
        Ok(Settlement { done, not_found: walk.not_found() })
    }

    fn walk(&self) -> Walk<'_> {
        let unseen = self.filter.ids.iter().flatten().copied().collect();
        Walk { store: self.store, filter: self.filter, after: None, unseen }
    }
}

/// Goes through dead letters from the newest to the oldest. A letter that is replayed and dies once more is then newer than
/// all that is still ahead, so it is not met again.
struct Walk<'a> {
    store: &'a Store,
    filter: &'a DeadLetterFilter,
    after: Option<DeadLetterPosition>,
    unseen: BTreeSet<DeadLetterId>,
}

impl Walk<'_> {
    /// The next letters; none after the last.
    async fn next(&mut self) -> Result<Option<Vec<DeadLetter>>, StoreError> {
        let letters = persist(|| self.store.list_dead_letters(self.filter, self.after, BATCH)).await?;
        let Some(last) = letters.last() else { return Ok(None) };
        self.after = Some(last.position());
        for letter in &letters {
            self.unseen.remove(&letter.id);
        }
        Ok(Some(letters))
    }

    async fn next_ids(&mut self) -> Result<Option<Vec<DeadLetterId>>, StoreError> {
        let letters = self.next().await?;
        Ok(letters.map(|letters| letters.iter().map(|letter| letter.id).collect()))
    }

    fn not_found(self) -> Vec<DeadLetterId> {
        self.unseen.into_iter().collect()
    }
}
