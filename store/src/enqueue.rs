//! The producer's write: records, cursor and the run's progress in one transaction.

use std::borrow::Cow;
use std::collections::HashMap;

use buffalo_model::{ContentHash, Cursor, Entity, RawRecord, Refetch, RequestCounts, RunId, Source, Ties};
use chrono::{DateTime, TimeDelta, Utc};

use crate::copy::CopyRows;
use crate::database::Tx;
use crate::wake::OUTBOX_CHANNEL;
use crate::{Lane, RecordOutcome, RefetchRequest, Store, StoreError, Totals};

/// The vendor's bytes of an accepted state.
const COPY_RAW: &str = "COPY raw_records
    (id, source, entity, external_id, revision, observed_at, fetched_at, run_id, api_version, context,
     payload)
    FROM STDIN (FORMAT binary)";

/// Why a record is read again of which two states of one time are known.
const TIE: &str = "two states of one time";

/// A state stamped so much later than our clock was stamped by a wrong one.
pub(crate) const CLOCKS_APART: TimeDelta = TimeDelta::minutes(10);

/// One or more consecutive pages of a run, with the cursor that stands after the last of them.
#[derive(Debug)]
pub struct Page<'a> {
    /// The source.
    pub source: &'a Source,
    /// The entity.
    pub entity: Entity,
    /// The run that fetched it.
    pub run_id: RunId,
    /// The records, in the order in which they were fetched.
    pub records: &'a [RawRecord],
    /// What holds of two states of one time.
    pub ties: Ties,
    /// Where they wait to be processed.
    pub lane: Lane,
    /// How many vendor pages these are.
    pub pages: i64,
    /// Requests made of the vendor since the write before.
    pub requests: RequestCounts,
    /// The position after these records.
    pub cursor: &'a Cursor,
    /// Set when everything the source said up to that time is stored with this page.
    pub data_through: Option<DateTime<Utc>>,
    /// The version of the cursor row that the run read or wrote last.
    pub cursor_version: i64,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The version of the cursor row now.
    pub cursor_version: i64,
    /// Records that were new or had changed.
    pub enqueued: i64,
    /// Records that were not.
    pub deduped: i64,
    /// Records of which another state of the same time is known, which are to be read again.
    pub ties: i64,
}

/// What became of a page's records.
struct Taken {
    enqueued: i64,
    ties: i64,
}

impl Store {
    /// Stores a page and moves the cursor behind it, both or neither.
    ///
    /// May be called again with the same page after a connection was lost: a write that had been committed is
    /// recognised by the cursor's version and the run that wrote it, and not done twice.
    ///
    /// # Errors
    ///
    /// [`StoreError::CursorConflict`] when another producer has written since; nothing is stored then.
    pub async fn write_page(&self, page: &Page<'_>, now: DateTime<Utc>) -> Result<Written, StoreError> {
        let operation = "store a page";
        let records = newest_of_each(page.records);
        let mut tx = self.pool.begin().await.map_err(self.fail(operation))?;
        let next_version = page.cursor_version + 1;
        // First, because it is where a second producer is refused, before it has cost anything.
        let moved = sqlx::query!(
            "UPDATE sync_cursors
             SET state = $3, data_through = coalesce($4, data_through), version = $5::bigint, written_by = $6, updated_at = $7
             WHERE source = $1 AND entity = $2 AND version = $5::bigint - 1",
            page.source.as_str(),
            page.entity.as_str(),
            page.cursor.as_value(),
            page.data_through,
            next_version,
            page.run_id.0,
            now,
        )
        .execute(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        if moved.rows_affected() == 0 {
            return self.already_written_or_conflict(page, next_version).await;
        }
        let Taken { enqueued, ties } = self.enqueue_in_tx(&mut tx, page, &records, now).await?;
        let fetched = i64::try_from(page.records.len()).unwrap_or(i64::MAX);
        let deduped = fetched - enqueued;
        // The notification goes out with the commit, once for all that is in it.
        sqlx::query_scalar!(
            "UPDATE sync_runs
             SET pages_fetched = pages_fetched + $2, requests_made = requests_made + $3,
                 records_fetched = records_fetched + $4, records_enqueued = records_enqueued + $5::bigint,
                 records_deduped = records_deduped + $6, cursor_after = $7, heartbeat_at = $8,
                 data_through = coalesce($9, data_through)
             WHERE run_id = $1
             RETURNING CASE WHEN $5::bigint > 0 THEN pg_notify($10, '')::text END",
            page.run_id.0,
            page.pages,
            i64::try_from(page.requests.made).unwrap_or(i64::MAX),
            fetched,
            enqueued,
            deduped,
            page.cursor.as_value(),
            now,
            page.data_through,
            OUTBOX_CHANNEL,
        )
        .fetch_optional(&mut tx)
        .await
        .map_err(self.fail(operation))?;
        let (source, entity) = (page.source.as_str(), page.entity.as_str());
        let mut totals = Totals::default();
        totals.pages(source, entity, page.pages);
        totals.requests(source, entity, &page.requests);
        totals.records(source, entity, RecordOutcome::Fetched, fetched);
        totals.records(source, entity, RecordOutcome::Enqueued, enqueued);
        totals.records(source, entity, RecordOutcome::Deduped, deduped);
        self.add_totals_in_tx(&mut tx, &totals).await?;
        tx.commit().await.map_err(self.fail(operation))?;
        Ok(Written { cursor_version: next_version, enqueued, deduped, ties })
    }

    async fn enqueue_in_tx(
        &self,
        tx: &mut Tx<'_>,
        page: &Page<'_>,
        records: &[Cow<'_, RawRecord>],
        now: DateTime<Utc>,
    ) -> Result<Taken, StoreError> {
        if records.is_empty() {
            return Ok(Taken { enqueued: 0, ties: 0 });
        }
        let hashes: Vec<ContentHash> = records.iter().map(|record| record.content_hash()).collect();
        let external_ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let observed_at: Vec<DateTime<Utc>> = records.iter().map(|record| record.observed_at).collect();
        let content_hashes: Vec<&[u8]> = hashes.iter().map(|hash| hash.as_bytes()).collect();
        let payload_bytes: Vec<i32> =
            records.iter().map(|record| i32::try_from(record.payload.len()).unwrap_or(i32::MAX)).collect();
        let heads = sqlx::query_file!(
            "queries/take_heads.sql",
            page.source.as_str(),
            page.entity.as_str(),
            &external_ids as &[&str],
            &observed_at,
            &content_hashes as &[&[u8]],
            page.ties == Ties::ReadAgain,
            now + CLOCKS_APART,
            &payload_bytes,
            now,
            page.lane.as_str(),
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(self.fail("enqueue records"))?;
        let by_id: HashMap<&str, (&RawRecord, &[u8])> = std::iter::zip(records, &content_hashes)
            .map(|(record, hash)| (record.external_id.as_str(), (&**record, *hash)))
            .collect();
        let mut ties: Vec<(&str, DateTime<Utc>)> = Vec::new();
        let mut accepted = Vec::with_capacity(heads.len());
        for head in &heads {
            match by_id.get(head.external_id.as_str()) {
                Some((record, hash)) if head.content_hash == *hash => accepted.push((head, *record)),
                Some((record, _)) => ties.push((&record.external_id, record.observed_at)),
                None => {}
            }
        }
        if !accepted.is_empty() {
            let fail = || self.fail("store raw records");
            let mut raw = CopyRows::begin(tx.connection(), COPY_RAW).await.map_err(fail())?;
            for (head, record) in &accepted {
                raw.row(11)
                    .bigint(head.raw_id)
                    .text(page.source.as_str())
                    .text(page.entity.as_str())
                    .text(&record.external_id)
                    .bigint(head.revision)
                    .timestamp(record.observed_at)
                    .timestamp(now)
                    .uuid(page.run_id.0)
                    .optional_text(record.api_version.as_deref())
                    .optional_text(record.context.as_deref())
                    .text(&record.payload);
                raw.send().await.map_err(fail())?;
            }
            raw.finish().await.map_err(fail())?;
        }
        if accepted.len() < records.len() {
            // The same content seen again later was true in between as well: an older state that arrives after it must
            // lose. Left out where everything was news, which is what a backfill consists of.
            sqlx::query!(
                "UPDATE record_heads AS known SET observed_at = seen.observed_at
                 FROM unnest($3::text[], $4::timestamptz[], $5::bytea[])
                     AS seen (external_id, observed_at, content_hash)
                 WHERE known.source = $1 AND known.entity = $2 AND known.external_id = seen.external_id
                   AND known.content_hash = seen.content_hash
                   AND (known.observed_at < seen.observed_at OR known.observed_at > $6)",
                page.source.as_str(),
                page.entity.as_str(),
                &external_ids as &[&str],
                &observed_at,
                &content_hashes as &[&[u8]],
                now + CLOCKS_APART,
            )
            .execute(&mut *tx)
            .await
            .map_err(self.fail("note what was seen again"))?;
        }
        if !ties.is_empty() {
            let again: Vec<RefetchRequest> = ties
                .iter()
                .map(|(id, at)| RefetchRequest {
                    refetch: Refetch::record(*id),
                    reason: TIE,
                    due_at: decided_at(*at, now),
                })
                .collect();
            self.request_refetches_in_tx(tx, page.source, page.entity, &again, now).await?;
        }
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Ok(Taken { enqueued: count(accepted.len()), ties: count(ties.len()) })
    }

    async fn already_written_or_conflict(
        &self,
        page: &Page<'_>,
        next_version: i64,
    ) -> Result<Written, StoreError> {
        let ours = sqlx::query_scalar!(
            r#"SELECT EXISTS (
                   SELECT FROM sync_cursors
                   WHERE source = $1 AND entity = $2 AND version = $3 AND written_by = $4 AND state = $5
               ) AS "ours!""#,
            page.source.as_str(),
            page.entity.as_str(),
            next_version,
            page.run_id.0,
            page.cursor.as_value(),
        )
        .fetch_one(&self.pool)
        .await
        .map_err(self.fail("read the cursor"))?;
        if ours {
            return Ok(Written { cursor_version: next_version, enqueued: 0, deduped: 0, ties: 0 });
        }
        Err(StoreError::CursorConflict { source_name: page.source.to_string(), entity: page.entity.as_str() })
    }
}

/// When a record may be read again of which two states of the time `at` are known: an answer within the same second would be
/// one more of them. What is long past by our clock is past by any.
#[must_use]
pub fn decided_at(at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    if now - at > TimeDelta::seconds(10) { now } else { now + TimeDelta::seconds(2) }
}

/// One state of each record, the newest, sorted by key; of two with the same time the later one in the list.
///
/// A state that was replaced before it was ever stored mattered to nobody, and one statement can't change a row twice.
fn newest_of_each(records: &[RawRecord]) -> Vec<Cow<'_, RawRecord>> {
    let storable: Vec<Cow<'_, RawRecord>> = records.iter().map(RawRecord::storable).collect();
    let mut newest: HashMap<&str, usize> = HashMap::with_capacity(storable.len());
    for (at, record) in storable.iter().enumerate() {
        let place = newest.entry(&record.external_id).or_insert(at);
        if storable[*place].observed_at <= record.observed_at {
            *place = at;
        }
    }
    let mut places: Vec<usize> = newest.into_values().collect();
    places.sort_unstable();
    let mut kept = places.into_iter().peekable();
    let mut newest: Vec<Cow<'_, RawRecord>> = storable
        .into_iter()
        .enumerate()
        .filter_map(|(at, record)| kept.next_if_eq(&at).map(|_| record))
        .collect();
    newest.sort_unstable_by(|a, b| a.external_id.cmp(&b.external_id));
    newest
}
