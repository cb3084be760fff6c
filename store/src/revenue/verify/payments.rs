//! Payments against the raw records that they were made of.

use std::collections::BTreeMap;

use buffalo_model::{Difference, FigureDifference, Normalised, Payment, RecordKey, RunId, Source};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::Mending;
use crate::database::Tx;
use crate::error::classify;
use crate::upsert::gone;
use crate::upsert::payments::{self, Known};
use crate::{ClaimedRow, Store, StoreError};

/// A payment as it is stored, and the raw record that it was made of.
#[derive(Debug)]
pub struct PaymentAndRaw {
    /// The record's state, to be normalised again; none where its raw record was dropped with old history.
    pub raw: Option<ClaimedRow>,
    /// Which record it is.
    pub key: RecordKey,
    /// When it counts, as stored.
    pub occurred_at: DateTime<Utc>,
    /// The stored columns as texts, in the order of [`PaymentAndRaw::COLUMNS`].
    pub stored: [Option<String>; 17],
}

impl PaymentAndRaw {
    /// The columns that are compared.
    pub const COLUMNS: [&'static str; 17] = [
        "kind",
        "status",
        "rawStatus",
        "amountCents",
        "uncapturedCents",
        "withdrawnCents",
        "currency",
        "occurredAt",
        "parentExternalId",
        "customerExternalId",
        "customerEmail",
        "deleted",
        "capturableCents",
        "moneyMoved",
        "withoutPayment",
        "claimedRefundedCents",
        "claimedDisputed",
    ];

    /// What these columns should be for a payment.
    #[must_use]
    pub fn expected(payment: &Payment) -> [Option<String>; 17] {
        [
            Some(payment.kind.as_str().to_owned()),
            Some(payment.status.as_str().to_owned()),
            Some(payment.raw_status.clone()),
            Some(payment.amount_minor.to_string()),
            Some(payment.uncaptured_minor.to_string()),
            Some(payment.withdrawn_minor.to_string()),
            Some(payment.currency.to_string()),
            Some(instant(payment.occurred_at)),
            payment.parent_external_id.clone(),
            payment.customer_external_id.clone(),
            payment.customer_email.clone(),
            Some(payment.deleted.to_string()),
            Some(payment.capturable_minor.to_string()),
            payment.money_moved.map(|moved| moved.to_string()),
            Some(payment.without_payment.to_string()),
            payment.claimed_refunded_minor.map(|amount| amount.to_string()),
            payment.claimed_disputed.then(|| true.to_string()),
        ]
    }

    /// Whether it is stored as gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.stored[11].as_deref() == Some("true")
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A payment that is not what its raw record says, or is missing.
#[derive(Debug)]
pub struct WrongPayment {
    /// The raw record.
    pub raw: ClaimedRow,
    /// When what is stored counts; none where nothing is stored.
    pub stored_at: Option<DateTime<Utc>>,
    /// What it should be.
    pub expected: Normalised,
}

impl Store {
    /// A page of payments after `after` with their raw records, by key, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn payments_and_raw(
        &self,
        after: Option<&RecordKey>,
        limit: i64,
    ) -> Result<Vec<PaymentAndRaw>, StoreError> {
        let rows = sqlx::query_file!(
            "queries/revenue/payments_and_raw.sql",
            after.map_or("", |key| key.source.as_str()),
            after.map_or("", |key| key.entity.as_str()),
            after.map_or("", |key| key.external_id.as_str()),
            limit,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("read payments with their raw records"))?;
        rows.into_iter()
            .map(|row| {
                let unreadable =
                    |error| StoreError::Unreadable { table: "payments", what: format!("{error}") };
                let key = RecordKey {
                    source: Source::new(row.source),
                    entity: row.entity.parse().map_err(unreadable)?,
                    external_id: row.external_id,
                };
                let raw = row.payload.zip(row.run_id).map(|(payload, run_id)| ClaimedRow {
                    raw_id: row.raw_id,
                    key: key.clone(),
                    revision: row.revision,
                    observed_at: row.observed_at,
                    attempts: 0,
                    last_error: None,
                    run_id: RunId(run_id),
                    api_version: row.api_version,
                    context: row.context,
                    payload,
                });
                let stored = [
                    Some(row.kind),
                    Some(row.status),
                    Some(row.raw_status),
                    Some(row.amount_minor.to_string()),
                    Some(row.uncaptured_minor.to_string()),
                    Some(row.withdrawn_minor.to_string()),
                    Some(row.currency),
                    Some(instant(row.occurred_at)),
                    row.parent_external_id,
                    row.customer_external_id,
                    row.customer_email,
                    Some(row.deleted.to_string()),
                    Some(row.capturable_minor.to_string()),
                    row.money_moved.map(|moved| moved.to_string()),
                    Some(row.without_payment.to_string()),
                    row.claimed_refunded_minor.map(|amount| amount.to_string()),
                    row.claimed_disputed.map(|disputed| disputed.to_string()),
                ];
                Ok(PaymentAndRaw { raw, key, occurred_at: row.occurred_at, stored })
            })
            .collect()
    }

    /// Writes payments as their raw records say, tells which figures that changes and how, and undoes it unless they are to
    /// be mended. What was changed meanwhile by somebody else stays as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn correct_payments(
        &self,
        wrong: &[WrongPayment],
        mending: Mending,
        now: DateTime<Utc>,
    ) -> Result<Vec<FigureDifference>, StoreError> {
        let fail = || self.fail("correct payments");
        let mut sources = Vec::new();
        let mut places = Vec::new();
        for wrong in wrong {
            let expected = match &wrong.expected {
                Normalised::Payment(payment) => Some(payment.occurred_at),
                _ => None,
            };
            for place in [wrong.stored_at, expected].into_iter().flatten() {
                sources.push(wrong.raw.key.source.as_str());
                places.push(place);
            }
        }
        let mut tx = self.pool.begin().await.map_err(fail())?;
        let before = self.figures_of(&mut tx, &sources, &places).await?;
        let (mut rows, mut gone) = (Vec::new(), Vec::new());
        for wrong in wrong {
            let raw = &wrong.raw;
            match &wrong.expected {
                Normalised::Payment(payment) => rows.push((raw, payment)),
                _ => {
                    gone.push(raw);
                    sqlx::query!(
                        "UPDATE payments SET deleted_at = coalesce(deleted_at, observed_at), updated_at = $5
                         WHERE source = $1 AND entity = $2 AND external_id = $3 AND revision = $4",
                        raw.key.source.as_str(),
                        raw.key.entity.as_str(),
                        raw.key.external_id,
                        raw.revision,
                        now,
                    )
                    .execute(&mut tx)
                    .await
                    .map_err(fail())?;
                }
            }
        }
        payments::upsert(&mut tx, &rows, now, Known::Wrong).await.map_err(fail())?;
        gone::upsert(&mut tx, &gone, now).await.map_err(fail())?;
        let after = self.figures_of(&mut tx, &sources, &places).await?;
        match mending {
            Mending::Done => tx.commit().await.map_err(fail())?,
            Mending::OnlyTold => tx.rollback().await.map_err(fail())?,
        }
        Ok(differences(before, after))
    }

    async fn figures_of(
        &self,
        tx: &mut Tx<'_>,
        sources: &[&str],
        places: &[DateTime<Utc>],
    ) -> Result<Sums, StoreError> {
        let rows = sqlx::query_file!("queries/revenue/figures_of.sql", sources as &[&str], places)
            .fetch_all(tx)
            .await
            .map_err(|error| classify(&self.server, "compute figures", error))?;
        let keyed = rows
            .into_iter()
            .map(|row| ((row.starts_at, row.source, row.currency, row.basis, row.measure), row.amount));
        Ok(keyed.collect())
    }
}

type Sums = BTreeMap<(DateTime<Utc>, String, String, String, String), String>;

fn differences(before: Sums, mut after: Sums) -> Vec<FigureDifference> {
    let nothing = || "0".to_owned();
    let mut pairs: Vec<_> = before
        .into_iter()
        .map(|(place, stored)| {
            let expected = after.remove(&place).unwrap_or_else(nothing);
            (place, stored, expected)
        })
        .collect();
    pairs.extend(after.into_iter().map(|(place, expected)| (place, nothing(), expected)));
    pairs
        .into_iter()
        .filter(|(_, stored, expected)| stored != expected)
        .map(|((starts_at, source, currency, basis, measure), stored, expected)| FigureDifference {
            basis,
            difference: Difference {
                source: Source::new(source),
                currency,
                measure,
                starts_at,
                ends_at: starts_at + TimeDelta::minutes(15),
                stored,
                expected,
            },
        })
        .collect()
}
