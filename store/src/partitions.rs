//! The partitions of the raw history: which there are, and what lies in them.

mod change;

use buffalo_model::{Span, Week};

pub use change::Dropping;

use crate::{Store, StoreError};

/// A partition of `raw_records` other than the default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// What it covers.
    pub span: Span,
    /// About how many rows it has; none when PostgreSQL has never estimated it.
    pub estimated_rows: Option<i64>,
    /// Its size with indexes, in bytes.
    pub bytes: i64,
}

impl Partition {
    /// Whether its name is the one that Buffalo gives to what it covers. Others are somebody's own and left alone.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        partition_name(self.span).as_ref() == Some(&self.name)
    }
}

/// The name of the partition that covers a span, made of dates alone: a week's, or that of everything before a week. None
/// for any other span.
#[must_use]
pub fn partition_name(span: Span) -> Option<String> {
    match span.from {
        None => Some(format!("raw_records_before_{}", span.to.format("%Y%m%d"))),
        Some(monday) => span.week().map(|_| format!("raw_records_{}", monday.format("%Y%m%d"))),
    }
}

impl Store {
    /// The partitions of the raw history without the default one, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn partitions(&self) -> Result<Vec<Partition>, StoreError> {
        let rows = sqlx::query_file!("queries/partitions.sql")
            .fetch_all(&self.pool)
            .await
            .map_err(self.fail("list partitions"))?;
        let mut partitions = Vec::with_capacity(rows.len());
        for row in rows {
            partitions.push(Partition {
                name: row.name,
                span: Span { from: row.begins_at, to: row.ends_at },
                estimated_rows: row.estimated_rows,
                bytes: row.bytes,
            });
        }
        Ok(partitions)
    }

    /// Whether raw records lie in the default partition, because there was no other for them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn default_holds_rows(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM raw_records_default) AS "any!""#)
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("look into the default partition"))
    }

    /// The weeks of which rows lie in the default partition, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn stray_weeks(&self) -> Result<Vec<Week>, StoreError> {
        let mut weeks: Vec<Week> = Vec::new();
        // A probe of the index for each week, however many rows there are.
        loop {
            let after = weeks.last().map(|week| week.span().to);
            let oldest = sqlx::query_scalar!(
                "SELECT min(fetched_at) FROM raw_records_default WHERE fetched_at >= coalesce($1::timestamptz, '-infinity')",
                after,
            )
            .fetch_one(&self.pool)
            .await
            .map_err(self.fail("look into the default partition"))?;
            match oldest {
                Some(oldest) => weeks.push(Week::of(oldest)),
                None => return Ok(weeks),
            }
        }
    }

    /// How many rows of a week lie in the default partition.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn stray_rows(&self, week: Week) -> Result<i64, StoreError> {
        let span = week.span();
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "rows!" FROM raw_records_default WHERE fetched_at >= $1 AND fetched_at < $2"#,
            span.from,
            span.to,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(self.fail("count rows of the default partition"))
    }

    /// How many rows of the outbox have their raw record in this span.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn waiting_rows(&self, span: Span) -> Result<i64, StoreError> {
        sqlx::query_scalar!(
            r#"SELECT count(*) AS "rows!" FROM ingest_outbox
               WHERE enqueued_at >= coalesce($1::timestamptz, '-infinity') AND enqueued_at < $2"#,
            span.from,
            span.to,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(self.fail("count waiting rows"))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    #[test]
    fn names_are_made_of_dates_and_only_for_what_is_made_here() {
        let at = |time: &str| -> DateTime<Utc> { time.parse().unwrap() };
        let span = Week::of(at("2027-01-01T00:00:00Z")).span();
        assert_eq!(partition_name(span).unwrap(), "raw_records_20261228");
        assert_eq!(partition_name(Span { from: None, ..span }).unwrap(), "raw_records_before_20270104");
        assert_eq!(partition_name(Span { to: at("2027-01-05T00:00:00Z"), ..span }), None);
    }
}
