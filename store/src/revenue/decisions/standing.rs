//! What speaks against a decision: what the payments are now, and other decisions.

use buffalo_model::{DecisionId, PaymentKey, Source};

use super::DecisionError;
use crate::Store;
use crate::database::Tx;

/// What is known of a payment before something is decided about it.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) key: PaymentKey,
    is_stored: bool,
    is_collected: bool,
    /// The decision by which it is left out, and what is counted for it.
    pub(super) excluded: Option<(DecisionId, PaymentKey)>,
    /// A decision by which it is counted in the place of another.
    counted: Option<DecisionId>,
}

impl Standing {
    pub(super) fn is_there(&self) -> Result<(), DecisionError> {
        if self.is_stored { Ok(()) } else { Err(DecisionError::Missing(self.key.clone())) }
    }

    /// Whether it may be counted in the place of another.
    pub(super) fn may_be_counted(&self) -> Result<(), DecisionError> {
        self.is_there()?;
        match &self.excluded {
            Some((id, counted)) => {
                let (key, counted) = (self.key.clone(), counted.clone());
                Err(DecisionError::AlreadyExcluded { key, counted, id: *id })
            }
            None if !self.is_collected => Err(DecisionError::NotCollected(self.key.clone())),
            None => Ok(()),
        }
    }

    /// Whether it may be left out.
    pub(super) fn may_be_excluded(&self) -> Result<(), DecisionError> {
        self.may_be_counted()?;
        match self.counted {
            Some(id) => Err(DecisionError::Counted { key: self.key.clone(), id }),
            None => Ok(()),
        }
    }
}

impl Store {
    /// What is known of two payments, which must not be the same.
    pub(super) async fn standing_in_tx(
        &self,
        tx: &mut Tx<'_>,
        keys: [&PaymentKey; 2],
    ) -> Result<[Standing; 2], DecisionError> {
        if keys[0] == keys[1] {
            return Err(DecisionError::Same(keys[0].clone()));
        }
        let rows = sqlx::query_file!(
            "queries/revenue/standing.sql",
            &keys.map(|key| key.source.as_str()) as &[&str],
            &keys.map(|key| key.external_id.as_str()) as &[&str],
        )
        .fetch_all(tx)
        .await
        .map_err(self.fail("look at payments"))?;
        let mut rows = rows.into_iter();
        Ok(keys.map(|key| {
            let row = rows.next();
            let excluded = row.as_ref().and_then(|row| {
                let source = Source::new(row.counted_source.clone()?);
                let counted = PaymentKey { source, external_id: row.counted_external_id.clone()? };
                Some((DecisionId(row.excluded_by?), counted))
            });
            Standing {
                key: key.clone(),
                is_stored: row.as_ref().is_some_and(|row| row.is_stored),
                is_collected: row.as_ref().and_then(|row| row.measure.as_deref()) == Some("collected"),
                excluded,
                counted: row.and_then(|row| row.counted_by).map(DecisionId),
            }
        }))
    }

    /// The decision in force that two payments are two sales.
    pub(super) async fn distinct_in_tx(
        &self,
        tx: &mut Tx<'_>,
        one: &PaymentKey,
        other: &PaymentKey,
    ) -> Result<Option<DecisionId>, DecisionError> {
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        let found = sqlx::query_scalar!(
            "SELECT id FROM revenue_distinct_pairs
             WHERE (source, entity, external_id) = ($1, 'payments', $2)
               AND (other_source, other_entity, other_external_id) = ($3, 'payments', $4) AND revoked_at IS NULL",
            first.source.as_str(),
            first.external_id,
            second.source.as_str(),
            second.external_id,
        )
        .fetch_optional(tx)
        .await
        .map_err(self.fail("look at decisions"))?;
        Ok(found.map(DecisionId))
    }
}
