//! The daily summary: what a day brought, written down once and sent like any notification.

mod html;
mod text;

use std::collections::BTreeSet;

use buffalo_model::{Clock, Currency, Figures, Granularity, Revenue, RevenueQuery, Source, midnight};
use buffalo_store::{CursorRow, DayCounts, NewSummary, Store, StoreError, UnmappedStatus};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;

/// The most days that are caught up: who was away for longer reads the figures themselves.
const MOST_CAUGHT_UP: u64 = 7;

/// The most unknown statuses that a summary lists.
const MOST_UNMAPPED: i64 = 10;

/// Makes summaries of days that begin and end at midnight in `timezone`.
pub struct Summaries<'a> {
    /// Where everything is.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// The zone of days (`REPORTING_TIMEZONE`).
    pub timezone: Tz,
    /// The currency of the figures (`REPORTING_CURRENCY`).
    pub currency: Currency,
    /// The sources whose freshness is told even when nothing was ever fetched from them.
    pub sources: &'a [Source],
    /// The sources that count (`REVENUE_SOURCES`); none: all.
    pub counted: Option<BTreeSet<Source>>,
}

/// What a day brought.
#[derive(Debug, Clone, PartialEq)]
pub struct DailySummary {
    /// The day.
    pub day: NaiveDate,
    /// When it ended.
    pub ends_at: DateTime<Utc>,
    /// Its revenue.
    pub revenue: Revenue,
    /// The revenue of the day before, in the same currency.
    pub day_before: Figures,
    /// The revenue of the same weekday a week before, in the same currency.
    pub week_before: Figures,
    /// Its runs and dead letters.
    pub counts: DayCounts,
    /// Statuses that Buffalo does not know, as of now.
    pub unmapped: Vec<UnmappedStatus>,
    /// How far each source was fetched, as of now.
    pub cursors: Vec<CursorRow>,
}

impl Summaries<'_> {
    /// The last day that is over.
    #[must_use]
    pub fn yesterday(&self) -> NaiveDate {
        self.clock.now().with_timezone(&self.timezone).date_naive() - Days::new(1)
    }

    /// Sums up a day.
    ///
    /// # Errors
    ///
    /// [`StoreError::Drift`] where the figures can't be proved; [`StoreError::Unreachable`] and its like.
    pub async fn of(&self, day: NaiveDate) -> Result<DailySummary, StoreError> {
        Ok(DailySummary {
            day,
            ends_at: midnight(day + Days::new(1), self.timezone),
            revenue: self.revenue(day).await?,
            day_before: self.revenue(day - Days::new(1)).await?.total,
            week_before: self.revenue(day - Days::new(7)).await?.total,
            counts: self.store.day_counts(day, self.timezone).await?,
            unmapped: self.store.unmapped_statuses(MOST_UNMAPPED).await?,
            cursors: self.store.list_cursors().await?,
        })
    }

    /// Writes the summaries of the days that have none since the last that has one, of yesterday alone the first time.
    /// Returns the days that were written now; two callers never write the same.
    ///
    /// # Errors
    ///
    /// As [`Summaries::of`]; days that were written before the error stay written.
    pub async fn catch_up(&self) -> Result<Vec<NaiveDate>, StoreError> {
        let yesterday = self.yesterday();
        let earliest = yesterday - Days::new(MOST_CAUGHT_UP - 1);
        let mut day = match self.store.last_summary().await? {
            Some(last) => (last + Days::new(1)).max(earliest),
            None => yesterday,
        };
        let mut written = Vec::new();
        while day <= yesterday {
            if self.write(&self.of(day).await?).await? {
                written.push(day);
            }
            day = day + Days::new(1);
        }
        Ok(written)
    }

    /// Writes a summary as a notification to be sent; false when that day has one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn write(&self, summary: &DailySummary) -> Result<bool, StoreError> {
        let new = NewSummary {
            day: summary.day,
            subject: &summary.subject(),
            text: &summary.text(),
            html: &summary.html(),
        };
        self.store.add_summary(&new, self.clock.now()).await
    }

    async fn revenue(&self, day: NaiveDate) -> Result<Revenue, StoreError> {
        let query = RevenueQuery {
            start_date: Some(day),
            end_date: Some(day),
            counted: self.counted.clone(),
            timezone: self.timezone,
            ..RevenueQuery::of(Granularity::Summary, self.currency)
        };
        self.store.revenue(query, self.sources, self.clock.now()).await
    }
}

impl DailySummary {
    /// The sources whose figures do not reach to the end of the day, and how far they reach.
    #[must_use]
    pub fn incomplete(&self) -> Vec<(&Source, Option<DateTime<Utc>>)> {
        let reaches =
            |through: &Option<DateTime<Utc>>| through.is_some_and(|through| through >= self.ends_at);
        let all = self.revenue.data_through.iter();
        all.filter(|(_, through)| !reaches(through)).map(|(source, through)| (source, *through)).collect()
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
