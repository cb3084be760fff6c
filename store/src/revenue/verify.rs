//! Verifying: what is kept of figures against payments, (`payments`) payments against their raw records, and (`missing`) what
//! the sources said against what is stored.

mod missing;
mod payments;

use buffalo_model::{Difference, FigureDifference, Source};
use chrono::{DateTime, Utc};

use super::settle::SETTLING;
use crate::lock::LOCK_CLASS;
use crate::{Store, StoreError};

pub use missing::{MissingPayment, RawOfPayment};
pub use payments::{PaymentAndRaw, WrongPayment};

/// What to do about what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mending {
    /// Nothing but to tell.
    OnlyTold,
    /// Write it as it should be.
    Done,
}

impl Store {
    /// Compares buckets with payments and days with buckets, of which at most `limit` differences are told; whoever settles
    /// waits meanwhile. To mend them, marks are left, and what they stand for is computed anew.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn verify_buckets(
        &self,
        mending: Mending,
        limit: i64,
    ) -> Result<Vec<FigureDifference>, StoreError> {
        let fail = || self.fail("verify revenue");
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
        let mut tx = self.pool.begin_with(begin).await.map_err(fail())?;
        sqlx::query!("SELECT pg_advisory_xact_lock($1, $2)", LOCK_CLASS, SETTLING)
            .execute(&mut tx)
            .await
            .map_err(fail())?;
        let found =
            sqlx::query_file!("queries/revenue/verify.sql", limit).fetch_all(&mut tx).await.map_err(fail())?;
        if mending == Mending::Done && !found.is_empty() {
            sqlx::query!(
                "WITH wrong AS (SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[], $3::text[])
                                    AS wrong (starts_at, ends_at, source)),
                 days AS (DELETE FROM revenue_days day USING wrong
                          WHERE day.starts_at < wrong.ends_at AND day.ends_at > wrong.starts_at)
                 INSERT INTO revenue_marks (source, quarters)
                 SELECT source, array_agg(DISTINCT starts_at) FROM wrong WHERE ends_at - starts_at = interval '15 minutes'
                 GROUP BY source",
                &found.iter().map(|row| row.starts_at).collect::<Vec<_>>(),
                &found.iter().map(|row| row.ends_at).collect::<Vec<_>>(),
                &found.iter().map(|row| row.source.as_str()).collect::<Vec<_>>() as &[&str],
            )
            .execute(&mut tx)
            .await
            .map_err(fail())?;
        }
        tx.commit().await.map_err(fail())?;
        Ok(found
            .into_iter()
            .map(|row| FigureDifference {
                basis: row.basis,
                difference: Difference {
                    source: Source::new(row.source),
                    currency: row.currency,
                    measure: row.measure,
                    starts_at: row.starts_at,
                    ends_at: row.ends_at,
                    stored: row.stored,
                    expected: row.expected,
                },
            })
            .collect())
    }

    /// Writes down what a verification found: figures over `unmended` are not served from now on, those over what an earlier
    /// one found are again. `found` is added to the count of all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn note_verification(
        &self,
        unmended: &[FigureDifference],
        found: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let fail = || self.fail("write a verification down");
        let text = |pick: fn(&FigureDifference) -> &str| unmended.iter().map(pick).collect::<Vec<&str>>();
        let mut tx = self.pool.begin().await.map_err(fail())?;
        sqlx::query!("UPDATE revenue_proof SET verified_at = $1, drift_total = drift_total + $2", now, found)
            .execute(&mut tx)
            .await
            .map_err(fail())?;
        sqlx::query!("DELETE FROM revenue_drift").execute(&mut tx).await.map_err(fail())?;
        sqlx::query!(
            "INSERT INTO revenue_drift (starts_at, ends_at, source, currency, basis, measure, stored, expected)
             SELECT starts_at, ends_at, source, currency, basis, measure, stored::numeric, expected::numeric
             FROM unnest($1::timestamptz[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[],
                         $7::text[], $8::text[])
                 AS found (starts_at, ends_at, source, currency, basis, measure, stored, expected)
             ON CONFLICT DO NOTHING",
            &unmended.iter().map(|found| found.difference.starts_at).collect::<Vec<_>>(),
            &unmended.iter().map(|found| found.difference.ends_at).collect::<Vec<_>>(),
            &text(|found| found.difference.source.as_str()) as &[&str],
            &text(|found| &found.difference.currency) as &[&str],
            &text(|found| &found.basis) as &[&str],
            &text(|found| &found.difference.measure) as &[&str],
            &text(|found| &found.difference.stored) as &[&str],
            &text(|found| &found.difference.expected) as &[&str],
        )
        .execute(&mut tx)
        .await
        .map_err(fail())?;
        tx.commit().await.map_err(fail())
    }
}
