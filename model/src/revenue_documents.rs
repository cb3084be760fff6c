//! What an answer about revenue looks like once it is written, for the document about the HTTP face.
//!
//! [`Revenue`](crate::Revenue) writes itself, so these types are never made; a test compares what both say.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use utoipa::ToSchema;

/// What was collected in a currency, and what went back.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RevenueTotals {
    /// Gross, in minor units: payments that were collected.
    #[schema(pattern = "^-?[0-9]+$", example = "1234500")]
    pub total_revenue_cents: String,
    /// The currency, by its three letters.
    #[schema(pattern = "^[A-Z]{3}$", example = "USD")]
    pub currency: String,
    /// Payments that were collected.
    #[schema(example = 42)]
    pub count: i64,
    /// Refunds, in minor units.
    #[schema(pattern = "^-?[0-9]+$", example = "5000")]
    pub refunded_cents: String,
    /// Lost disputes, in minor units.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub disputed_cents: String,
    /// What is left, in minor units: gross less refunds and lost disputes.
    #[schema(pattern = "^-?[0-9]+$", example = "1229500")]
    pub net_revenue_cents: String,
}

/// Revenue of a range of days.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RevenueSummary {
    /// In the currency that was asked for.
    #[serde(flatten)]
    pub totals: RevenueTotals,
    /// The first day that was asked for.
    #[schema(example = "2026-01-01")]
    pub start_date: Option<NaiveDate>,
    /// The last day that was asked for, included.
    #[schema(example = "2026-12-31")]
    pub end_date: Option<NaiveDate>,
    /// The source that was asked for; null for all.
    #[schema(example = "stripe")]
    pub source: Option<String>,
    /// The zone in which days begin and end.
    #[schema(example = "Europe/Berlin")]
    pub timezone: String,
    /// For each source the time up to which everything it said is in these figures; null where no fetch was completed.
    pub data_through: BTreeMap<String, Option<DateTime<Utc>>>,
    /// The same of all other currencies that have any. Currencies are never added.
    pub other_currencies: Vec<RevenueTotals>,
}

/// Figures of a part of the range.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RevenueFigures {
    /// Gross, in minor units: payments that were collected.
    #[schema(pattern = "^-?[0-9]+$", example = "1234500")]
    pub amount_cents: String,
    /// Payments that were collected.
    #[schema(example = 42)]
    pub count: i64,
    /// Refunds, in minor units.
    #[schema(pattern = "^-?[0-9]+$", example = "5000")]
    pub refunded_cents: String,
    /// Lost disputes, in minor units.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub disputed_cents: String,
    /// What is left, in minor units.
    #[schema(pattern = "^-?[0-9]+$", example = "1229500")]
    pub net_cents: String,
}

/// Revenue by day.
#[derive(ToSchema)]
pub struct RevenueByDay {
    /// The whole range.
    #[serde(flatten)]
    pub summary: RevenueSummary,
    /// Days on which something happened, ascending.
    pub breakdown: Vec<RevenueOfDay>,
}

/// Figures of a day.
#[derive(ToSchema)]
pub struct RevenueOfDay {
    /// The day.
    #[schema(example = "2026-11-30")]
    pub date: NaiveDate,
    /// What happened in it.
    #[serde(flatten)]
    pub figures: RevenueFigures,
}

/// Revenue by week.
#[derive(ToSchema)]
pub struct RevenueByWeek {
    /// The whole range.
    #[serde(flatten)]
    pub summary: RevenueSummary,
    /// Weeks in which something happened, ascending.
    pub breakdown: Vec<RevenueOfWeek>,
}

/// Figures of a week.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RevenueOfWeek {
    /// The Monday with which the week begins.
    #[schema(example = "2026-11-30")]
    pub week_start_date: NaiveDate,
    /// What happened in it.
    #[serde(flatten)]
    pub figures: RevenueFigures,
}

/// Revenue by calendar month.
#[derive(ToSchema)]
pub struct RevenueByMonth {
    /// The whole range.
    #[serde(flatten)]
    pub summary: RevenueSummary,
    /// Months in which something happened, ascending.
    pub breakdown: Vec<RevenueOfMonth>,
}

/// Figures of a month.
#[derive(ToSchema)]
pub struct RevenueOfMonth {
    /// The month.
    #[schema(pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-11")]
    pub month: String,
    /// What happened in it.
    #[serde(flatten)]
    pub figures: RevenueFigures,
}

#[cfg(test)]
#[path = "revenue_documents_tests.rs"]
mod tests;
