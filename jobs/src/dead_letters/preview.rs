//! What a replay would do: each letter is processed as this program would do it now, and nothing of it is kept.

use std::collections::HashMap;

use buffalo_model::{DeadLetter, DeadLetterId, Entity};
use buffalo_store::{ClaimedRow, StoreError, StoredRow, UpsertRow};

use super::{DeadLetters, Settlement};
use crate::persist::persist;
use crate::process::normalise;

/// The most payload that is rehearsed at once, give or take one letter, in bytes.
const REHEARSED_BYTES: i64 = 4 * 1024 * 1024;

/// Columns that say nothing about the record itself.
const BOOKKEEPING: [&str; 8] =
    ["source", "entity", "external_id", "observed_at", "revision", "raw_id", "created_at", "updated_at"];

/// What a replay would do to all chosen letters, and to some of them field by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Letters that would change what is stored.
    pub changing: u64,
    /// Letters that would be processed and change nothing.
    pub unchanged: u64,
    /// Letters that would fail again.
    pub failing: u64,
    /// Letters that would only be removed, since their record is stored in the same or a newer state.
    pub already_newer: u64,
    /// The first of them.
    pub letters: Vec<PreviewedLetter>,
}

/// What a replay would do to a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedLetter {
    /// The letter.
    pub letter: DeadLetter,
    /// What would become of it.
    pub foreseen: Foreseen,
}

/// What would become of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreseen {
    /// These fields would change.
    Changes(Vec<FieldChange>),
    /// It would be processed, and nothing would be different from what is stored or from what a newer letter brings.
    Nothing,
    /// It would fail again.
    Failure {
        /// Where.
        stage: &'static str,
        /// Why.
        reason: String,
    },
    /// Its record is stored in this revision, which is not older.
    AlreadyNewer {
        /// The revision that is stored.
        revision: i64,
    },
}

/// A field of a stored row that would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The column.
    pub field: String,
    /// What is stored.
    pub old: Option<String>,
    /// What would be stored.
    pub new: Option<String>,
}

impl DeadLetters<'_> {
    /// Finds out what a replay would do, and changes nothing. All letters are counted, and the first `shown` are
    /// described.
    ///
    /// # Errors
    ///
    /// When the database can't be asked.
    pub async fn preview(&self, shown: usize) -> Result<Settlement<Preview>, StoreError> {
        let mut walk = self.walk();
        let mut preview = Preview::default();
        while let Some(letters) = walk.next().await? {
            for chunk in bounded(&letters) {
                // Nothing is kept of a rehearsal, so it may be made twice.
                let mut foreseen = persist(|| self.rehearse(chunk)).await?;
                for letter in chunk {
                    // One that is gone meanwhile was settled by somebody else.
                    let Some(foreseen) = foreseen.remove(&letter.id) else { continue };
                    preview.note(letter, foreseen, shown);
                }
            }
        }
        Ok(Settlement { done: preview, not_found: walk.not_found() })
    }

    async fn rehearse(&self, letters: &[DeadLetter]) -> Result<HashMap<DeadLetterId, Foreseen>, StoreError> {
        let ids: Vec<DeadLetterId> = letters.iter().map(|letter| letter.id).collect();
        let mut rehearsal = self.store.rehearse_replay(&ids).await?;
        let before = rehearsal.stored().await?;
        let (mut upserts, mut failures) = (Vec::new(), HashMap::new());
        for (row, letter) in rehearsal.rows().iter().enumerate() {
            match normalise(letter, self.currencies, u32::MAX) {
                Ok(value) => upserts.push(UpsertRow { row, value }),
                Err((stage, reason)) => {
                    failures.insert(row, Foreseen::Failure { stage, reason });
                }
            }
        }
        for failed in rehearsal.upsert(&upserts, self.clock.now()).await? {
            failures.insert(failed.row, Foreseen::Failure { stage: "store", reason: failed.reason });
        }
        let after = rehearsal.stored().await?;
        let states = rehearsal.rows().iter().zip(before.iter().zip(&after)).enumerate();
        let known = states.map(|(row, (letter, (before, after)))| {
            let foreseen = already_newer(letter, before.as_ref())
                .or_else(|| failures.remove(&row))
                .unwrap_or_else(|| change(letter, before.as_ref(), after.as_ref()));
            (rehearsal.ids()[row], foreseen)
        });
        let unknown = letters.iter().filter_map(|letter| {
            let reason = letter.entity.parse::<Entity>().err()?.to_string();
            Some((letter.id, Foreseen::Failure { stage: "normalise", reason }))
        });
        Ok(known.chain(unknown).collect())
    }
}

impl Preview {
    fn note(&mut self, letter: &DeadLetter, foreseen: Foreseen, shown: usize) {
        match foreseen {
            Foreseen::Changes(_) => self.changing += 1,
            Foreseen::Nothing => self.unchanged += 1,
            Foreseen::Failure { .. } => self.failing += 1,
            Foreseen::AlreadyNewer { .. } => self.already_newer += 1,
        }
        if self.letters.len() < shown {
            self.letters.push(PreviewedLetter { letter: letter.clone(), foreseen });
        }
    }
}

/// Cuts letters into pieces whose payloads fit into memory; a letter of any size gets its turn.
fn bounded(letters: &[DeadLetter]) -> Vec<&[DeadLetter]> {
    let (mut pieces, mut rest) = (Vec::new(), letters);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|letter| {
            bytes += i64::from(letter.payload_bytes);
            bytes <= REHEARSED_BYTES
        });
        let (piece, others) = rest.split_at(fitting.count().max(1));
        pieces.push(piece);
        rest = others;
    }
    pieces
}

fn already_newer(letter: &ClaimedRow, before: Option<&StoredRow>) -> Option<Foreseen> {
    let revision = before?.revision;
    (revision >= letter.revision).then_some(Foreseen::AlreadyNewer { revision })
}

fn change(letter: &ClaimedRow, before: Option<&StoredRow>, after: Option<&StoredRow>) -> Foreseen {
    // Another letter of the same record, rehearsed together with it, may have brought a newer state.
    let Some(after) = after.filter(|after| after.revision == letter.revision) else {
        return Foreseen::Nothing;
    };
    let fields = after.columns.iter().filter(|(field, _)| !BOOKKEEPING.contains(&field.as_str()));
    let changes: Vec<FieldChange> = fields
        .filter_map(|(field, new)| {
            let old = before.and_then(|row| row.column(field)).map(str::to_owned);
            (old != *new).then(|| FieldChange { field: field.clone(), old, new: new.clone() })
        })
        .collect();
    if changes.is_empty() { Foreseen::Nothing } else { Foreseen::Changes(changes) }
}
