//! A contact: a person that a company knows.

/// A normalised contact, without the bookkeeping that the outbox row carries. What the vendor left empty is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// The e-mail address, in lower case.
    pub email: Option<String>,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// The telephone number as the vendor has it.
    pub phone: Option<String>,
    /// The company's name.
    pub company: Option<String>,
    /// How far the contact has come, in the vendor's word.
    pub lifecycle_stage: Option<String>,
    /// Whether the vendor has it in the bin: it is kept, and counts as gone.
    pub deleted: bool,
}
