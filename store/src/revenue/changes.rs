//! What restated days that had ended.

use buffalo_model::{
    ChangesQuery, Currency, Day, Measure, Overflow, RestatedDay, Restatement, RestatementReason,
    RevenueChanges, Source,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Deserialize;

use super::read::{document, unreadable};
use crate::database::Tx;
use crate::{Store, StoreError};

/// All is of one snapshot.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Days are told apart for a hundred years before `since`; what is dated earlier is a mistake, and on none of them.
const MOST_DAYS: TimeDelta = TimeDelta::days(36_525);

/// A row of the statement; `day` counts from 1.
#[derive(Deserialize)]
struct SumOfDay {
    day: i64,
    currency: String,
    measure: String,
    difference: String,
    payments: i64,
}

/// A row of the statement; `day` counts from 1.
#[derive(Deserialize)]
struct Row {
    day: i64,
    known_at: DateTime<Utc>,
    source: String,
    entity: String,
    external_id: String,
    currency: String,
    measure: String,
    before: i64,
    after: i64,
    reason: RestatementReason,
}

impl Store {
    /// What restated days from `since` up to `until`, and a part of the payments that did it, from one snapshot.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn revenue_changes(&self, question: ChangesQuery) -> Result<RevenueChanges, StoreError> {
        let fail = || self.fail("tell what restated days");
        let mut tx = self.pool.begin_with(BEGIN).await.map_err(fail())?;
        let earliest = sqlx::query_file_scalar!("queries/revenue/earliest.sql", question.since)
            .fetch_one(&mut tx)
            .await
            .map_err(fail())?;
        let bound = question.since.checked_sub_signed(MOST_DAYS).unwrap_or(question.since);
        let earliest = earliest.map_or(question.since, |found| found.clamp(bound, question.since));
        let first = Day::date_of(earliest, question.timezone);
        let (days, mut rows) = self.changes_in_tx(&mut tx, &question, first).await?;
        tx.commit().await.map_err(fail())?;
        let more = rows.len() > usize::from(question.limit);
        rows.truncate(usize::from(question.limit));
        let next_cursor = rows.last().map(|row| row.position(question.until)).filter(|_| more);
        let ChangesQuery { since, until, source, currency, timezone, .. } = question;
        Ok(RevenueChanges { since, until, timezone, source, currency, days, rows, next_cursor })
    }

    /// One row more than asked for, where there is one.
    async fn changes_in_tx(
        &self,
        tx: &mut Tx<'_>,
        question: &ChangesQuery,
        first: NaiveDate,
    ) -> Result<(Vec<RestatedDay>, Vec<Restatement>), StoreError> {
        let last = Day::date_of(question.until, question.timezone);
        let midnights: Vec<_> =
            Day::range(first, last, question.timezone).iter().map(|day| day.starts_at).collect();
        let sources = question.sources();
        let sources: Option<Vec<_>> = sources.map(|all| all.into_iter().map(Source::as_str).collect());
        let currency = question.currency.map(|currency| currency.as_str().to_owned());
        let after = question.after.as_ref();
        let after_currency = after.map(|place| place.currency.as_str().to_owned());
        let found = sqlx::query_file!(
            "queries/revenue/changes.sql",
            question.since,
            question.until,
            &midnights,
            sources.as_deref() as Option<&[&str]>,
            currency.as_deref(),
            after.map(|place| number(place.date, first)),
            after.map(|place| place.known_at),
            after.map(|place| place.source.as_str()),
            after.map(|place| place.entity.as_str()),
            after.map(|place| place.external_id.as_str()),
            after_currency.as_deref(),
            after.map(|place| place.measure.as_str()),
            i64::from(question.limit) + 1,
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(self.fail("tell what restated days"))?;
        let days: Vec<SumOfDay> = document(found.days)?;
        let rows: Vec<Row> = document(found.rows)?;
        let days = days.into_iter().map(|day| day.restated(first)).collect::<Result<_, _>>()?;
        let rows = rows.into_iter().map(|row| row.restatement(first)).collect::<Result<_, _>>()?;
        Ok((days, rows))
    }
}

impl SumOfDay {
    fn restated(self, first: NaiveDate) -> Result<RestatedDay, StoreError> {
        let currency = currency(&self.currency)?;
        Ok(RestatedDay {
            date: date(self.day, first)?,
            currency,
            measure: measure(&self.measure)?,
            difference_cents: self
                .difference
                .parse()
                .map_err(|_| StoreError::Overflow(Overflow(currency)))?,
            payments: self.payments,
        })
    }
}

impl Row {
    fn restatement(self, first: NaiveDate) -> Result<Restatement, StoreError> {
        Ok(Restatement {
            date: date(self.day, first)?,
            measure: measure(&self.measure)?,
            currency: currency(&self.currency)?,
            before_cents: self.before,
            after_cents: self.after,
            difference_cents: i128::from(self.after) - i128::from(self.before),
            source: Source::new(self.source),
            entity: self.entity,
            external_id: self.external_id,
            known_at: self.known_at,
            reason: self.reason,
        })
    }
}

/// The number of a day, from 1 on; those before the first have any below.
fn number(date: NaiveDate, first: NaiveDate) -> i32 {
    i32::try_from((date - first).num_days().saturating_add(1)).unwrap_or(i32::MAX)
}

fn date(number: i64, first: NaiveDate) -> Result<NaiveDate, StoreError> {
    let date = TimeDelta::try_days(number - 1).and_then(|days| first.checked_add_signed(days));
    date.ok_or_else(|| unreadable(format!("the day {number} from {first} on")))
}

fn currency(code: &str) -> Result<Currency, StoreError> {
    code.parse().map_err(|error| unreadable(format!("{error}")))
}

fn measure(name: &str) -> Result<Measure, StoreError> {
    Measure::named(name).ok_or_else(|| unreadable(format!("the measure {name}")))
}
