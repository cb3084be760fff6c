//! What a record becomes.

use crate::text::{drop_unless_word, keep_storable, keep_storable_id, keep_storable_text};
use crate::{Contact, Event, EventStatus, MAX_WORD_BYTES, Payment};

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

    /// The same with every text as it can be stored. What is looked up as a whole, such as an address, is left out where it
    /// would have to be changed.
    #[must_use]
    pub fn storable(mut self) -> Self {
        match &mut self {
            Self::Payment(payment) => payment.keep_storable(),
            Self::Contact(contact) => contact.keep_storable(),
            Self::Event(event) => event.keep_storable(),
            Self::Gone => {}
        }
        self
    }
}

impl Payment {
    fn keep_storable(&mut self) {
        keep_storable(&mut self.raw_status, MAX_WORD_BYTES);
        for id in [&mut self.parent_external_id, &mut self.customer_external_id].into_iter().flatten() {
            keep_storable_id(id);
        }
        drop_unless_word(&mut self.customer_email);
    }
}

impl Contact {
    fn keep_storable(&mut self) {
        drop_unless_word(&mut self.email);
        let Self { first_name, last_name, phone, company, lifecycle_stage, .. } = self;
        for text in [first_name, last_name, phone, company, lifecycle_stage] {
            keep_storable_text(text);
        }
    }
}

impl Event {
    fn keep_storable(&mut self) {
        keep_storable(&mut self.raw_status, MAX_WORD_BYTES);
        keep_storable_id(&mut self.calendar_external_id);
        if let Some(id) = &mut self.recurring_event_external_id {
            keep_storable_id(id);
        }
        drop_unless_word(&mut self.organizer_email);
        drop_unless_word(&mut self.time_zone);
        for text in [&mut self.title, &mut self.description, &mut self.location, &mut self.recurrence] {
            keep_storable_text(text);
        }
    }
}
