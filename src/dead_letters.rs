//! Documents about dead letters, as the command line prints them and HTTP gives them.

use std::collections::BTreeMap;

use buffalo_jobs::{FieldChange, Foreseen, Preview, PreviewedLetter, Settlement};
use buffalo_model::{DeadLetter, DeadLetterId, DeadLetterPosition, OpenDeadLetter};
use buffalo_store::{Replayed, Store, StoreError, StoredRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::question::DeadLetterPage;

/// A list of dead letters, newest first, and where to go on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterList {
    /// The letters.
    pub(crate) dead_letters: Vec<DeadLetter>,
    /// Asks for those that follow; none at the end.
    #[schema(value_type = Option<String>)]
    pub(crate) next_cursor: Option<DeadLetterPosition>,
}

impl DeadLetterList {
    /// Finds letters, and whether there are more.
    pub(crate) async fn find(store: &Store, page: &DeadLetterPage) -> Result<Self, StoreError> {
        let one_more = i64::from(page.limit) + 1;
        let mut dead_letters = store.list_dead_letters(&page.filter, page.after, one_more).await?;
        let more = dead_letters.len() > usize::from(page.limit);
        dead_letters.truncate(usize::from(page.limit));
        let next_cursor = dead_letters.last().map(DeadLetter::position).filter(|_| more);
        Ok(Self { dead_letters, next_cursor })
    }
}

/// A dead letter with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterDocument {
    /// The letter with its payload, which is text also where it is JSON: the vendor's bytes.
    #[serde(flatten)]
    pub(crate) letter: OpenDeadLetter,
    /// What is stored of its record, column by column; none where nothing is.
    pub(crate) stored: Option<BTreeMap<String, Option<String>>>,
}

impl DeadLetterDocument {
    pub(crate) fn new(letter: OpenDeadLetter, stored: Option<&StoredRow>) -> Self {
        let columns = |row: &StoredRow| {
            row.columns.iter().map(|(column, content)| (in_camel_case(column), content.clone())).collect()
        };
        Self { letter, stored: stored.map(columns) }
    }
}

/// What a replay did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayDocument {
    dry_run: bool,
    replayed: u64,
    already_newer: u64,
    not_found: Vec<DeadLetterId>,
}

impl ReplayDocument {
    pub(crate) fn new(Settlement { done, not_found }: Settlement<Replayed>) -> Self {
        let Replayed { replayed, already_newer } = done;
        Self { dry_run: false, replayed, already_newer, not_found }
    }
}

/// What a replay would do. `replayed` is the sum of the three counts that follow.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewDocument<'a> {
    dry_run: bool,
    replayed: u64,
    changing: u64,
    unchanged: u64,
    failing: u64,
    already_newer: u64,
    not_found: &'a [DeadLetterId],
    /// The first of them.
    letters: Vec<PreviewedDocument<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PreviewedDocument<'a> {
    id: DeadLetterId,
    source: &'a str,
    entity: &'a str,
    external_id: &'a str,
    revision: i64,
    outcome: &'static str,
    changes: Vec<ChangeDocument<'a>>,
    stored_revision: Option<i64>,
    stage: Option<&'a str>,
    reason: Option<&'a str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ChangeDocument<'a> {
    field: String,
    old: Option<&'a str>,
    new: Option<&'a str>,
}

impl<'a> PreviewDocument<'a> {
    pub(crate) fn new(settlement: &'a Settlement<Preview>) -> Self {
        let preview = &settlement.done;
        Self {
            dry_run: true,
            replayed: preview.changing + preview.unchanged + preview.failing,
            changing: preview.changing,
            unchanged: preview.unchanged,
            failing: preview.failing,
            already_newer: preview.already_newer,
            not_found: &settlement.not_found,
            letters: preview.letters.iter().map(PreviewedDocument::new).collect(),
        }
    }
}

impl<'a> PreviewedDocument<'a> {
    fn new(PreviewedLetter { letter, foreseen }: &'a PreviewedLetter) -> Self {
        let mut document = Self {
            id: letter.id,
            source: &letter.source,
            entity: &letter.entity,
            external_id: &letter.external_id,
            revision: letter.revision,
            outcome: outcome(foreseen),
            changes: Vec::new(),
            stored_revision: None,
            stage: None,
            reason: None,
        };
        match foreseen {
            Foreseen::Changes(changes) => {
                document.changes = changes.iter().map(ChangeDocument::new).collect();
            }
            Foreseen::Nothing => {}
            Foreseen::Failure { stage, reason } => {
                document.stage = Some(*stage);
                document.reason = Some(reason.as_str());
            }
            Foreseen::AlreadyNewer { revision } => document.stored_revision = Some(*revision),
        }
        document
    }
}

impl<'a> ChangeDocument<'a> {
    fn new(FieldChange { field, old, new }: &'a FieldChange) -> Self {
        Self { field: in_camel_case(field), old: old.as_deref(), new: new.as_deref() }
    }
}

/// What would become of a letter, in the word that is also the name of its count.
pub(crate) fn outcome(foreseen: &Foreseen) -> &'static str {
    match foreseen {
        Foreseen::Changes(_) => "changing",
        Foreseen::Nothing => "unchanged",
        Foreseen::Failure { .. } => "failing",
        Foreseen::AlreadyNewer { .. } => "alreadyNewer",
    }
}

/// What was, or would be, discarded.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiscardDocument {
    dry_run: bool,
    discarded: u64,
    not_found: Vec<DeadLetterId>,
}

impl DiscardDocument {
    pub(crate) fn new(dry_run: bool, Settlement { done, not_found }: Settlement<u64>) -> Self {
        Self { dry_run, discarded: done, not_found }
    }
}

/// A column's name as documents have it.
fn in_camel_case(column: &str) -> String {
    let mut words = column.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        name + &initial.to_ascii_uppercase() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_documents_name_fields() {
        assert_eq!(in_camel_case("status"), "status");
        assert_eq!(in_camel_case("customer_external_id"), "customerExternalId");
    }
}
