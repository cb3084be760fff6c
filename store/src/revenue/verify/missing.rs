//! What the sources said and is not stored: records without their payment, and sales without their returns.

use buffalo_model::{Entity, RecordKey, Refetch, RunId, Source};
use chrono::{DateTime, Utc};

use crate::{ClaimedRow, RefetchRequest, Store, StoreError};

/// A record whose newest state is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPayment {
    /// Which record it is.
    pub key: RecordKey,
    /// The raw record that says what it is; none where that was dropped with old history.
    pub raw_id: Option<i64>,
}

/// A raw record, and when what is stored of the payment counts.
#[derive(Debug)]
pub struct RawOfPayment {
    /// The record's state, to be normalised.
    pub raw: ClaimedRow,
    /// When an older state that is stored counts; none where nothing is stored.
    pub stored_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Records whose newest state is not stored, though none of them waits or is a dead letter; at most `limit`, and how many
    /// there are.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn missing_payments(&self, limit: i64) -> Result<(Vec<MissingPayment>, i64), StoreError> {
        let fail = || self.fail("look for missing payments");
        let mut tx = self.pool.begin().await.map_err(fail())?;
        let rows = sqlx::query_file!("queries/revenue/missing_payments.sql", limit)
            .fetch_all(&mut tx)
            .await
            .map_err(fail())?;
        tx.commit().await.map_err(fail())?;
        let number = rows.first().map_or(0, |row| row.number);
        let missing = rows.into_iter().map(|row| MissingPayment {
            key: RecordKey {
                source: Source::new(row.source),
                entity: Entity::Payments,
                external_id: row.external_id,
            },
            raw_id: row.raw_id,
        });
        Ok((missing.collect(), number))
    }

    /// Raw records of payments by their ids.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn raw_of_payments(&self, raw_ids: &[i64]) -> Result<Vec<RawOfPayment>, StoreError> {
        let rows = sqlx::query_file!("queries/revenue/raw_of_payments.sql", raw_ids)
            .fetch_all(&self.pool)
            .await
            .map_err(self.fail("read raw records"))?;
        let of_row = rows.into_iter().map(|row| RawOfPayment {
            stored_at: row.occurred_at,
            raw: ClaimedRow {
                raw_id: row.raw_id,
                key: RecordKey {
                    source: Source::new(row.source),
                    entity: Entity::Payments,
                    external_id: row.external_id,
                },
                revision: row.revision,
                observed_at: row.observed_at,
                attempts: 0,
                last_error: None,
                run_id: RunId(row.run_id),
                api_version: row.api_version,
                context: row.context,
                payload: row.payload,
            },
        });
        Ok(of_row.collect())
    }

    /// Has records read again of which nothing is left but that they were there. What is known of their content is forgotten,
    /// so that the same content is news.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn refetch_lost(&self, lost: &[RecordKey], now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query!(
            r"UPDATE record_heads head SET content_hash = '\x'
              FROM unnest($1::text[], $2::text[], $3::text[]) AS lost (source, entity, external_id)
              WHERE head.source = lost.source AND head.entity = lost.entity AND head.external_id = lost.external_id",
            &lost.iter().map(|key| key.source.as_str()).collect::<Vec<_>>() as &[&str],
            &lost.iter().map(|key| key.entity.as_str()).collect::<Vec<_>>() as &[&str],
            &lost.iter().map(|key| key.external_id.as_str()).collect::<Vec<_>>() as &[&str],
        )
        .execute(&self.pool)
        .await
        .map_err(self.fail("forget what is known of records"))?;
        for of_source in lost.chunk_by(|one, other| one.source == other.source) {
            let requests: Vec<_> = of_source
                .iter()
                .map(|key| RefetchRequest {
                    refetch: Refetch::record(&key.external_id),
                    reason: "nothing of it is stored",
                    due_at: now,
                })
                .collect();
            self.request_refetches(&of_source[0].source, Entity::Payments, &requests, now).await?;
        }
        Ok(())
    }

    /// Notes all sales that say that money went back, of which no refund or dispute is stored: the next fetch asks for them.
    /// Some of their keys, and how many there are.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn note_contradicted_sales(
        &self,
        limit: i64,
        now: DateTime<Utc>,
    ) -> Result<(Vec<RecordKey>, i64), StoreError> {
        let rows = sqlx::query!(
            r#"WITH contradicted AS MATERIALIZED (SELECT source, entity, external_id FROM contradicted_sales),
             noted AS (
                 INSERT INTO missing_returns (source, entity, external_id, noted_at, ask_at)
                 SELECT source, entity, external_id, $2, $2 FROM contradicted ORDER BY source, entity, external_id
                 ON CONFLICT DO NOTHING
             )
             SELECT source AS "source!", external_id AS "external_id!", count(*) OVER () AS "number!"
             FROM contradicted ORDER BY source, external_id LIMIT $1"#,
            limit,
            now,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("look for missing refunds and disputes"))?;
        let number = rows.first().map_or(0, |row| row.number);
        let key = |row: (String, String)| RecordKey {
            source: Source::new(row.0),
            entity: Entity::Payments,
            external_id: row.1,
        };
        Ok((rows.into_iter().map(|row| key((row.source, row.external_id))).collect(), number))
    }
}
