//! Documents about payments that are likely one sale, as the command line prints them and HTTP gives them.

use std::collections::BTreeMap;

use buffalo_model::{Certainty, Currency, Decision, DecisionId, Doubt, Overlap, OverlapQuery, Sale, Verdict};
use buffalo_store::{Decisions, Store, StoreError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// Pairs of payments that are likely one sale.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverlapList {
    /// The surest first, then the newest. No payment is in two pairs.
    pub(crate) overlaps: Vec<OverlapDocument>,
    /// How many there are, those that are not listed included.
    #[schema(example = 1)]
    pub(crate) count: usize,
    /// What they add up to: what is counted twice if each pair is one sale.
    pub(crate) totals: Vec<OverlapTotal>,
    /// Decisions in force whose sale may be counted nowhere now.
    pub(crate) doubtful: Vec<DecisionDocument>,
}

/// Two payments that are likely one sale.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverlapDocument {
    /// How sure that is.
    pub(crate) certainty: Certainty,
    /// The currency of both.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "USD")]
    pub(crate) currency: Currency,
    /// The amount of each, in minor units.
    #[schema(pattern = "^[0-9]+$", example = "9900")]
    pub(crate) amount_cents: String,
    /// The time between them in whole days of 24 hours.
    #[schema(example = 2)]
    pub(crate) days_apart: i64,
    /// Whether both have the same e-mail address.
    pub(crate) same_email: bool,
    /// Whether both have the same id of the customer.
    pub(crate) same_customer: bool,
    /// Of as many payments of one source each would fit the other: 1 where there is no other choice.
    #[schema(example = 1)]
    pub(crate) fitting: usize,
    /// The same in words.
    #[schema(example = "same amount, 2 days apart; no other payment fits")]
    pub(crate) explanation: String,
    /// The two, by source and id.
    pub(crate) payments: Vec<OverlapPayment>,
}

/// A payment of a pair.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverlapPayment {
    /// Its source and its id there, as the command line takes it.
    #[schema(example = "hubspot:31415")]
    pub(crate) payment: String,
    /// Its source.
    #[schema(example = "hubspot")]
    pub(crate) source: String,
    /// The vendor's id.
    #[schema(example = "31415")]
    pub(crate) external_id: String,
    /// What its source calls it.
    #[schema(example = "deal")]
    pub(crate) kind: String,
    /// When it happened.
    pub(crate) occurred_at: DateTime<Utc>,
}

/// Pairs of one currency and certainty.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverlapTotal {
    /// The currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "USD")]
    pub(crate) currency: Currency,
    /// How sure they are.
    pub(crate) certainty: Certainty,
    /// How many.
    #[schema(example = 1)]
    pub(crate) count: usize,
    /// What one side of them adds up to, in minor units.
    #[schema(value_type = String, pattern = "^[0-9]+$", example = "9900")]
    #[serde(serialize_with = "as_text")]
    pub(crate) amount_cents: i128,
}

/// A decision about two payments.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecisionDocument {
    /// Its id.
    pub(crate) id: DecisionId,
    /// What was decided: one is left out, or both are counted.
    pub(crate) verdict: Verdict,
    /// The payment that is left out; one of the two where both are counted.
    #[schema(example = "hubspot:31415")]
    pub(crate) payment: String,
    /// The payment that is counted in its place; the other one where both are counted.
    #[schema(example = "stripe:ch_3Nk")]
    pub(crate) other: String,
    /// Why.
    pub(crate) reason: String,
    /// By whom.
    pub(crate) decided_by: String,
    /// When.
    pub(crate) decided_at: DateTime<Utc>,
    /// By whom it was revoked.
    pub(crate) revoked_by: Option<String>,
    /// When it was revoked; null while it is in force.
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    /// Why it should be looked at again; null where nothing speaks against it.
    pub(crate) doubt: Option<Doubt>,
}

fn as_text<S: serde::Serializer>(amount: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

impl OverlapList {
    /// Finds pairs, and decisions that should be looked at again.
    pub(crate) async fn find(store: &Store, query: &OverlapQuery, limit: usize) -> Result<Self, StoreError> {
        let found = store.find_overlaps(query).await?;
        let doubtful = store.list_decisions(Decisions::Doubtful, query.counted.as_ref()).await?;
        let doubtful = doubtful.into_iter().map(DecisionDocument::from).collect();
        Ok(Self { doubtful, ..Self::of(&found, limit) })
    }

    /// A list of these pairs.
    pub(crate) fn of(found: &[Overlap], limit: usize) -> Self {
        let mut totals: BTreeMap<(Certainty, Currency), (usize, i128)> = BTreeMap::new();
        for overlap in found {
            let sale = &overlap.payments[0];
            let total = totals.entry((overlap.certainty(), sale.currency)).or_default();
            *total = (total.0 + 1, total.1 + i128::from(sale.amount_minor));
        }
        let total = |((certainty, currency), (count, amount_cents))| OverlapTotal {
            currency,
            certainty,
            count,
            amount_cents,
        };
        Self {
            overlaps: found.iter().take(limit).map(OverlapDocument::from).collect(),
            count: found.len(),
            totals: totals.into_iter().map(total).collect(),
            doubtful: Vec::new(),
        }
    }
}

impl From<&Overlap> for OverlapDocument {
    fn from(overlap: &Overlap) -> Self {
        let sale = &overlap.payments[0];
        Self {
            certainty: overlap.certainty(),
            currency: sale.currency,
            amount_cents: sale.amount_minor.to_string(),
            days_apart: overlap.days_apart(),
            same_email: overlap.has_same_email(),
            same_customer: overlap.has_same_customer(),
            fitting: overlap.fitting,
            explanation: overlap.to_string(),
            payments: overlap.payments.iter().map(OverlapPayment::from).collect(),
        }
    }
}

impl From<&Sale> for OverlapPayment {
    fn from(sale: &Sale) -> Self {
        Self {
            payment: sale.key.to_string(),
            source: sale.key.source.to_string(),
            external_id: sale.key.external_id.clone(),
            kind: sale.kind.clone(),
            occurred_at: sale.occurred_at,
        }
    }
}

impl From<Decision> for DecisionDocument {
    fn from(decision: Decision) -> Self {
        Self {
            id: decision.id,
            verdict: decision.verdict,
            payment: decision.payment.to_string(),
            other: decision.other.to_string(),
            reason: decision.reason,
            decided_by: decision.decided_by,
            decided_at: decision.decided_at,
            revoked_by: decision.revoked_by,
            revoked_at: decision.revoked_at,
            doubt: decision.doubt,
        }
    }
}
