//! Claiming: a batch of outbox rows, locked for as long as its transaction lives.

use buffalo_model::{Entity, RawState, RecordKey, RunId, Source};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::database::Tx;
use crate::lanes::{Lanes, Turns};
use crate::{Store, StoreError};

/// A claimed outbox row with its payload.
#[derive(Debug)]
pub struct ClaimedRow {
    /// The raw record it stands for.
    pub raw_id: i64,
    /// The record.
    pub key: RecordKey,
    /// Orders the states of the record.
    pub revision: i64,
    /// When the source said so.
    pub observed_at: DateTime<Utc>,
    /// Attempts that failed before this one.
    pub attempts: i32,
    /// Why the newest of them failed.
    pub last_error: Option<String>,
    /// The run that fetched it.
    pub run_id: RunId,
    /// The vendor's API version in which the payload is written.
    pub api_version: Option<String>,
    /// What the source said beside the payload.
    pub context: Option<String>,
    /// The vendor's bytes.
    pub payload: String,
}

impl ClaimedRow {
    /// The state as a normaliser sees it.
    #[must_use]
    pub fn state(&self) -> RawState<'_> {
        RawState {
            entity: self.key.entity,
            external_id: &self.key.external_id,
            context: self.context.as_deref(),
            payload: &self.payload,
        }
    }
}

/// Claimed rows and the transaction that holds them. Dropped without being settled, it leaves everything as it was.
#[derive(Debug)]
pub struct ClaimedBatch {
    pub(crate) tx: Tx<'static>,
    pub(crate) claim_id: i64,
    pub(crate) rows: Vec<ClaimedRow>,
    pub(crate) server: String,
    /// How often rows were upserted together: once, unless some were refused.
    pub(crate) tries: u32,
}

/// How hard to look when nothing is found where rows were found lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Everywhere, so that nothing found means that nothing is due.
    Everywhere,
    /// Everywhere only now and then: who asks will soon ask again.
    NowAndThen,
}

/// How often a worker looks everywhere.
const LOOK_EVERYWHERE_EVERY: TimeDelta = TimeDelta::seconds(5);

/// A suspect is tried after so many other claims, and when there is nothing else to do.
const CLAIMS_FOR_A_SUSPECT: usize = 8;

/// Claims batches for one worker, and remembers where it found rows.
#[derive(Debug)]
pub struct Claimer {
    store: Store,
    lanes: Lanes,
    looked_at: Option<DateTime<Utc>>,
    /// The newest claim, which may be settled.
    claim_id: Option<i64>,
    /// A claim that was given up, and is still noted as one.
    to_forget: Option<i64>,
}

impl Store {
    /// What a worker claims with.
    #[must_use]
    pub fn claimer(&self) -> Claimer {
        let (store, lanes) = (self.clone(), Lanes::default());
        Claimer { store, lanes, looked_at: None, claim_id: None, to_forget: None }
    }
}

impl Claimer {
    /// Claims up to `limit` rows that are due at `now`, holding no more than about `byte_budget` bytes of payload; none
    /// when nothing is due that nobody else has claimed. Rows of entities that this program does not know wait for one
    /// that does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and its like.
    pub async fn claim(
        &mut self,
        now: DateTime<Utc>,
        limit: i64,
        byte_budget: i64,
        look: Look,
    ) -> Result<Option<ClaimedBatch>, StoreError> {
        if let Some(claim_id) = self.to_forget {
            self.store.forget_claim(claim_id).await?;
            self.to_forget = None;
        }
        let overdue = |at| now < at || now - at >= LOOK_EVERYWHERE_EVERY;
        let mut everywhere = self.looked_at.is_none_or(overdue);
        loop {
            if everywhere {
                self.lanes = Lanes::of(self.store.lanes_in_use().await?);
                self.looked_at = Some(now);
            }
            if let Some(batch) = self.claim_in_turn(now, limit, byte_budget).await? {
                return Ok(Some(batch));
            }
            if everywhere || look == Look::NowAndThen {
                return Ok(None);
            }
            everywhere = true;
        }
    }

    /// Says that the newest batch was not settled and that its worker lives.
    pub fn give_up(&mut self) {
        self.to_forget = self.claim_id.take();
    }

    async fn claim_in_turn(
        &mut self,
        now: DateTime<Utc>,
        limit: i64,
        byte_budget: i64,
    ) -> Result<Option<ClaimedBatch>, StoreError> {
        let suspects = self.lanes.suspects();
        if self.lanes.claims() % CLAIMS_FOR_A_SUSPECT == CLAIMS_FOR_A_SUSPECT - 1
            && let Some(batch) = self.claim_from(&suspects, now, 1, byte_budget).await?
        {
            return Ok(Some(batch));
        }
        let turns = self.lanes.turns();
        match self.claim_from(&turns, now, limit, byte_budget).await? {
            Some(batch) => Ok(Some(batch)),
            None => self.claim_from(&suspects, now, 1, byte_budget).await,
        }
    }

    async fn claim_from(
        &mut self,
        turns: &Turns,
        now: DateTime<Utc>,
        limit: i64,
        byte_budget: i64,
    ) -> Result<Option<ClaimedBatch>, StoreError> {
        if turns.sources.is_empty() {
            return Ok(None);
        }
        let operation = "claim outbox rows";
        let claim_id = Uuid::new_v4().as_u64_pair().0.cast_signed();
        let begin = AssertSqlSafe(begin_claim(claim_id));
        let mut tx = self.store.pool.begin_with(begin).await.map_err(self.store.fail(operation))?;
        let found = sqlx::query_file!(
            "queries/claim.sql",
            now,
            limit,
            byte_budget,
            &turns.sources,
            &turns.lanes,
            &turns.floors,
            &Entity::ALL.map(Entity::as_str) as &[&str],
        )
        .fetch_all(&mut tx)
        .await
        .map_err(self.store.fail(operation))?;
        if found.is_empty() {
            return Ok(None);
        }
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            let entity: Entity = row.entity.parse().map_err(|error| StoreError::Unreadable {
                table: "ingest_outbox",
                what: format!("{error}"),
            })?;
            self.lanes.claimed(&row.source, &row.lane, row.available_at);
            rows.push(ClaimedRow {
                raw_id: row.raw_id,
                key: RecordKey { source: Source::new(row.source), entity, external_id: row.external_id },
                revision: row.revision,
                observed_at: row.observed_at,
                attempts: row.attempts,
                last_error: row.last_error,
                run_id: RunId(row.run_id),
                api_version: row.api_version,
                context: row.context,
                payload: row.payload,
            });
        }
        let raw_ids: Vec<i64> = rows.iter().map(|row| row.raw_id).collect();
        self.store.journal_claim(claim_id, &raw_ids).await?;
        self.claim_id = Some(claim_id);
        Ok(Some(ClaimedBatch { tx, claim_id, rows, server: self.store.server.clone(), tries: 0 }))
    }
}

/// A queue table has no statistics worth the name: it is empty at one moment and full at the next. Where the planner
/// believes that few rows are due it sorts all of them at every claim; forbidden to sort, it walks along the index.
/// `claim.sql` allows sorting again for the statements that follow it. The lock ends with the transaction and is how the
/// claim is known to be alive.
fn begin_claim(claim_id: i64) -> String {
    format!("BEGIN; SET LOCAL enable_sort = off; SELECT pg_advisory_xact_lock({claim_id})")
}

impl ClaimedBatch {
    /// The claimed rows.
    #[must_use]
    pub fn rows(&self) -> &[ClaimedRow] {
        &self.rows
    }

    /// How often rows were upserted together: once, unless the database refused some.
    #[must_use]
    pub fn tries(&self) -> u32 {
        self.tries
    }
}
