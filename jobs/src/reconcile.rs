//! Reconciling: lists a source anew and compares it with what is stored. The proof that nothing is missing.

mod compare;
mod findings;

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use buffalo_connectors::{Connector, FetchedPage, Registration, SourceError, registration};
use buffalo_model::{
    Clock, Cursor, Entity, Mode, RawRecord, RawState, Reconciliation, RequestCounts, Run, RunId, RunStatus,
    Ties,
};
use buffalo_store::{Census, Lane, NewRun, Page, ProducerLock, RunOutcome, Store, StoreError, StoredState};
use chrono::{DateTime, Utc};
use tracing::Instrument;

use self::compare::differs;
use self::findings::{Findings, came_later};
use crate::absence::{Absence, AbsenceError, Contradiction, LOOKED_UP_TOGETHER};
use crate::identity::{IdentityTrouble, OtherIdentity, Owner};
use crate::persist::persist;
use crate::run_span::run_span;
use crate::{MassDelete, OnProgress, Stop};

/// Records that are written together where they are gone.
const MENDED_TOGETHER: usize = 1_000;

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
    OtherIdentity(#[from] OtherIdentity),
    #[error("nothing was fetched so far, so there is nothing to compare with or to repair")]
    NothingFetched,
    #[error(transparent)]
    Contradiction(#[from] Contradiction),
    #[error("stopped before its end")]
    Stopped,
    #[error("{repaired} of {wrong} records that were not as the source lists them could be repaired")]
    NotRepaired { repaired: i64, wrong: i64 },
    #[error("not at its end after {} s, the longest that it may take (RECONCILE_DEADLINE_S)", .0.as_secs())]
    Deadline(Duration),
}

impl From<AbsenceError> for Trouble {
    fn from(error: AbsenceError) -> Self {
        match error {
            AbsenceError::Source(error) => Self::Source(error),
            AbsenceError::Contradiction(contradiction) => Self::Contradiction(contradiction),
        }
    }
}

impl From<IdentityTrouble> for Trouble {
    fn from(trouble: IdentityTrouble) -> Self {
        match trouble {
            IdentityTrouble::Other(other) => Self::OtherIdentity(other),
            IdentityTrouble::Store(error) => Self::Store(error),
        }
    }
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
        let mut owner = Owner::of(self.store, self.clock, self.connector, self.entity, &found).await?;
        let cursor = found.cursor.ok_or(Trouble::NothingFetched)?;
        let mut mending = Mending { run_id, cursor, version: found.version };
        let mut census = self.store.begin_census(source, self.entity).await?;
        let mut pages = self.connector.census(self.entity, self.since, began_at);
        let mut findings = Findings::default();
        let mut stop = self.stop.clone();
        loop {
            let page = tokio::select! {
                () = stop.requested() => return Err(Trouble::Stopped),
                page = pages.next() => page,
            };
            *requests = pages.requests();
            let Some(mut page) = page? else { break };
            owner.accept(&pages.identity()).await?;
            for record in &mut page.records {
                if let Cow::Owned(storable) = record.storable() {
                    *record = storable;
                }
            }
            lock.check().await?;
            let wrong = self
                .compare_page(&mut census, &page, registration, found.data_through, &mut findings)
                .await?;
            findings.repaired += self.mend(&mut mending, wrong).await?;
            self.store.heartbeat(run_id, self.clock.now()).await?;
            (self.on_progress)(page.records.len() as u64);
        }
        let looking =
            self.find_extra(&mut census, &mut mending, lock, &mut owner, began_at, &mut findings, requests);
        tokio::select! {
            () = stop.requested() => return Err(Trouble::Stopped),
            looked = looking => looked?,
        }
        let stored = census.totals(self.since, found.data_through.unwrap_or(began_at)).await?;
        let totals = findings.totals(stored);
        Ok(Reconciliation {
            run_id,
            source: source.to_string(),
            entity: self.entity.to_string(),
            since: self.since,
            through: found.data_through,
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

    /// Compares a page, and returns the records that are not stored as they should be. A record that a page before it had
    /// as well counts once: lists that are cut by time begin a page with what the page before it ended with.
    async fn compare_page(
        &self,
        census: &mut Census,
        page: &FetchedPage,
        registration: &Registration,
        through: Option<DateTime<Utc>>,
        findings: &mut Findings,
    ) -> Result<Vec<RawRecord>, Trouble> {
        let ids: Vec<&str> = page.records.iter().map(|record| record.external_id.as_str()).collect();
        let mut fresh = census.note(&ids).await?;
        let stored = census.stored(&ids).await?;
        let stored: HashMap<&str, &StoredState> =
            stored.iter().map(|state| (state.external_id(), state)).collect();
        let mut wrong = Vec::new();
        for record in &page.records {
            if !fresh.remove(record.external_id.as_str()) {
                continue;
            }
            let state = RawState {
                entity: self.entity,
                external_id: &record.external_id,
                context: record.context.as_deref(),
                payload: &record.payload,
            };
            let stored = stored.get(record.external_id.as_str()).copied();
            let Ok(listed) = registration.read(state) else {
                // Writing it again would make another dead letter of it.
                findings.unreadable(&record.external_id, stored.is_some());
                continue;
            };
            if stored.is_none() && came_later(&listed, through) {
                continue;
            }
            findings.listed += 1;
            findings.add_up(&listed, self.since, through);
            let what = match (stored, differs(&listed, stored)) {
                (_, None) => continue,
                (None, Some(what)) => {
                    findings.missing += 1;
                    what
                }
                (Some(_), Some(what)) => {
                    findings.different += 1;
                    what
                }
            };
            findings.sample(&record.external_id, what);
            wrong.push(record.clone());
        }
        Ok(wrong)
    }

    /// Finds what is stored and was not listed. Each is looked up by its id: a list may lack what is there.
    #[expect(clippy::too_many_arguments, reason = "all of it is the state of one comparison")]
    async fn find_extra(
        &self,
        census: &mut Census,
        mending: &mut Mending,
        lock: &mut ProducerLock,
        owner: &mut Owner<'_>,
        began_at: DateTime<Utc>,
        findings: &mut Findings,
        requests: &mut RequestCounts,
    ) -> Result<(), Trouble> {
        let source = self.connector.source();
        let registration = registration(source.as_str()).ok_or(Trouble::NothingFetched)?;
        let (connector, entity, mass_delete) = (self.connector, self.entity, self.mass_delete);
        let absence = Absence { connector, registration, entity, mass_delete };
        let (mut gone, mut by_listing) = (Vec::<RawRecord>::new(), false);
        loop {
            let extra = census.extra(self.since, began_at).await?;
            let ids: Vec<&str> = extra.iter().map(String::as_str).collect();
            // Noted now, so that the next question brings others.
            census.note(&ids).await?;
            if extra.is_empty() {
                break;
            }
            for together in extra.chunks(LOOKED_UP_TOGETHER) {
                let looked_up = absence.look_up(together, self.clock.now(), requests).await?;
                owner.accept(&looked_up.identity).await?;
                lock.check().await?;
                let wrong = self.compare_found(census, &looked_up.found, registration, findings).await?;
                findings.repaired += self.mend(mending, wrong).await?;
                for record in &looked_up.gone {
                    findings.extra += 1;
                    let what = "stored, and neither listed by the source nor found by its id";
                    findings.sample(&record.external_id, what.to_owned());
                }
                by_listing |= looked_up.by_listing;
                gone.extend(looked_up.gone);
                self.store.heartbeat(mending.run_id, self.clock.now()).await?;
            }
        }
        if self.repair && !gone.is_empty() {
            let stored = persist(|| self.store.count_stored(source, entity, "")).await?;
            absence.prove(&gone, by_listing, stored, self.clock.now(), requests).await?;
            for together in gone.chunks(MENDED_TOGETHER) {
                findings.repaired += self.mend(mending, together.to_vec()).await?;
            }
        }
        Ok(())
    }

    /// Compares records that were not listed and are there all the same; those that are stored otherwise are returned.
    async fn compare_found(
        &self,
        census: &mut Census,
        found: &[RawRecord],
        registration: &Registration,
        findings: &mut Findings,
    ) -> Result<Vec<RawRecord>, Trouble> {
        let ids: Vec<&str> = found.iter().map(|record| record.external_id.as_str()).collect();
        let stored = census.stored(&ids).await?;
        let stored: HashMap<&str, &StoredState> =
            stored.iter().map(|state| (state.external_id(), state)).collect();
        let mut wrong = Vec::new();
        for record in found {
            let state = RawState {
                entity: self.entity,
                external_id: &record.external_id,
                context: record.context.as_deref(),
                payload: &record.payload,
            };
            let Ok(there) = registration.read(state) else { continue };
            findings.listed += 1;
            findings.add_up(&there, self.since, None);
            if let Some(what) = differs(&there, stored.get(record.external_id.as_str()).copied()) {
                findings.different += 1;
                findings.sample(&record.external_id, what);
                wrong.push(record.clone());
            }
        }
        Ok(wrong)
    }

    /// Puts records into the outbox in the ordinary way, whatever is known of them; the cursor stays where it is.
    async fn mend(&self, mending: &mut Mending, records: Vec<RawRecord>) -> Result<i64, Trouble> {
        if !self.repair || records.is_empty() {
            return Ok(0);
        }
        let source = self.connector.source();
        let ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let at = records.iter().map(|record| record.observed_at).min().unwrap_or_default();
        persist(|| self.store.doubt(source, self.entity, &ids, at)).await?;
        let page = Page {
            source,
            entity: self.entity,
            run_id: mending.run_id,
            records: &records,
            ties: Ties::LaterHolds,
            lane: Lane::Backfill,
            pages: 0,
            requests: RequestCounts::default(),
            cursor: &mending.cursor,
            data_through: None,
            cursor_version: mending.version,
        };
        let written = persist(|| self.store.write_page(&page, self.clock.now())).await?;
        mending.version = written.cursor_version;
        Ok(written.enqueued)
    }
}

/// What a repair needs for the store's write path.
struct Mending {
    run_id: RunId,
    cursor: Cursor,
    version: i64,
}
