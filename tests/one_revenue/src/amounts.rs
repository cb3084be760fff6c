//! The words by which money is known: tables, columns, fields, statuses.

/// Tables with payments. Those that begin with `revenue_` hold what was made of them.
const TABLES: [&str; 2] = ["payments", "payment_history"];

/// Columns and fields that hold an amount of a payment.
const AMOUNTS: [&str; 4] = ["amount_minor", "uncaptured_minor", "capturable_minor", "claimed_refunded_minor"];

/// Columns and fields that hold an amount, or a figure.
const FIGURES: [&str; 5] = ["collected", "refunded", "disputed", "gross", "net"];

/// Statuses that no other table has.
const STATUSES: [&str; 3] = ["COLLECTED", "REFUNDED", "DISPUTED"];

/// Whether a table holds payments, or what was made of them.
pub(crate) fn is_table(name: &str) -> bool {
    let name = name.to_lowercase();
    TABLES.contains(&name.as_str()) || is_made_of_payments(&name)
}

/// Whether a table holds sums of payments.
pub(crate) fn is_made_of_payments(name: &str) -> bool {
    name.to_lowercase().starts_with("revenue_")
}

/// Whether a column or field holds an amount of a payment.
pub(crate) fn is_amount(name: &str) -> bool {
    let name = name.to_lowercase();
    AMOUNTS.contains(&name.as_str())
}

/// Whether a column or field holds an amount of a payment, or a sum of such.
pub(crate) fn is_figure(name: &str) -> bool {
    is_amount(name) || FIGURES.contains(&name.to_lowercase().as_str())
}

/// Whether a word of a statement makes it one about money.
pub(crate) fn names_money(word: &str) -> bool {
    is_table(word) || is_amount(word)
}

/// Whether a text is the status of a payment that counts into revenue.
pub(crate) fn is_status(text: &str) -> bool {
    STATUSES.contains(&text)
}
