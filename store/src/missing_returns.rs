//! Sales that say that money went back, of which no refund or dispute is stored.

use buffalo_model::{Entity, Normalised, PaymentKind, Source};
use chrono::{DateTime, Utc};

use crate::error::classify;
use crate::{ClaimedBatch, Store, StoreError, UpsertRow};

/// Sales whose returns a run asks for.
const MAX_A_RUN: i64 = 100;

/// How often the returns of a sale are asked for until it changes. A source that contradicts itself is not asked for ever.
const MAX_ASKS: i32 = 5;

impl ClaimedBatch {
    /// Notes which sales contradict their returns, of those that claim something and those that a return belongs to. In a
    /// batch that has neither there is nothing to look at.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub(crate) async fn note_missing_returns(
        &mut self,
        upserts: &[UpsertRow],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (mut sources, mut entities, mut external_ids, mut are_new) = (vec![], vec![], vec![], vec![]);
        for upsert in upserts {
            let Normalised::Payment(payment) = &upsert.value else { continue };
            let key = &self.rows[upsert.row].key;
            let (sale, is_new) = match payment.kind {
                PaymentKind::Refund | PaymentKind::Dispute => (payment.parent_external_id.as_deref(), false),
                _ if payment.claimed_disputed || payment.claimed_refunded_minor.is_some() => {
                    (Some(key.external_id.as_str()), true)
                }
                _ => continue,
            };
            let Some(sale) = sale else { continue };
            sources.push(key.source.as_str());
            entities.push(key.entity.as_str());
            external_ids.push(sale);
            are_new.push(is_new);
        }
        if external_ids.is_empty() {
            return Ok(());
        }
        sqlx::query_file!(
            "queries/note_missing_returns.sql",
            &sources as &[&str],
            &entities as &[&str],
            &external_ids as &[&str],
            &are_new,
            now,
        )
        .execute(&mut self.tx)
        .await
        .map(drop)
        .map_err(|error| classify(&self.server, "look for missing refunds and disputes", error))
    }
}

impl Store {
    /// Requests the refunds and disputes of sales that say that there are some, and are stored without.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn ask_for_missing_returns(
        &self,
        source: &Source,
        entity: Entity,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query_file!(
            "queries/ask_for_missing_returns.sql",
            source.as_str(),
            entity.as_str(),
            MAX_A_RUN,
            now,
            MAX_ASKS,
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("ask for missing refunds and disputes"))?;
        Ok(())
    }
}
