//! What a record becomes.

use crate::{Contact, Event, EventStatus, Payment};

/// What the payload of a record became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normalised {
    /// A payment.
    Payment(Payment),
    /// A contact.
    Contact(Contact),
    /// An event of a calendar.
    Event(Event),
    /// The record is gone, and the payload says nothing else: what is known of it is kept, and counts no more.
    Gone,
}

impl Normalised {
    /// Whether it says that the record is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Payment(payment) => payment.deleted,
            Self::Contact(contact) => contact.deleted,
            Self::Event(event) => event.status == EventStatus::Cancelled,
            Self::Gone => true,
        }
    }
}
