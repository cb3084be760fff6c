//! The places that may read statuses of payments or add up amounts, each with its reason.

use crate::finding::{Finding, Kind};

/// A place, and what it may do.
#[derive(Debug)]
pub struct Allowed {
    /// The file from the workspace on, or a folder with `/` at its end; `*` stands for one part of a path.
    pub path: &'static str,
    /// What it may do.
    pub may: &'static [Kind],
    /// Why.
    pub reason: &'static str,
}

/// All exceptions. The first ones are the implementation; whoever adds another says why it is no second one.
pub const ALLOWED: &[Allowed] = &[
    Allowed {
        path: "migrations/20261121000016_revenue_buckets.sql",
        may: &[Kind::Sum, Kind::Unreadable],
        reason: "the implementation: what a payment counts for (revenue_rows), its kept sums, and the triggers that mark them",
    },
    Allowed {
        path: "migrations/20261121000021_revenue_marks_by_statement.sql",
        may: &[Kind::Sum, Kind::Unreadable],
        reason: "the implementation until migration 25: what migration 16 says, with lookups one by one and a mark for a statement",
    },
    Allowed {
        path: "migrations/20261201000025_money_that_moved.sql",
        may: &[Kind::Sum, Kind::Unreadable],
        reason: "the implementation as it is now: what a payment counts for (revenue_rows), and the triggers that keep history",
    },
    Allowed {
        path: "migrations/20261201000027_revenue_by_source.sql",
        may: &[Kind::Sum, Kind::Unreadable],
        reason: "the implementation as it is now: kept sums and rows put together",
    },
    Allowed {
        path: "migrations/20261121000019_revenue_of_days.sql",
        may: &[Kind::Sum, Kind::Unreadable],
        reason: "the implementation until migration 27: puts kept sums and rows together",
    },
    Allowed {
        path: "migrations/20261121000023_revenue_changes.sql",
        may: &[Kind::Unreadable],
        reason: "the implementation: the rows of one payment (revenue_rows_of), in a language that the parser does not know",
    },
    Allowed {
        path: "migrations/20261201000026_missing_returns.sql",
        may: &[Kind::Status, Kind::Sum, Kind::Unreadable],
        reason: "what a sale claims against all its stored refunds, whatever they count for, and no revenue",
    },
    Allowed {
        path: "store/queries/revenue/",
        may: &[Kind::Status, Kind::Sum],
        reason: "the implementation: sums over revenue_rows",
    },
    Allowed {
        path: "model/src/revenue/figures.rs",
        may: &[Kind::Sum],
        reason: "the implementation: puts sums into figures",
    },
    Allowed {
        path: "store/src/revenue/verify.rs",
        may: &[Kind::Sum],
        reason: "the implementation: mends the sums that are kept",
    },
    Allowed {
        path: "store/queries/request_open_payments.sql",
        may: &[Kind::Unreadable],
        reason: "no figure: which payments may still change, so that they are read again",
    },
    Allowed {
        path: "src/overlaps.rs",
        may: &[Kind::Sum],
        reason: "what pairs of payments come to, whatever of it is revenue",
    },
    Allowed {
        path: "model/src/payment.rs",
        may: &[Kind::Status, Kind::Unmapped],
        reason: "the definition: writes each status as a word",
    },
    Allowed {
        path: "connectors/src/*/normalise.rs",
        may: &[Kind::Status, Kind::Unmapped],
        reason: "makes the status, and reads what it just made: how much of a charge was captured hangs on it",
    },
    Allowed {
        path: "connectors/src/stripe/disputed.rs",
        may: &[Kind::Status, Kind::Unmapped],
        reason: "reads the status that was just made: what a dispute took hangs on how it ended",
    },
    Allowed {
        path: "connectors/src/sandbox/",
        may: &[Kind::Sum],
        reason: "the vendor's side: says from its own objects what the figures should be",
    },
    Allowed {
        path: "jobs/src/process/tally.rs",
        may: &[Kind::Unmapped],
        reason: "notes words of vendors that nobody mapped",
    },
    Allowed {
        path: "store/src/status.rs",
        may: &[Kind::Unmapped],
        reason: "the list of words that nobody mapped",
    },
    Allowed {
        path: "store/src/census.rs",
        may: &[Kind::Status, Kind::Sum],
        reason: "the stored side of a reconciliation: everything by its status, whatever it means, and no revenue",
    },
    Allowed {
        path: "jobs/src/reconcile/findings.rs",
        may: &[Kind::Sum],
        reason: "the listed side of a reconciliation: everything by its status, whatever it means, and no revenue",
    },
];

impl Allowed {
    pub(crate) fn excuses(&self, finding: &Finding) -> bool {
        self.may.contains(&finding.kind) && covers(self.path, &finding.path)
    }
}

fn covers(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    for expected in pattern.split('/') {
        match parts.next() {
            // What follows the `/` at the end of a folder.
            Some(_) if expected.is_empty() => return true,
            Some(part) if expected == "*" || expected == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}
