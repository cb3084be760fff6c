//! The payments behind a figure.

use buffalo_model::{
    Contribution, Currency, Explanation, ExplanationQuery, Measure, RunId, Source, payload_document,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::range::{Cut, Range};
use super::read::{Read, sources, unreadable};
use super::settle::Turn;
use super::{MOST_MARKS, SETTLING_TRIES};
use crate::database::Tx;
use crate::{Store, StoreError};

/// Figures and rows are of one snapshot; see [`super::read`] for the plans.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                     SET LOCAL plan_cache_mode = force_generic_plan";

impl Store {
    /// A figure as of `now` with a part of the payments that it is the sum of, from one snapshot.
    ///
    /// # Errors
    ///
    /// Those of [`Store::revenue`].
    pub async fn explain_revenue(
        &self,
        question: ExplanationQuery,
        counted: &[Source],
        now: DateTime<Utc>,
    ) -> Result<Explanation, StoreError> {
        let range = Range::of(&question.figure, None, now)?;
        let (read, mut rows) = self.read_explanation(&question, &range).await?;
        let more = rows.len() > usize::from(question.limit);
        rows.truncate(usize::from(question.limit));
        let next_cursor = rows.last().map(Contribution::position).filter(|_| more);
        let totals = self.assemble(question.figure, read, counted, now).await?;
        Ok(Explanation { totals, measure: question.measure, rows, next_cursor })
    }

    async fn read_explanation(
        &self,
        question: &ExplanationQuery,
        range: &Range,
    ) -> Result<(Read, Vec<Contribution>), StoreError> {
        let fail = || self.fail("explain revenue");
        let figure = &question.figure;
        let mut tries = 0;
        loop {
            let mut tx = self.pool.begin_with(BEGIN).await.map_err(fail())?;
            let most = if tries < SETTLING_TRIES { MOST_MARKS } else { i64::MAX };
            let read = if figure.as_of.is_some() || range.cut == Cut::Pieces {
                self.read_rows_in_tx(&mut tx, figure, range, false).await?
            } else {
                self.read_buckets_in_tx(&mut tx, figure, range, false, most).await?
            };
            if read.marks >= most {
                tx.rollback().await.map_err(fail())?;
                self.settle_revenue_in_turn(range, Turn::Wait).await?;
                tries += 1;
                continue;
            }
            let rows = self.contributions_in_tx(&mut tx, question, range).await?;
            tx.commit().await.map_err(fail())?;
            if read.marks > 0 || read.unknown_days > 0 {
                self.settle_in_background(range.clone());
            }
            return Ok((read, rows));
        }
    }

    /// One row more than asked for, where there is one. The range is read in parts that grow, since to sort a year for a page
    /// of it would take long; as of an instant it is one part, as most of the work is the same for any.
    async fn contributions_in_tx(
        &self,
        tx: &mut Tx<'_>,
        question: &ExplanationQuery,
        range: &Range,
    ) -> Result<Vec<Contribution>, StoreError> {
        let after = question.after.as_ref().map(|place| place.counted_at);
        let mut from = after.map_or(range.starts_at(), |after| after.max(range.starts_at()));
        let ends_at = range.ends_at();
        let whole = (ends_at - from).max(TimeDelta::zero());
        let mut length = if question.figure.as_of.is_some() { whole } else { TimeDelta::days(1) };
        let wanted = usize::from(question.limit) + 1;
        let mut rows = Vec::new();
        while from < ends_at && rows.len() < wanted {
            let to = from.checked_add_signed(length).map_or(ends_at, |to| to.min(ends_at));
            rows.extend(self.part_in_tx(tx, question, (from, to), wanted - rows.len()).await?);
            from = to;
            length = (length * 2).min(whole);
        }
        Ok(rows)
    }

    async fn part_in_tx(
        &self,
        tx: &mut Tx<'_>,
        question: &ExplanationQuery,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        limit: usize,
    ) -> Result<Vec<Contribution>, StoreError> {
        let figure = &question.figure;
        let sources = sources(figure);
        let measures = question.measure.map(Measure::stored_names);
        // A place before this part leaves nothing out of it.
        let after = question.after.as_ref().filter(|place| place.counted_at >= from);
        let rows = sqlx::query_file_as!(
            Row,
            "queries/revenue/explain.sql",
            from,
            to,
            figure.basis.as_str(),
            figure.currency.as_str(),
            sources.as_deref() as Option<&[&str]>,
            measures.as_deref() as Option<&[&str]>,
            after.map(|place| place.counted_at),
            after.map(|place| place.source.as_str()),
            after.map(|place| place.entity.as_str()),
            after.map(|place| place.external_id.as_str()),
            after.and_then(|place| place.measure.stored_names().pop()),
            i64::try_from(limit).unwrap_or(i64::MAX),
            figure.as_of,
        )
        .fetch_all(tx)
        .await
        .map_err(self.fail("explain revenue"))?;
        rows.into_iter().map(|row| row.contribution(figure.currency)).collect()
    }
}

struct Row {
    source: String,
    entity: String,
    external_id: String,
    measure: String,
    at: DateTime<Utc>,
    amount: i64,
    kind: String,
    status: String,
    raw_status: String,
    occurred_at: DateTime<Utc>,
    parent_external_id: Option<String>,
    customer_external_id: Option<String>,
    observed_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    run_id: Option<uuid::Uuid>,
    fetched_at: Option<DateTime<Utc>>,
    api_version: Option<String>,
    payload: Option<String>,
}

impl Row {
    fn contribution(self, currency: Currency) -> Result<Contribution, StoreError> {
        let measure = Measure::named(&self.measure);
        let payload = self.payload.as_deref().map(payload_document).transpose();
        Ok(Contribution {
            source: Source::new(self.source),
            entity: self.entity,
            external_id: self.external_id,
            kind: self.kind,
            status: self.status,
            raw_status: self.raw_status,
            measure: measure.ok_or_else(|| unreadable(format!("the measure {}", self.measure)))?,
            amount_cents: self.amount,
            currency,
            occurred_at: self.occurred_at,
            counted_at: self.at,
            parent_external_id: self.parent_external_id,
            customer_external_id: self.customer_external_id,
            observed_at: self.observed_at,
            updated_at: self.updated_at,
            run_id: self.run_id.map(RunId),
            raw_dropped: self.fetched_at.is_none(),
            fetched_at: self.fetched_at,
            api_version: self.api_version,
            payload: payload.map_err(|error| unreadable(error.to_string()))?,
        })
    }
}
