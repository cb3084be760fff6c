//! What is found, and what to do instead.

use std::fmt;

/// What somebody does who computes revenue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Decides by the status of a payment.
    Status,
    /// Asks whether the status of a payment is unknown, which is about words and not about money.
    Unmapped,
    /// Adds up amounts, or reads figures that were added up.
    Sum,
    /// Names payments, amounts or revenue in what the check can't parse.
    Unreadable,
}

/// Something that belongs to the one implementation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the workspace on, with `/` between its parts.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What it does there.
    pub kind: Kind,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Status => {
                "decides by the status of a payment; what counts as revenue is decided by `Store::revenue` alone, so \
                 ask it (of another table's status, write the table before the column)"
            }
            Kind::Unmapped => "looks for unknown statuses; `Store::unmapped_statuses` lists them, so ask it",
            Kind::Sum => {
                "adds up amounts of payments, or reads what was added up; ask `Store::revenue`, whose figures are proved"
            }
            Kind::Unreadable => {
                "names payments, amounts or revenue where they can't be read; write the statement in one piece, in words \
                 that sqlparser knows"
            }
        };
        write!(f, "{}:{}: {what}", self.path, self.line)
    }
}
