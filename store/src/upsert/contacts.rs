//! Table `contacts`.

use buffalo_model::Contact;
use chrono::{DateTime, Utc};

use super::{Keys, column, deleted_at};
use crate::ClaimedRow;
use crate::database::Tx;

pub(super) async fn upsert(
    connection: &mut Tx<'_>,
    rows: &[(&ClaimedRow, &Contact)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let keys = Keys::of(rows.iter().map(|(row, _)| *row));
    sqlx::query_file!(
        "queries/upsert_contacts.sql",
        now,
        &keys.sources as &[&str],
        &keys.entities as &[&str],
        &keys.external_ids as &[&str],
        &keys.observed_at,
        &keys.revisions,
        &keys.raw_ids,
        &column(rows, |contact| contact.email.as_deref()) as &[Option<&str>],
        &column(rows, |contact| contact.first_name.as_deref()) as &[Option<&str>],
        &column(rows, |contact| contact.last_name.as_deref()) as &[Option<&str>],
        &column(rows, |contact| contact.phone.as_deref()) as &[Option<&str>],
        &column(rows, |contact| contact.company.as_deref()) as &[Option<&str>],
        &column(rows, |contact| contact.lifecycle_stage.as_deref()) as &[Option<&str>],
        &deleted_at(rows, |contact| contact.deleted) as &[Option<DateTime<Utc>>],
    )
    .execute(connection)
    .await
    .map(drop)
}
