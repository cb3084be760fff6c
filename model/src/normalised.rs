//! What a record becomes.

use crate::{Contact, Event, Payment};

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
