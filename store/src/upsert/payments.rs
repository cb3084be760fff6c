//! Table `payments`.

use buffalo_model::Payment;
use chrono::{DateTime, Utc};

use super::{Keys, column, deleted_at};
use crate::ClaimedRow;
use crate::database::Tx;

/// Whether what is stored of the same state is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is: nothing is written again.
    Right,
    /// It was found to differ from what its raw record says.
    Wrong,
}

pub(crate) async fn upsert(
    connection: &mut Tx<'_>,
    rows: &[(&ClaimedRow, &Payment)],
    now: DateTime<Utc>,
    known: Known,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let keys = Keys::of(rows.iter().map(|(row, _)| *row));
    sqlx::query_file!(
        "queries/upsert_payments.sql",
        now,
        &keys.sources as &[&str],
        &keys.entities as &[&str],
        &keys.external_ids as &[&str],
        &column(rows, |payment| payment.kind.as_str()) as &[&str],
        &column(rows, |payment| payment.status.as_str()) as &[&str],
        &column(rows, |payment| payment.raw_status.as_str()) as &[&str],
        &column(rows, |payment| payment.amount_minor),
        &column(rows, |payment| payment.currency.as_str()) as &[&str],
        &column(rows, |payment| payment.occurred_at),
        &column(rows, |payment| payment.parent_external_id.as_deref()) as &[Option<&str>],
        &column(rows, |payment| payment.customer_external_id.as_deref()) as &[Option<&str>],
        &keys.observed_at,
        &keys.revisions,
        &keys.raw_ids,
        &column(rows, |payment| payment.uncaptured_minor),
        &deleted_at(rows, |payment| payment.deleted) as &[Option<DateTime<Utc>>],
        &column(rows, |payment| payment.withdrawn_minor),
        &column(rows, |payment| payment.customer_email.as_deref()) as &[Option<&str>],
        known == Known::Wrong,
        &column(rows, |payment| payment.capturable_minor),
        &column(rows, |payment| payment.money_moved) as &[Option<bool>],
        &column(rows, |payment| payment.without_payment),
        &column(rows, |payment| payment.claimed_refunded_minor) as &[Option<i64>],
        &column(rows, |payment| payment.claimed_disputed.then_some(true)) as &[Option<bool>],
    )
    .execute(connection)
    .await
    .map(drop)
}
