//! Upserting: what normalised rows do to the tables that people query. A state is never replaced by an older one.

mod contacts;
mod events;
pub(crate) mod gone;
pub(crate) mod payments;

use std::collections::BTreeMap;

use buffalo_model::{Contact, Event, Normalised, Payment, RecordKey};
use chrono::{DateTime, Utc};

use self::payments::Known;
use crate::database::Tx;
use crate::error::classify;
use crate::{ClaimedBatch, ClaimedRow, StoreError};

/// A normalised row: the place of its claimed row in the batch, and what it became.
#[derive(Debug)]
pub struct UpsertRow {
    /// The index into [`ClaimedBatch::rows`].
    pub row: usize,
    /// What it became.
    pub value: Normalised,
}

/// A row whose values the database would not take.
#[derive(Debug)]
pub struct StoreFailure {
    /// The index into [`ClaimedBatch::rows`].
    pub row: usize,
    /// Why, without the driver's words.
    pub reason: String,
}

impl ClaimedBatch {
    /// Upserts what rows became. A row whose values the database refuses fails alone: the others are stored.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like; the batch is lost then and its rows are as they were.
    pub async fn upsert(
        &mut self,
        upserts: &[UpsertRow],
        now: DateTime<Utc>,
    ) -> Result<Vec<StoreFailure>, StoreError> {
        let failures = self.upsert_all_or_each(upserts, now).await?;
        self.note_missing_returns(upserts, now).await?;
        Ok(failures)
    }

    async fn upsert_all_or_each(
        &mut self,
        upserts: &[UpsertRow],
        now: DateTime<Utc>,
    ) -> Result<Vec<StoreFailure>, StoreError> {
        let all: Vec<&UpsertRow> = upserts.iter().collect();
        let mut failures = Vec::new();
        // PostgreSQL does not name the row at fault, so what is refused is halved until that row is alone: one among
        // hundreds costs a few tries. Parts are tried in their order, so that a record's oldest revision comes first.
        let mut waiting = vec![all.as_slice()];
        while let Some(part) = waiting.pop() {
            match (self.upsert_in_savepoint(part, now).await, part) {
                (Ok(()), _) => {}
                (Err(error), [refused]) if error.is_about_the_data() => {
                    failures.push(StoreFailure { row: refused.row, reason: error.to_string() });
                }
                (Err(error), _) if error.is_about_the_data() => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(failures)
    }

    async fn upsert_in_savepoint(
        &mut self,
        upserts: &[&UpsertRow],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if upserts.is_empty() {
            return Ok(());
        }
        self.tries += 1;
        let operation = "store normalised rows";
        let server = &self.server;
        let fail = |error| classify(server, operation, error);
        let newest = Newest::of_each(&self.rows, upserts);
        let mut savepoint = self.tx.begin().await.map_err(fail)?;
        match newest.write(&mut savepoint, now).await {
            Ok(()) => savepoint.commit().await.map_err(fail),
            Err(error) => {
                savepoint.rollback().await.map_err(fail)?;
                Err(fail(error))
            }
        }
    }
}

/// The newest state of each record in a batch, by what it became; sorted by key, so that two workers take row locks in the
/// same order.
#[derive(Default)]
struct Newest<'a> {
    payments: Vec<(&'a ClaimedRow, &'a Payment)>,
    contacts: Vec<(&'a ClaimedRow, &'a Contact)>,
    events: Vec<(&'a ClaimedRow, &'a Event)>,
    gone: Vec<&'a ClaimedRow>,
}

impl<'a> Newest<'a> {
    fn of_each(rows: &'a [ClaimedRow], upserts: &[&'a UpsertRow]) -> Self {
        let mut by_key: BTreeMap<&RecordKey, (&ClaimedRow, &Normalised)> = BTreeMap::new();
        for upsert in upserts {
            let row = &rows[upsert.row];
            match by_key.get(&row.key) {
                Some((known, _)) if known.revision >= row.revision => {}
                _ => {
                    by_key.insert(&row.key, (row, &upsert.value));
                }
            }
        }
        let mut newest = Self::default();
        for (row, value) in by_key.into_values() {
            match value {
                Normalised::Payment(payment) => newest.payments.push((row, payment)),
                Normalised::Contact(contact) => newest.contacts.push((row, contact)),
                Normalised::Event(event) => newest.events.push((row, event)),
                Normalised::Gone => newest.gone.push(row),
            }
        }
        newest
    }

    async fn write(&self, connection: &mut Tx<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        payments::upsert(connection, &self.payments, now, Known::Right).await?;
        contacts::upsert(connection, &self.contacts, now).await?;
        events::upsert(connection, &self.events, now).await?;
        gone::upsert(connection, &self.gone, now).await
    }
}

/// The columns that every table of records has, as arrays.
struct Keys<'a> {
    sources: Vec<&'a str>,
    entities: Vec<&'a str>,
    external_ids: Vec<&'a str>,
    observed_at: Vec<DateTime<Utc>>,
    revisions: Vec<i64>,
    raw_ids: Vec<i64>,
}

impl<'a> Keys<'a> {
    fn of(rows: impl Iterator<Item = &'a ClaimedRow> + Clone) -> Self {
        Self {
            sources: rows.clone().map(|row| row.key.source.as_str()).collect(),
            entities: rows.clone().map(|row| row.key.entity.as_str()).collect(),
            external_ids: rows.clone().map(|row| row.key.external_id.as_str()).collect(),
            observed_at: rows.clone().map(|row| row.observed_at).collect(),
            revisions: rows.clone().map(|row| row.revision).collect(),
            raw_ids: rows.map(|row| row.raw_id).collect(),
        }
    }
}

/// One column of normalised rows as an array.
fn column<'a, V, T>(rows: &[(&'a ClaimedRow, &'a V)], pick: impl Fn(&'a V) -> T) -> Vec<T> {
    rows.iter().map(|(_, value)| pick(value)).collect()
}

/// When rows were deleted: at the time at which the source said so, none where they are not.
fn deleted_at<V>(rows: &[(&ClaimedRow, &V)], deleted: impl Fn(&V) -> bool) -> Vec<Option<DateTime<Utc>>> {
    rows.iter().map(|(row, value)| deleted(value).then_some(row.observed_at)).collect()
}
