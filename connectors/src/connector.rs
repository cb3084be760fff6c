//! What a source is: the verbs that every connector has, and the contract between connectors and jobs.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use buffalo_model::{
    Circuit, Cursor, Entity, Identity, Normalised, RawRecord, RawState, Refetch, RequestCounts, Source, Ties,
};
use chrono::{DateTime, Datelike, TimeDelta, Utc};

use crate::Settings;
use crate::push::PushChannels;
use crate::webhook::Webhooks;

/// The first whole year of PostgreSQL's `timestamptz`, which begins in 4713 BC.
pub(crate) const FIRST_YEAR: i32 = -4_711;

/// A year in which zones can be reckoned with: `DateTime` ends in 262,142, and PostgreSQL later.
pub(crate) const LAST_YEAR: i32 = 262_000;

/// One source, as the program finds it.
#[derive(Debug)]
pub struct Registration {
    /// Its name in tables, logs, addresses and on the command line.
    pub name: &'static str,
    /// The setting that enables it.
    pub enabled_by: &'static str,
    /// What its payloads mean. Needs no configuration, so that a process without the vendor's key can drain the outbox.
    pub normalise: Normalise,
    /// A payload that says of a record that it is gone, which `normalise` reads as [`Normalised::Gone`].
    pub gone: &'static str,
    /// Makes the connector of the settings; none when the source is not enabled. What is wrong with the settings is
    /// noted in them.
    pub configure: fn(&mut Settings) -> Option<Arc<dyn Connector>>,
}

impl Registration {
    /// What a stored state means, with every text as it can be stored, and no time of a payment that can't be.
    ///
    /// # Errors
    ///
    /// What is wrong with the payload.
    pub fn read(&self, state: RawState<'_>) -> Result<Normalised, NormaliseError> {
        let normalised = (self.normalise)(state)?.storable();
        match &normalised {
            Normalised::Payment(payment) if payment.occurred_at.year() < FIRST_YEAR => {
                let what =
                    format!("the year {} is before any that PostgreSQL knows", payment.occurred_at.year());
                Err(NormaliseError::Unusable { field: "time of the payment", what })
            }
            _ => Ok(normalised),
        }
    }
}

/// Reads a stored state of a record: a pure function of what was stored.
pub type Normalise = fn(RawState<'_>) -> Result<Normalised, NormaliseError>;

/// A payload that can't be read. Says what is wrong with it in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NormaliseError {
    /// It is not JSON, or not of the shape that the vendor documents.
    #[error("unreadable payload: {0}")]
    Unreadable(String),
    /// The source has no records of this entity.
    #[error("the source has no {0}")]
    UnknownEntity(Entity),
    /// A field without which the record means nothing is not there.
    #[error("missing field `{0}`")]
    Missing(&'static str),
    /// A field holds something that can't be used.
    #[error("unusable field `{field}`: {what}")]
    Unusable {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// A vendor from whom records are fetched.
///
/// # The contract of cursors
///
/// - A page's cursor says: everything that the source had said up to here is on this page or on pages before it. Jobs
///   store it in the same transaction as the page, so whoever reads a cursor can rely on the records being stored.
/// - Giving a stored cursor back continues without a gap, whatever crashed in between. Fetching something twice is
///   allowed, leaving something out is not: where the vendor lists newest first, the position that later runs start from
///   moves only with the page that holds the oldest record.
/// - A cursor may describe several windows of one backfill, each with its own position.
/// - A backfill leaves a cursor that an incremental run can start from, and that starts before the backfill did.
/// - The last page of a plan, and no other, has [`FetchedPage::data_through`]. A run without it is no success, also where
///   nothing was refused: a plan may be left without anything to ask for, and would be for ever.
/// - What was stored may be anything: an older program's cursor, somebody's edit. [`Connector::assess`] never fails; what
///   it can't read is stale.
/// - A connector never writes, and never sees, a cursor of another entity.
#[async_trait]
pub trait Connector: Send + Sync + Debug {
    /// Its name.
    fn source(&self) -> &Source;

    /// What it has records of. Each entity has a cursor, a lock and runs of its own.
    fn entities(&self) -> &[Entity];

    /// Whose data it gives, as far as the configuration says: jobs compare it with whose data is stored before any
    /// request is made. What only answers say is [`Pages::identity`].
    fn identity(&self, _entity: Entity) -> Identity {
        Identity::unknown()
    }

    /// Whose data a stored payload is, as far as it says, for databases that do not know it yet.
    fn identity_of(&self, _entity: Entity, _payload: &str) -> Identity {
        Identity::unknown()
    }

    /// What holds of two states that it stamps equally. States that were read by their ids hold in any case.
    fn ties(&self) -> Ties {
        Ties::LaterHolds
    }

    /// What a stored cursor allows at `now`.
    fn assess(&self, entity: Entity, cursor: Option<&Cursor>, now: DateTime<Utc>) -> CursorState;

    /// How far back runs see that a record has changed, by the time at which it came into being; none where they see every
    /// change. What is older and still open is read again by its id, and figures that reach further back are not complete.
    fn sees_changes_for(&self, _entity: Entity) -> Option<TimeDelta> {
        None
    }

    /// Begins a run. No request is made before the first page is asked for.
    fn open(&self, entity: Entity, plan: Plan<'_>, now: DateTime<Utc>) -> Box<dyn Pages>;

    /// Lists what there is, to be compared with what is stored: every record of an entity that came into being at
    /// `since` or later, or all. Cursors of its pages mean nothing.
    ///
    /// Where the vendor can't list by that time, all is listed.
    fn census(&self, entity: Entity, since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Box<dyn Pages>;

    /// Reads records again by their ids. A record that the vendor no longer has comes back with the payload
    /// [`Registration::gone`], and only after an answer that says so of that id. Cursors of the pages mean nothing.
    ///
    /// A refusal of one id may fail the page: jobs then ask for each alone. Without an implementation every id is refused.
    fn refetch(&self, _entity: Entity, _wanted: &[Refetch], _now: DateTime<Utc>) -> Box<dyn Pages> {
        Box::new(NotById(self.source().clone()))
    }

    /// How its circuit breaker stands.
    fn circuit(&self) -> Circuit;

    /// How it stands with webhooks.
    fn webhooks(&self) -> Webhooks<'_> {
        Webhooks::None
    }

    /// How its push channels are opened, where the vendor has such a thing.
    ///
    /// # Errors
    ///
    /// Says why there are none, and what to set if that is the reason.
    fn push_channels(&self) -> Result<&dyn PushChannels, &'static str> {
        Err("has no channels that expire: its webhooks are set up once, at the vendor")
    }

    /// Makes sure that the source can be reached and permits what runs will ask of it.
    ///
    /// # Errors
    ///
    /// The first thing that it does not permit.
    async fn check(&self) -> Result<(), SourceError>;
}

/// The pages of one run, in the order in which they must be stored.
#[async_trait]
pub trait Pages: Send {
    /// The next page; none after the last. A page without records is a page: its cursor counts.
    ///
    /// # Errors
    ///
    /// [`SourceError`], after the retries that the HTTP layer made. The run ends there; what was stored stays.
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError>;

    /// Requests made so far, and what became of them.
    fn requests(&self) -> RequestCounts;

    /// Whose data the pages given out so far are, as far as the answers said. Jobs compare it with whose data is stored
    /// before they write a page.
    fn identity(&self) -> Identity {
        Identity::unknown()
    }
}

/// The status of a refusal that is the connector's own: the vendor has no request for a record of such an id, so nothing is
/// known of it but what listings say. It comes after the pages of all ids that could be asked for.
pub const NO_SUCH_REQUEST: u16 = 501;

/// The pages of a source that can't be asked for a record by its id.
struct NotById(Source);

#[async_trait]
impl Pages for NotById {
    async fn next(&mut self) -> Result<Option<FetchedPage>, SourceError> {
        Err(SourceError::Refused {
            request: format!("{}: a record by its id", self.0),
            status: NO_SUCH_REQUEST,
            code: None,
            param: None,
            message: "this source has no such request".to_owned(),
        })
    }

    fn requests(&self) -> RequestCounts {
        RequestCounts::default()
    }
}

/// One page of records.
#[derive(Debug)]
pub struct FetchedPage {
    /// The records, each stamped with the time at which the source said so.
    pub records: Vec<RawRecord>,
    /// The position after this page.
    pub cursor: Cursor,
    /// Set when everything the source said up to that time has been given out with this page.
    pub data_through: Option<DateTime<Utc>>,
    /// Set when a part of the source has been listed as a whole with this page: what was not in it is gone.
    pub sweep: Option<Sweep>,
}

/// Says that a part of a source was listed as a whole: records of it that were not seen since are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// What the ids of that part begin with; empty for all.
    pub id_prefix: String,
    /// When the listing began: every record in it was stamped with this time or a later one.
    pub began_at: DateTime<Utc>,
}

/// What a stored cursor allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CursorState {
    /// There is none: a backfill is needed.
    Missing,
    /// A backfill is under way and can be continued.
    Backfilling,
    /// An incremental run can start from it.
    Current,
    /// Nothing can be continued from it, for this reason: a backfill is needed.
    Stale(String),
}

/// What a run is to fetch.
#[derive(Debug, Clone, Copy)]
pub enum Plan<'a> {
    /// Everything, from the beginning.
    Backfill,
    /// What a [`CursorState::Backfilling`] or [`CursorState::Current`] cursor leaves to do.
    Continue(&'a Cursor),
}

/// Why a source could not be read. Messages name source and request, and hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The credentials are wrong or do not permit the request (401, 403): the operator has to act.
    #[error("{request} was refused with {status}: {message}")]
    Unauthorised {
        /// Source, method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The vendor's words.
        message: String,
    },
    /// The request was understood and refused.
    #[error("{request} was refused with {status}: {message}")]
    Refused {
        /// Source, method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The vendor's code for the reason, where it gives one.
        code: Option<String>,
        /// The parameter at fault, where the vendor names one.
        param: Option<String>,
        /// The vendor's words.
        message: String,
    },
    /// The vendor could not answer, or not now, also not after the retries.
    #[error("{request} failed with {status} after {attempts} attempts: {message}")]
    Unavailable {
        /// Source, method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// How often it was asked.
        attempts: u32,
        /// The vendor's words.
        message: String,
    },
    /// The source failed too often in a row and is left alone for a while.
    #[error("{request} was not made: too many requests failed in a row, the next try is in {wait_ms} ms")]
    CircuitOpen {
        /// Source, method and path.
        request: String,
        /// How long until the next try, in milliseconds.
        wait_ms: u128,
    },
    /// The vendor asked to wait longer than a run can.
    #[error("{request} was answered {status} with the demand to wait {wait_s} s")]
    AskedToWait {
        /// Source, method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// How long, in seconds.
        wait_s: u64,
    },
    /// What the vendor allows in a day is used up. Nothing is wrong: what was stored stays, and a later run continues.
    #[error(
        "{request} was answered {status}: what is allowed in a day is used up{}",
        resets_at.map_or_else(String::new, |at| format!(", until {}", at.format("%Y-%m-%dT%H:%M:%SZ")))
    )]
    LimitReached {
        /// Source, method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// When requests are answered again, where the vendor says.
        resets_at: Option<DateTime<Utc>>,
    },
    /// No whole answer arrived.
    #[error("{request} failed after {attempts} attempts: {what}")]
    Transport {
        /// Source, method and path.
        request: String,
        /// How often it was asked.
        attempts: u32,
        /// What happened.
        what: String,
    },
    /// An answer arrived that is not what the vendor documents.
    #[error("{request} was answered with {what}")]
    Malformed {
        /// Source, method and path.
        request: String,
        /// What it was.
        what: String,
    },
}
