//! Playing steps, on the database and on the model.

use std::collections::BTreeMap;

use buffalo_model::{Normalised, Payment};
use buffalo_store::{ClaimedBatch, UpsertRow};
use chrono::{DateTime, TimeDelta, Utc};

use super::ledger::{Key, Ledger};
use super::steps::{At, Became, SOURCES, Step, id};
use crate::fixture::{Fixture, record};

/// A database and a model to which the same happens.
pub struct Game<'a> {
    pub fixture: &'a mut Fixture,
    pub ledger: Ledger,
    number: i64,
    /// Steps so far, and so the time.
    steps: usize,
    claimed: Vec<(ClaimedBatch, BTreeMap<String, Became>)>,
    /// What was known after each step, as far as that is remembered.
    known: Vec<Option<Ledger>>,
}

/// When a step happens.
pub fn moment_of(step: usize) -> DateTime<Utc> {
    // After the days of all payments, so that whatever happens restates them.
    let begins: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().unwrap();
    begins + TimeDelta::minutes(i64::try_from(step).unwrap())
}

fn key((source, place): At) -> Key {
    (SOURCES[source], id(place))
}

/// The columns of a payment that SQL writes, as $5 and so on.
const COLUMNS: &str = "kind, status, amount_minor, uncaptured_minor, withdrawn_minor, currency, occurred_at,
    parent_external_id, deleted_at, capturable_minor, money_moved, without_payment, claimed_refunded_minor";

impl<'a> Game<'a> {
    /// Begins with nothing.
    pub async fn begin(fixture: &'a mut Fixture, number: i64) -> Self {
        let mut game = Self {
            fixture,
            ledger: Ledger::default(),
            number,
            steps: 0,
            claimed: Vec::new(),
            known: Vec::new(),
        };
        game.truncate().await;
        game.run("TRUNCATE ingest_outbox; TRUNCATE revenue_exclusions").await;
        game.known.push(Some(Ledger::default()));
        game
    }

    pub async fn play(&mut self, step: &Step) {
        self.steps += 1;
        match step {
            Step::Fetch(page) => self.fetch(page).await,
            Step::Upsert(nth) if !self.claimed.is_empty() => {
                let (batch, values) = self.claimed.remove(nth % self.claimed.len());
                self.upsert(batch, values).await;
            }
            Step::Upsert(_) => {}
            Step::Update(at, payment) if self.ledger.payments.contains_key(&key(*at)) => {
                let set = format!(
                    "UPDATE payments SET ({COLUMNS}, updated_at) = ($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $3) WHERE (source, external_id) = ($1, $2)"
                );
                self.sql(&set, *at, payment).await;
                self.ledger.payments.get_mut(&key(*at)).unwrap().1 = payment.clone();
            }
            Step::Insert(at, payment) if !self.ledger.payments.contains_key(&key(*at)) => {
                let insert = format!(
                    "INSERT INTO payments (source, external_id, updated_at, {COLUMNS}, entity, created_at, observed_at, revision, raw_id, raw_status)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'payments', $3, $3, 0, 0, '')"
                );
                self.sql(&insert, *at, payment).await;
                self.ledger.payments.insert(key(*at), (0, payment.clone()));
            }
            Step::Update(..) | Step::Insert(..) => {}
            Step::Shift(source, by) => self.shift(SOURCES[*source], *by).await,
            Step::Rename(at, to) => self.rename(*at, (at.0, *to)).await,
            Step::Delete(at) => self.delete(*at).await,
            Step::Truncate => self.truncate().await,
            Step::Exclude(at) | Step::Include(at) | Step::Forget(at) | Step::Repoint(at, _) => {
                self.decide(step, key(*at)).await;
            }
            Step::Settle => drop(self.fixture.store.settle_revenue().await.unwrap()),
        }
        self.known.resize(self.steps, None);
        self.known.push(Some(self.ledger.clone()));
    }

    /// Lets all workers write what they claimed.
    pub async fn end(&mut self) {
        for (batch, values) in std::mem::take(&mut self.claimed) {
            self.steps += 1;
            self.upsert(batch, values).await;
        }
    }

    /// What was known after that step or the newest one.
    pub fn known_after(&self, step: usize) -> Option<(usize, &Ledger)> {
        let step = step.min(self.steps);
        self.known.get(step)?.as_ref().map(|ledger| (step, ledger))
    }

    /// The newest step.
    pub fn newest(&self) -> usize {
        self.steps
    }

    /// Any statements.
    async fn run(&self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&self.fixture.database.pool).await.unwrap();
    }

    async fn fetch(&mut self, page: &[(usize, Became)]) {
        let values: BTreeMap<String, Became> =
            page.iter().map(|(place, became)| (id(*place), became.clone())).collect();
        let payload = format!("\"{} {}\"", self.number, self.steps);
        let second = self.number * 1_000 + i64::try_from(self.steps).unwrap();
        let records: Vec<_> = values.keys().map(|id| record(id, second, &payload)).collect();
        self.fixture.write(&records).await.unwrap();
        let batch = self.fixture.claim(100).await.unwrap();
        self.claimed.push((batch, values));
        if self.claimed.len() > 2 {
            let (batch, values) = self.claimed.remove(0);
            self.upsert(batch, values).await;
        }
    }

    async fn upsert(&mut self, mut batch: ClaimedBatch, values: BTreeMap<String, Became>) {
        let mut upserts = Vec::new();
        for (row, claimed) in batch.rows().iter().enumerate() {
            let became = &values[&claimed.key.external_id];
            let key: Key = (SOURCES[0], claimed.key.external_id.clone());
            let known = self.ledger.payments.get(&key);
            if known.is_none_or(|(revision, _)| *revision < claimed.revision) {
                // Of what was gone before it was ever seen, nothing but the time of that is known.
                let never_seen =
                    || Payment { occurred_at: claimed.observed_at, ..crate::fixture::payment(0) };
                let gone =
                    || Payment { deleted: true, ..known.map_or_else(never_seen, |known| known.1.clone()) };
                let payment = became.clone().unwrap_or_else(gone);
                self.ledger.payments.insert(key, (claimed.revision, payment));
            }
            let value = became.clone().map_or(Normalised::Gone, Normalised::Payment);
            upserts.push(UpsertRow { row, value });
        }
        let now = moment_of(self.steps);
        assert!(batch.upsert(&upserts, now).await.unwrap().is_empty());
        batch.settle(&[], &[], now).await.unwrap();
    }

    async fn sql(&self, statement: &str, at: At, payment: &Payment) {
        let (source, id) = key(at);
        let deleted_at = payment.deleted.then_some(payment.occurred_at);
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(source)
            .bind(id)
            .bind(moment_of(self.steps))
            .bind(payment.kind.as_str())
            .bind(payment.status.as_str())
            .bind(payment.amount_minor)
            .bind(payment.uncaptured_minor)
            .bind(payment.withdrawn_minor)
            .bind(payment.currency.as_str())
            .bind(payment.occurred_at)
            .bind(payment.parent_external_id.as_deref())
            .bind(deleted_at)
            .bind(payment.capturable_minor)
            .bind(payment.money_moved)
            .bind(payment.without_payment)
            .bind(payment.claimed_refunded_minor)
            .execute(&self.fixture.database.pool)
            .await
            .unwrap();
    }

    async fn shift(&mut self, source: &'static str, by: TimeDelta) {
        let (now, seconds) = (moment_of(self.steps).to_rfc3339(), by.num_seconds());
        self.run(&format!(
            "UPDATE payments SET occurred_at = occurred_at + interval '{seconds} s', updated_at = '{now}'
                 WHERE source = '{source}'"
        ))
        .await;
        for (_, (_, payment)) in self.ledger.payments.iter_mut().filter(|(key, _)| key.0 == source) {
            payment.occurred_at += by;
        }
    }

    async fn rename(&mut self, from: At, to: At) {
        let ((source, from), to) = (key(from), key(to));
        if self.ledger.payments.contains_key(&to) {
            return;
        }
        let Some(row) = self.ledger.payments.remove(&(source, from.clone())) else { return };
        let to_id = to.1.clone();
        self.run(&format!(
            "UPDATE payments SET external_id = '{to_id}' WHERE (source, external_id) = ('{source}', '{from}')"
        ))
        .await;
        self.ledger.payments.insert(to, row);
        self.known.clear();
    }

    /// The server's clock is not that of the game.
    async fn delete(&mut self, at: At) {
        let (source, id) = key(at);
        let now = moment_of(self.steps).to_rfc3339();
        self.run(&format!(
            "DELETE FROM payments WHERE (source, external_id) = ('{source}', '{id}');
                 UPDATE payment_history SET superseded_at = '{now}' WHERE superseded_at < '2030-01-01'"
        ))
        .await;
        self.ledger.payments.remove(&(source, id));
    }

    /// Somebody may settle in the background, and TRUNCATE would wait for him as he for it.
    async fn truncate(&mut self) {
        self.run("BEGIN; SELECT pg_advisory_xact_lock(x'42554646'::integer, 1); TRUNCATE payments; COMMIT")
            .await;
        self.ledger.payments.clear();
        self.known.clear();
    }

    async fn decide(&mut self, step: &Step, key: Key) {
        let (source, id) = &key;
        let now = moment_of(self.steps).to_rfc3339();
        let this = format!("(source, external_id) = ('{source}', '{id}') AND revoked_at IS NULL");
        let in_force = self.ledger.excluded.contains(&key);
        match step {
            Step::Exclude(_) if !in_force => {
                let insert = format!(
                    "INSERT INTO revenue_exclusions VALUES (gen_random_uuid(), '{source}', 'payments', '{id}',
                         'other', 'payments', 'x', 'one sale', 'a person', '{now}')"
                );
                self.run(&insert).await;
                self.ledger.excluded.insert(key);
            }
            Step::Include(_) => {
                let revoke = format!(
                    "UPDATE revenue_exclusions SET revoked_at = '{now}', revoked_by = 'x' WHERE {this}"
                );
                self.run(&revoke).await;
                self.ledger.excluded.remove(&key);
            }
            Step::Forget(_) if in_force => {
                self.run(&format!("DELETE FROM revenue_exclusions WHERE {this}")).await;
                self.ledger.excluded.remove(&key);
                self.known.clear();
            }
            Step::Repoint(_, to) if in_force => {
                let to = (*source, super::steps::id(*to));
                if self.ledger.excluded.insert(to.clone()) {
                    let id = &to.1;
                    self.run(&format!("UPDATE revenue_exclusions SET external_id = '{id}' WHERE {this}"))
                        .await;
                    self.ledger.excluded.remove(&key);
                    self.known.clear();
                }
            }
            _ => {}
        }
    }
}
