//! Reconciling: lists a source anew and compares it with what is stored. The proof that nothing is missing.

mod compare;
mod extra;
mod findings;

use std::collections::HashMap;
use std::time::Duration;

use buffalo_connectors::{Connector, Registration, SourceError, registration};
use buffalo_model::{
    Clock, Cursor, Entity, Mode, RawRecord, RawState, Reconciliation, RequestCounts, Run, RunId, RunStatus,
    Ties,
};
use buffalo_store::{Census, Lane, NewRun, Page, ProducerLock, RunOutcome, Store, StoreError, StoredState};
use chrono::{DateTime, Utc};
use tracing::Instrument;

use self::compare::differs;
use self::findings::{Findings, came_later};
use crate::absence::AbsenceError;
use crate::identity::{IdentityTrouble, Owner};
use crate::persist::persist;
use crate::run_span::run_span;
use crate::{MassDelete, OnProgress, Stop};

/// A comparison of one entity of one source.
pub struct Reconcile<'a> {
    /// Where records are stored.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Where records come from.
    pub connector: &'a dyn Connector,
    /// Which records.
    pub entity: Entity,
    /// Only records from this time on; none for all.
    pub since: Option<DateTime<Utc>>,
    /// Whether what is not right is put into the outbox.
    pub repair: bool,
    /// Whether a repair may take many records for gone (`--allow-mass-delete`).
    pub mass_delete: MassDelete,
    /// The longest that it may take (`RECONCILE_DEADLINE_S`): it keeps fetches waiting.
    pub deadline: Duration,
    /// Ends it early.
    pub stop: Stop,
    /// Hears of records as they are compared.
    pub on_progress: OnProgress,
}

/// Why a comparison did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Identity(#[from] IdentityTrouble),
    #[error(transparent)]
    Absence(#[from] AbsenceError),
    #[error("nothing was fetched so far, so there is nothing to compare with or to repair")]
    NothingFetched,
    #[error("stopped before its end")]
    Stopped,
    #[error("{repaired} of {wrong} records that were not as the source lists them could be repaired")]
    NotRepaired { repaired: i64, wrong: i64 },
    #[error("not at its end after {} s, the longest that it may take (RECONCILE_DEADLINE_S)", .0.as_secs())]
    Deadline(Duration),
}

/// A comparison under way.
struct Comparison<'a> {
    run_id: RunId,
    registration: &'static Registration,
    owner: Owner<'a>,
    lock: &'a mut ProducerLock,
    requests: &'a mut RequestCounts,
    census: Census,
    /// Up to where everything was fetched.
    through: Option<DateTime<Utc>>,
    /// The cursor, which a repair leaves where it is, and its version.
    cursor: Cursor,
    version: i64,
    findings: Findings,
}

impl Reconcile<'_> {
    /// Compares, and returns the run and, where it came to its end, the result. While another producer is at work on the
    /// same entity nothing can be compared, and the run is skipped.
    ///
    /// # Errors
    ///
    /// Only when the database could not be told.
    pub async fn run(&self) -> Result<(Run, Option<Reconciliation>), StoreError> {
        let run_id = RunId::generate();
        let span = run_span(run_id, self.connector.source().as_str(), self.entity.as_str());
        self.run_as(run_id).instrument(span).await
    }

    async fn run_as(&self, run_id: RunId) -> Result<(Run, Option<Reconciliation>), StoreError> {
        let source = self.connector.source();
        let mut run = NewRun {
            run_id,
            source: source.as_str(),
            entity: self.entity.as_str(),
            mode: Mode::Reconcile,
            status: RunStatus::Running,
        };
        let lock = persist(|| self.store.try_lock_producer(source, self.entity, self.clock.now())).await?;
        if lock.is_none() {
            run.status = RunStatus::Skipped;
        }
        self.store.start_run(&run, self.clock.now()).await?;
        let mut requests = RequestCounts::default();
        let (trouble, result) = match lock {
            None => (None, None),
            Some(mut lock) => {
                let comparing = self.compare(run_id, &mut lock, &mut requests);
                let compared = tokio::time::timeout(self.deadline, comparing).await;
                lock.release().await;
                match compared {
                    Ok(Ok(result)) => (None, Some(result)),
                    Ok(Err(trouble)) => (Some(trouble), None),
                    Err(_) => (Some(Trouble::Deadline(self.deadline)), None),
                }
            }
        };
        if run.status == RunStatus::Skipped {
            let skipped = self.store.find_run(run_id).await?;
            return Ok((
                skipped.ok_or(StoreError::Unreadable { table: "sync_runs", what: run_id.to_string() })?,
                None,
            ));
        }
        let mut trouble = trouble;
        if let Some(result) = &result {
            persist(|| self.store.keep_reconciliation(result)).await?;
            let (repaired, wrong) = (result.repaired, result.missing + result.different + result.extra);
            if self.repair && repaired < wrong {
                trouble = Some(Trouble::NotRepaired { repaired, wrong });
            }
        }
        let outcome = RunOutcome {
            stopped: matches!(trouble, Some(Trouble::Stopped)),
            error: trouble.map(|trouble| trouble.to_string()),
            requests,
            ..RunOutcome::default()
        };
        let run = persist(|| self.store.finish_run(run_id, &outcome, self.clock.now())).await?;
        Ok((run, result))
    }

    async fn compare(
        &self,
        run_id: RunId,
        lock: &mut ProducerLock,
        requests: &mut RequestCounts,
    ) -> Result<Reconciliation, Trouble> {
        let source = self.connector.source();
        let registration = registration(source.as_str()).ok_or(Trouble::NothingFetched)?;
        let began_at = self.clock.now();
        let found = persist(|| self.store.read_cursor(source, self.entity, began_at)).await?;
        let owner = Owner::of(self.store, self.clock, self.connector, self.entity, &found).await?;
        let cursor = found.cursor.ok_or(Trouble::NothingFetched)?;
        let census = self.store.begin_census(source, self.entity).await?;
        let mut comparison = Comparison {
            run_id,
            registration,
            owner,
            lock,
            requests,
            census,
            through: found.data_through,
            cursor,
            version: found.version,
            findings: Findings::default(),
        };
        let mut stop = self.stop.clone();
        tokio::select! {
            () = stop.requested() => return Err(Trouble::Stopped),
            compared = self.compare_all(&mut comparison, began_at) => compared?,
        }
        let Comparison { mut census, mut findings, through, .. } = comparison;
        let stored = census.totals(self.since, through.unwrap_or(began_at)).await?;
        let totals = findings.totals(stored);
        Ok(Reconciliation {
            run_id,
            source: source.to_string(),
            entity: self.entity.to_string(),
            since: self.since,
            through,
            compared_at: self.clock.now(),
            listed: findings.listed,
            missing: findings.missing,
            different: findings.different,
            extra: findings.extra,
            repaired: findings.repaired,
            totals,
            samples: findings.samples,
        })
    }

    /// Compares what the source lists, then what is stored and was not listed.
    async fn compare_all(
        &self,
        comparison: &mut Comparison<'_>,
        began_at: DateTime<Utc>,
    ) -> Result<(), Trouble> {
        let mut pages = self.connector.census(self.entity, self.since, began_at);
        loop {
            let page = pages.next().await;
            *comparison.requests = pages.requests();
            let Some(page) = page? else { break };
            comparison.owner.accept(&pages.identity()).await?;
            comparison.lock.check().await?;
            let listed = page.records.len() as u64;
            // Lists that are cut by time begin a page with what the page before it ended with: a record counts once.
            let mut records: Vec<RawRecord> =
                page.records.into_iter().map(RawRecord::into_storable).collect();
            let ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
            let mut fresh = comparison.census.note(&ids).await?;
            records.retain(|record| fresh.remove(&record.external_id));
            self.compare_records(comparison, records).await?;
            self.store.heartbeat(comparison.run_id, self.clock.now()).await?;
            (self.on_progress)(listed);
        }
        self.find_extra(comparison, began_at).await
    }

    /// Compares records with what is stored of them, and repairs what is not as it should be.
    async fn compare_records(
        &self,
        comparison: &mut Comparison<'_>,
        records: Vec<RawRecord>,
    ) -> Result<(), Trouble> {
        let ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let stored = comparison.census.stored(&ids).await?;
        let stored: HashMap<&str, &StoredState> =
            stored.iter().map(|state| (state.external_id(), state)).collect();
        let (through, findings) = (comparison.through, &mut comparison.findings);
        let mut wrong = Vec::new();
        for record in &records {
            let state = RawState {
                entity: self.entity,
                external_id: &record.external_id,
                context: record.context.as_deref(),
                payload: &record.payload,
            };
            let stored = stored.get(record.external_id.as_str()).copied();
            let Ok(listed) = comparison.registration.read(state) else {
                // Writing it again would make another dead letter of it.
                findings.unreadable(&record.external_id, stored.is_some());
                continue;
            };
            if stored.is_none() && came_later(&listed, through) {
                continue;
            }
            findings.listed += 1;
            findings.add_up(&listed, self.since, through);
            let Some(what) = differs(&listed, stored) else { continue };
            match stored {
                None => findings.missing += 1,
                Some(_) => findings.different += 1,
            }
            findings.sample(&record.external_id, what);
            wrong.push(record.clone());
        }
        self.mend(comparison, &wrong).await
    }

    /// Puts records into the outbox in the ordinary way, whatever is known of them; the cursor stays where it is.
    async fn mend(&self, comparison: &mut Comparison<'_>, records: &[RawRecord]) -> Result<(), Trouble> {
        if !self.repair || records.is_empty() {
            return Ok(());
        }
        let source = self.connector.source();
        let ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let at = records.iter().map(|record| record.observed_at).min().unwrap_or_default();
        persist(|| self.store.doubt(source, self.entity, &ids, at)).await?;
        let page = Page {
            source,
            entity: self.entity,
            run_id: comparison.run_id,
            records,
            ties: Ties::LaterHolds,
            lane: Lane::Backfill,
            pages: 0,
            requests: RequestCounts::default(),
            cursor: &comparison.cursor,
            data_through: None,
            cursor_version: comparison.version,
        };
        let written = persist(|| self.store.write_page(&page, self.clock.now())).await?;
        comparison.version = written.cursor_version;
        comparison.findings.repaired += written.enqueued;
        Ok(())
    }
}
