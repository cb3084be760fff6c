//! Listing decisions, and which of them should be looked at again.

use std::collections::BTreeSet;

use buffalo_model::{Decision, DecisionId, Doubt, PaymentKey, Source, Verdict};

use crate::{Store, StoreError};

/// Which decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decisions {
    /// Those in force.
    InForce,
    /// Those that were revoked as well.
    All,
    /// Those in force whose sale may be counted nowhere now.
    Doubtful,
}

impl Store {
    /// Decisions, the newest first; `counted` are the sources that count, none for all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn list_decisions(
        &self,
        which: Decisions,
        counted: Option<&BTreeSet<Source>>,
    ) -> Result<Vec<Decision>, StoreError> {
        let counted: Option<Vec<&str>> = counted.map(|sources| sources.iter().map(Source::as_str).collect());
        let which = match which {
            Decisions::InForce => "in force",
            Decisions::All => "all",
            Decisions::Doubtful => "doubtful",
        };
        let rows =
            sqlx::query_file!("queries/revenue/decisions.sql", which, counted.as_deref() as Option<&[&str]>,)
                .fetch_all(&self.pool)
                .await
                .map_err(self.fail("list decisions"))?;
        let key = |source: String, external_id| PaymentKey { source: Source::new(source), external_id };
        Ok(rows
            .into_iter()
            .map(|row| Decision {
                id: DecisionId(row.id),
                verdict: if row.verdict == "excluded" { Verdict::Excluded } else { Verdict::Distinct },
                payment: key(row.source, row.external_id),
                other: key(row.other_source, row.other_external_id),
                reason: row.reason,
                decided_by: row.decided_by,
                decided_at: row.decided_at,
                revoked_by: row.revoked_by,
                doubt: match row.revoked_at {
                    None if !row.counted_is_collected => Some(Doubt::CountedPaymentNotCollected),
                    None if !row.source_counts => Some(Doubt::CountedSourceNotCounted),
                    _ => None,
                },
                revoked_at: row.revoked_at,
            })
            .collect())
    }
}
