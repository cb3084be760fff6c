//! What happened on a day, beside the money.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::{Store, StoreError};

/// Runs of one mode on one entity that began on the day and came to the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTally {
    /// The source, or `all`.
    pub source: String,
    /// The entity, or `all`.
    pub entity: String,
    /// How they stand.
    pub status: String,
    /// How many.
    pub count: i64,
}

/// What happened on a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayCounts {
    /// The runs that began on it, but for skipped ones.
    pub runs: Vec<RunTally>,
    /// Dead letters that came about on it and are still there, by source.
    pub dead_letters: Vec<(String, i64)>,
}

impl Store {
    /// Counts what happened on a day that begins and ends at midnight in `timezone`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn day_counts(&self, day: NaiveDate, timezone: Tz) -> Result<DayCounts, StoreError> {
        let runs = sqlx::query_as!(
            RunTally,
            r#"SELECT source, entity, status, count(*) AS "count!" FROM sync_runs
               WHERE started_at >= ($1::date)::timestamp AT TIME ZONE $2
                 AND started_at < ($1::date + 1)::timestamp AT TIME ZONE $2 AND status <> 'skipped'
               GROUP BY source, entity, status ORDER BY source, entity, status"#,
            day,
            timezone.name(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("count the runs of a day"))?;
        let dead_letters = sqlx::query!(
            r#"SELECT source, count(*) AS "count!" FROM dead_letters
               WHERE dead_at >= ($1::date)::timestamp AT TIME ZONE $2
                 AND dead_at < ($1::date + 1)::timestamp AT TIME ZONE $2
               GROUP BY source ORDER BY source"#,
            day,
            timezone.name(),
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("count the dead letters of a day"))?;
        Ok(DayCounts {
            runs,
            dead_letters: dead_letters.into_iter().map(|row| (row.source, row.count)).collect(),
        })
    }
}
