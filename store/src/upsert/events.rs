//! Table `events`.

use buffalo_model::{Event, EventStatus, EventTime};
use chrono::{DateTime, NaiveDate, Utc};

use super::{Keys, column, deleted_at};
use crate::ClaimedRow;
use crate::database::Tx;

pub(super) async fn upsert(
    connection: &mut Tx<'_>,
    rows: &[(&ClaimedRow, &Event)],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let keys = Keys::of(rows.iter().map(|(row, _)| *row));
    sqlx::query_file!(
        "queries/upsert_events.sql",
        now,
        &keys.sources as &[&str],
        &keys.entities as &[&str],
        &keys.external_ids as &[&str],
        &keys.observed_at,
        &keys.revisions,
        &keys.raw_ids,
        &column(rows, |event| event.calendar_external_id.as_str()) as &[&str],
        &column(rows, |event| event.status.as_str()) as &[&str],
        &column(rows, |event| event.raw_status.as_str()) as &[&str],
        &column(rows, |event| event.title.as_deref()) as &[Option<&str>],
        &column(rows, |event| event.description.as_deref()) as &[Option<&str>],
        &column(rows, |event| event.location.as_deref()) as &[Option<&str>],
        &column(rows, |event| event.organizer_email.as_deref()) as &[Option<&str>],
        &column(rows, |event| moment(event.starts)) as &[Option<DateTime<Utc>>],
        &column(rows, |event| moment(event.ends)) as &[Option<DateTime<Utc>>],
        &column(rows, |event| day(event.starts)) as &[Option<NaiveDate>],
        &column(rows, |event| day(event.ends)) as &[Option<NaiveDate>],
        &column(rows, |event| event.time_zone.as_deref()) as &[Option<&str>],
        &column(rows, |event| event.recurrence.as_deref()) as &[Option<&str>],
        &column(rows, |event| event.recurring_event_external_id.as_deref()) as &[Option<&str>],
        &column(rows, |event| moment(event.original_start)) as &[Option<DateTime<Utc>>],
        &column(rows, |event| day(event.original_start)) as &[Option<NaiveDate>],
        &column(rows, |event| event.created_at) as &[Option<DateTime<Utc>>],
        &deleted_at(rows, |event| event.status == EventStatus::Cancelled) as &[Option<DateTime<Utc>>],
    )
    .execute(connection)
    .await
    .map(drop)
}

fn moment(time: Option<EventTime>) -> Option<DateTime<Utc>> {
    match time? {
        EventTime::At(moment) => Some(moment),
        EventTime::Day(_) => None,
    }
}

fn day(time: Option<EventTime>) -> Option<NaiveDate> {
    match time? {
        EventTime::At(_) => None,
        EventTime::Day(day) => Some(day),
    }
}
