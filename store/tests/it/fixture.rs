//! A database with a run that is at work, and what tests do with it.

use buffalo_model::{
    Cursor, Entity, Mode, Payment, PaymentKind, PaymentStatus, RawRecord, RequestCounts, RunId, RunStatus,
    Source, Ties,
};
use buffalo_store::{
    ClaimedBatch, Lane, Look, NewRun, Page, Sessions, Store, StoreError, StoreOptions, Written,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::database::TestDatabase;

pub const T0: DateTime<Utc> = DateTime::from_timestamp(1_800_000_000, 0).unwrap();

/// A store, and a run that fetches payments of Stripe.
pub struct Fixture {
    pub database: TestDatabase,
    pub store: Store,
    pub source: Source,
    pub run_id: RunId,
    /// That of the cursor.
    pub version: i64,
    pub ties: Ties,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::with_sessions(Sessions::Own).await
    }

    pub async fn with_sessions(sessions: Sessions) -> Self {
        let database = TestDatabase::create().await;
        let options = StoreOptions { url: database.url.clone().into(), max_connections: 5, sessions };
        let store = Store::new(&options).unwrap();
        let source = Source::new("stripe");
        let run_id = RunId::generate();
        let run = NewRun {
            run_id,
            source: "stripe",
            entity: "payments",
            mode: Mode::Full,
            status: RunStatus::Running,
        };
        store.start_run(&run, T0).await.unwrap();
        store.read_cursor(&source, Entity::Payments, T0).await.unwrap();
        Self { database, store, source, run_id, version: 0, ties: Ties::LaterHolds }
    }

    /// Any statement.
    pub async fn run(&self, sql: &str) {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&self.database.pool).await.unwrap();
    }

    /// Writes a page.
    pub async fn write(&mut self, records: &[RawRecord]) -> Result<Written, StoreError> {
        let written = self.write_at(records, self.version).await?;
        self.version = written.cursor_version;
        Ok(written)
    }

    /// Writes a page as one who has read that version of the cursor.
    pub async fn write_at(&self, records: &[RawRecord], cursor_version: i64) -> Result<Written, StoreError> {
        let cursor = Cursor::new(json!({"after": cursor_version}));
        let page = Page {
            source: &self.source,
            entity: Entity::Payments,
            run_id: self.run_id,
            records,
            ties: self.ties,
            lane: Lane::Live,
            pages: 1,
            requests: RequestCounts { made: 1, ..RequestCounts::default() },
            cursor: &cursor,
            data_through: None,
            cursor_version,
        };
        self.store.write_page(&page, T0).await
    }

    /// Claims rows in the hour after.
    pub async fn claim(&self, limit: i64) -> Option<ClaimedBatch> {
        self.store
            .claimer()
            .claim(T0 + TimeDelta::hours(1), limit, 1_000_000, Look::Everywhere)
            .await
            .unwrap()
    }
}

/// A state of a record, true a number of seconds after [`T0`].
pub fn record(id: &str, second: i64, payload: &str) -> RawRecord {
    RawRecord {
        external_id: id.to_owned(),
        observed_at: T0 + TimeDelta::seconds(second),
        api_version: None,
        context: None,
        payload: payload.to_owned(),
    }
}

/// A collected charge in dollars.
pub fn payment(amount_minor: i64) -> Payment {
    Payment {
        kind: PaymentKind::Charge,
        status: PaymentStatus::Collected,
        raw_status: "succeeded".to_owned(),
        amount_minor,
        uncaptured_minor: 0,
        capturable_minor: 0,
        withdrawn_minor: 0,
        money_moved: None,
        without_payment: false,
        claimed_refunded_minor: None,
        claimed_disputed: false,
        customer_email: None,
        currency: "USD".parse().unwrap(),
        occurred_at: T0,
        parent_external_id: None,
        customer_external_id: None,
        deleted: false,
    }
}
