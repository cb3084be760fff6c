//! Everything of Buffalo that is in Postgres.
//!
//! Functions take the time they should stamp; none of them asks a clock. No transaction outlives a call, but for
//! [`ClaimedBatch`], which *is* one.

pub mod embedded;

mod alarms;
mod census;
mod circuits;
mod claim;
mod connect;
mod copy;
mod cursors;
mod database;
mod dead_letters;
mod durations;
mod enqueue;
mod erase;
mod error;
mod fx;
mod hints;
mod idempotency;
mod identity;
mod journal;
mod lanes;
mod lock;
mod measure;
mod migrate;
mod missing_returns;
mod notifications;
mod partitions;
mod push_channels;
mod refetch;
mod relay;
mod revenue;
mod runs;
mod settle;
mod status;
mod summary;
mod ticks;
mod tls;
mod totals;
mod unseen;
mod upsert;
mod wake;
mod webhooks;

pub use census::{Census, StoredContact, StoredEvent, StoredPayment, StoredState, StoredTotal};
pub use circuits::CircuitRow;
pub use claim::{ClaimedBatch, ClaimedRow, Claimer, Look};
pub use connect::{Connections, Store, StoreOptions};
pub use cursors::{CursorReset, CursorRow};
pub use database::Sessions;
pub use dead_letters::{DeadLetterFilter, Rehearsal, Replayed, StoredRow};
pub use durations::Durations;
pub use enqueue::{Page, Written, decided_at};
pub use error::StoreError;
pub use fx::{FxImport, FxImportEffect, NewestFxRate};
pub use hints::BegunHint;
pub use idempotency::{IdempotentRequest, KeyState, StoredAnswer};
pub use lanes::Lane;
pub use lock::{MaintenanceLock, ProducerLock, PushChannelLock};
pub use measure::{Measurements, RowEstimate};
pub use migrate::MIGRATOR;
pub use notifications::{DeliveryOutcome, LeasedDelivery, NewSummary, Undelivered};
pub use partitions::{Dropping, Partition, partition_name};
pub use refetch::{DueRefetch, RefetchRequest};
pub use revenue::{Commitment, Decided, DecisionError, Decisions, Judgement};
pub use revenue::{Mending, MissingPayment, PaymentAndRaw, RawOfPayment, WrongPayment};
pub use runs::{NewRun, RunCredit, RunFilter, RunOutcome};
pub use settle::{DeadRow, RetryRow, Settled};
pub use status::{DeadLetterCount, FetchLine, MistypedDates, OutboxDepth, Status, UnmappedStatus};
pub use summary::{DayCounts, RunTally};
pub use totals::{Counter, RecordOutcome, Total, Totals};
pub use unseen::Unseen;
pub use upsert::{StoreFailure, UpsertRow};
pub use wake::{Heard, Listener};
pub use webhooks::{EventState, Taken};
