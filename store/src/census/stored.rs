//! The states in which records are stored, as far as a census compares them.

use buffalo_model::Entity;
use chrono::{DateTime, NaiveDate, Utc};

use super::Census;
use crate::StoreError;
use crate::error::classify;

/// The state in which a record is stored: its row, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredState {
    /// A payment.
    Payment(StoredPayment),
    /// A contact.
    Contact(StoredContact),
    /// An event.
    Event(Box<StoredEvent>),
}

impl StoredState {
    /// The vendor's id.
    #[must_use]
    pub fn external_id(&self) -> &str {
        match self {
            Self::Payment(payment) => &payment.external_id,
            Self::Contact(contact) => &contact.external_id,
            Self::Event(event) => &event.external_id,
        }
    }

    /// Whether it is marked as gone.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        match self {
            Self::Payment(payment) => payment.deleted,
            Self::Contact(contact) => contact.deleted,
            Self::Event(event) => event.deleted,
        }
    }
}

/// What is compared of a row of `payments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPayment {
    /// The vendor's id.
    pub external_id: String,
    /// Whether it is marked as gone.
    pub deleted: bool,
    /// What the vendor's status means.
    pub status: String,
    /// The amount in minor units.
    pub amount_minor: i64,
    /// The currency.
    pub currency: String,
    /// Of a charge: what was authorised and not captured, in minor units.
    pub uncaptured_minor: i64,
    /// Of a collected charge: what may still be captured, in minor units.
    pub capturable_minor: i64,
    /// Of a dispute that was not lost: what was withdrawn and not reinstated, in minor units.
    pub withdrawn_minor: i64,
    /// Of a refund: whether it moved money; none where the source does not say.
    pub money_moved: Option<bool>,
    /// Of a refund: whether it returns money that never was a payment.
    pub without_payment: bool,
    /// When it counts.
    pub occurred_at: DateTime<Utc>,
    /// The charge that a refund or dispute belongs to.
    pub parent_external_id: Option<String>,
}

/// A row of `contacts`; see [`buffalo_model::Contact`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the columns have the names of the model's fields, which are explained there"
)]
pub struct StoredContact {
    pub external_id: String,
    /// Whether it is marked as gone.
    pub deleted: bool,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub company: Option<String>,
    pub lifecycle_stage: Option<String>,
}

/// A row of `events`; see [`buffalo_model::Event`]. What begins or ends has two columns, one for moments and one for days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the columns have the names of the model's fields, which are explained there"
)]
pub struct StoredEvent {
    pub external_id: String,
    /// Whether it is marked as gone.
    pub deleted: bool,
    pub calendar_external_id: Option<String>,
    pub status: String,
    pub raw_status: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub location: Option<String>,
    pub organizer_email: Option<String>,
    pub starts_at: Option<DateTime<Utc>>,
    pub start_date: Option<NaiveDate>,
    pub ends_at: Option<DateTime<Utc>>,
    pub end_date: Option<NaiveDate>,
    pub time_zone: Option<String>,
    pub recurrence: Option<String>,
    pub recurring_event_external_id: Option<String>,
    pub original_starts_at: Option<DateTime<Utc>>,
    pub original_start_date: Option<NaiveDate>,
    pub vendor_created_at: Option<DateTime<Utc>>,
}

impl Census {
    /// Those of these records that are stored.
    ///
    /// # Errors
    ///
    /// As of [`Census::note`].
    pub async fn stored(&mut self, external_ids: &[&str]) -> Result<Vec<StoredState>, StoreError> {
        let states = match self.entity {
            Entity::Payments => self.stored_payments(external_ids).await,
            Entity::Contacts => self.stored_contacts(external_ids).await,
            Entity::Events => self.stored_events(external_ids).await,
        };
        states.map_err(|error| classify(&self.server, "compare with what is stored", error))
    }

    async fn stored_payments(&mut self, external_ids: &[&str]) -> Result<Vec<StoredState>, sqlx::Error> {
        let rows = sqlx::query_as!(
            StoredPayment,
            r#"SELECT external_id, deleted_at IS NOT NULL AS "deleted!", status, amount_minor, currency,
                      uncaptured_minor, capturable_minor, withdrawn_minor, money_moved, without_payment, occurred_at,
                      parent_external_id
               FROM payments WHERE source = $1 AND entity = $2 AND external_id = ANY ($3)"#,
            self.source.as_str(),
            self.entity.as_str(),
            external_ids as &[&str],
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(StoredState::Payment).collect())
    }

    async fn stored_contacts(&mut self, external_ids: &[&str]) -> Result<Vec<StoredState>, sqlx::Error> {
        let rows = sqlx::query_as!(
            StoredContact,
            r#"SELECT external_id, deleted_at IS NOT NULL AS "deleted!", email, first_name, last_name, phone, company,
                      lifecycle_stage
               FROM contacts WHERE source = $1 AND entity = $2 AND external_id = ANY ($3)"#,
            self.source.as_str(),
            self.entity.as_str(),
            external_ids as &[&str],
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(StoredState::Contact).collect())
    }

    async fn stored_events(&mut self, external_ids: &[&str]) -> Result<Vec<StoredState>, sqlx::Error> {
        let rows = sqlx::query_as!(
            StoredEvent,
            r#"SELECT external_id, deleted_at IS NOT NULL AS "deleted!", calendar_external_id, status, raw_status, title,
                      description, location, organizer_email, starts_at, start_date, ends_at, end_date, time_zone,
                      recurrence, recurring_event_external_id, original_starts_at, original_start_date,
                      vendor_created_at
               FROM events WHERE source = $1 AND entity = $2 AND external_id = ANY ($3)"#,
            self.source.as_str(),
            self.entity.as_str(),
            external_ids as &[&str],
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|event| StoredState::Event(Box::new(event))).collect())
    }
}
