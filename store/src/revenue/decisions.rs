//! Deciding about payments that look like one sale: one is left out, or both are counted after all.
//!
//! One decision at a time, under a lock: each is checked against all others, also those that two people make at once. They
//! are made by people, so nobody waits long.

mod error;
mod list;
mod standing;

use std::borrow::Cow;

use buffalo_model::{
    Certainty, DecisionId, MAX_REASON_BYTES, Overlap, OverlapQuery, PaymentKey, Source, storable,
};
use chrono::{DateTime, Utc};

use crate::database::Tx;
use crate::lock::LOCK_CLASS;
use crate::{Store, StoreError};

pub use error::DecisionError;
pub use list::Decisions;

/// As for finding pairs, which may be part of it.
const BEGIN: &str = "BEGIN; SET LOCAL plan_cache_mode = force_custom_plan";

/// The lock of who decides.
const DECIDING: i32 = 2;

/// Who decides, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The person.
    pub by: String,
    /// The reason in the person's words; none: what made the payments a pair.
    pub reason: Option<String>,
    /// The time.
    pub at: DateTime<Utc>,
}

/// Whether what is decided is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commitment {
    /// It is.
    Keep,
    /// It is only tried.
    DryRun,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It is in force from now on.
    New(DecisionId),
    /// The same was decided before.
    Before(DecisionId),
}

impl Store {
    /// Leaves `excluded` out of revenue, because `counted` stands for the same sale.
    ///
    /// # Errors
    ///
    /// [`DecisionError`]: where one of them is not a collected sale, or other decisions are against it.
    pub async fn exclude_payment(
        &self,
        excluded: &PaymentKey,
        counted: &PaymentKey,
        judgement: &Judgement,
        commitment: Commitment,
    ) -> Result<Decided, DecisionError> {
        let mut tx = self.begin_deciding().await?;
        let [of_excluded, of_counted] = self.standing_in_tx(&mut tx, [excluded, counted]).await?;
        if let Some((id, for_whom)) = &of_excluded.excluded {
            return if for_whom == counted {
                Ok(Decided::Before(*id))
            } else {
                Err(DecisionError::AlreadyExcluded {
                    key: excluded.clone(),
                    counted: for_whom.clone(),
                    id: *id,
                })
            };
        }
        of_counted.may_be_counted()?;
        of_excluded.may_be_excluded()?;
        if let Some(id) = self.distinct_in_tx(&mut tx, excluded, counted).await? {
            return Err(DecisionError::Distinct { one: excluded.clone(), other: counted.clone(), id });
        }
        let reason = judgement.reason.clone().unwrap_or_else(|| "the same sale".to_owned());
        let ids = self.insert_exclusions_in_tx(&mut tx, &[(excluded, counted, reason)], judgement).await?;
        self.end(tx, commitment).await?;
        Ok(Decided::New(ids[0]))
    }

    /// Leaves the payment of `excluded` out of every pair that is found, if it is so sure at least; returns these pairs.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn exclude_overlaps(
        &self,
        query: &OverlapQuery,
        excluded: &Source,
        at_least: Certainty,
        judgement: &Judgement,
        commitment: Commitment,
    ) -> Result<Vec<Overlap>, StoreError> {
        let mut tx = self.begin_deciding().await?;
        let mut found = self.find_overlaps_in_tx(&mut tx, query).await?;
        found.retain(|overlap| {
            overlap.certainty() <= at_least
                && overlap.payments.iter().any(|sale| sale.key.source == *excluded)
        });
        let decisions: Vec<_> = found
            .iter()
            .map(|overlap| {
                let [one, other] = &overlap.payments;
                let (left_out, counted) =
                    if one.key.source == *excluded { (one, other) } else { (other, one) };
                let reason = judgement.reason.clone().unwrap_or_else(|| overlap.to_string());
                (&left_out.key, &counted.key, reason)
            })
            .collect();
        self.insert_exclusions_in_tx(&mut tx, &decisions, judgement).await?;
        self.end(tx, commitment).await?;
        Ok(found)
    }

    /// Says that two payments are two sales, so that they are not found as a pair again.
    ///
    /// # Errors
    ///
    /// [`DecisionError`]: where one of them is not there, or is left out because of the other.
    pub async fn call_distinct(
        &self,
        one: &PaymentKey,
        other: &PaymentKey,
        judgement: &Judgement,
    ) -> Result<Decided, DecisionError> {
        let mut tx = self.begin_deciding().await?;
        let standing = self.standing_in_tx(&mut tx, [one, other]).await?;
        for (of_one, partner) in standing.iter().zip([other, one]) {
            of_one.is_there()?;
            if let Some((id, counted)) = &of_one.excluded
                && counted == partner
            {
                let key = of_one.key.clone();
                return Err(DecisionError::AlreadyExcluded { key, counted: counted.clone(), id: *id });
            }
        }
        if let Some(id) = self.distinct_in_tx(&mut tx, one, other).await? {
            return Ok(Decided::Before(id));
        }
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        let id = DecisionId::generate();
        let reason = judgement.reason.as_deref().unwrap_or("two sales");
        sqlx::query!(
            "INSERT INTO revenue_distinct_pairs (id, source, entity, external_id, other_source, other_entity,
                                                 other_external_id, reason, decided_by, decided_at)
             VALUES ($1, $2, 'payments', $3, $4, 'payments', $5, $6, $7, $8)",
            id.0,
            first.source.as_str(),
            first.external_id,
            second.source.as_str(),
            second.external_id,
            &*storable(reason, MAX_REASON_BYTES),
            judgement.by,
            judgement.at,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail("keep a decision"))?;
        self.end(tx, Commitment::Keep).await?;
        Ok(Decided::New(id))
    }

    /// Takes a decision back, so that things are as if it had not been made.
    ///
    /// # Errors
    ///
    /// [`DecisionError::Unknown`] where there is no such decision, or it was revoked before.
    pub async fn revoke_decision(&self, id: DecisionId, judgement: &Judgement) -> Result<(), DecisionError> {
        let mut tx = self.begin_deciding().await?;
        let done = sqlx::query!(
            "WITH exclusion AS (UPDATE revenue_exclusions SET revoked_by = $2, revoked_at = $3
                                WHERE id = $1 AND revoked_at IS NULL RETURNING id),
                  distinct_pair AS (UPDATE revenue_distinct_pairs SET revoked_by = $2, revoked_at = $3
                                    WHERE id = $1 AND revoked_at IS NULL RETURNING id)
             SELECT id FROM exclusion UNION ALL SELECT id FROM distinct_pair",
            id.0,
            judgement.by,
            judgement.at,
        )
        .fetch_optional(&mut tx)
        .await
        .map_err(self.fail("revoke a decision"))?;
        done.ok_or(DecisionError::Unknown(id))?;
        self.end(tx, Commitment::Keep).await?;
        Ok(())
    }

    async fn begin_deciding(&self) -> Result<Tx<'static>, StoreError> {
        let fail = || self.fail("begin to decide");
        let mut tx = self.pool.begin_with(BEGIN).await.map_err(fail())?;
        sqlx::query!("SELECT pg_advisory_xact_lock($1, $2)", LOCK_CLASS, DECIDING)
            .execute(&mut tx)
            .await
            .map_err(fail())?;
        Ok(tx)
    }

    async fn end(&self, tx: Tx<'static>, commitment: Commitment) -> Result<(), StoreError> {
        let ended = match commitment {
            Commitment::Keep => tx.commit().await,
            Commitment::DryRun => tx.rollback().await,
        };
        ended.map_err(self.fail("keep a decision"))
    }

    /// Writes decisions, each with its reason; returns their ids in the same order.
    async fn insert_exclusions_in_tx(
        &self,
        tx: &mut Tx<'_>,
        decisions: &[(&PaymentKey, &PaymentKey, String)],
        judgement: &Judgement,
    ) -> Result<Vec<DecisionId>, StoreError> {
        let ids: Vec<_> = decisions.iter().map(|_| DecisionId::generate()).collect();
        let sources: Vec<&str> = decisions.iter().map(|(left_out, ..)| left_out.source.as_str()).collect();
        let keys: Vec<&str> = decisions.iter().map(|(left_out, ..)| left_out.external_id.as_str()).collect();
        let of_counted: Vec<&str> = decisions.iter().map(|(_, counted, _)| counted.source.as_str()).collect();
        let counted: Vec<&str> =
            decisions.iter().map(|(_, counted, _)| counted.external_id.as_str()).collect();
        let reasons: Vec<_> =
            decisions.iter().map(|(.., reason)| storable(reason, MAX_REASON_BYTES)).collect();
        sqlx::query!(
            "INSERT INTO revenue_exclusions (id, source, entity, external_id, counted_source, counted_entity,
                                             counted_external_id, reason, decided_by, decided_at)
             SELECT id, source, 'payments', external_id, counted_source, 'payments', counted_external_id, reason, $7, $8
             FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS decided (id, source, external_id, counted_source, counted_external_id, reason)",
            &ids.iter().map(|id| id.0).collect::<Vec<_>>(),
            &sources as &[&str],
            &keys as &[&str],
            &of_counted as &[&str],
            &counted as &[&str],
            &reasons as &[Cow<'_, str>],
            judgement.by,
            judgement.at,
        )
        .execute(tx)
        .await
        .map_err(self.fail("keep decisions"))?;
        Ok(ids)
    }
}
