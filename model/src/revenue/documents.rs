//! What an answer about revenue looks like once it is written, for the document about the HTTP face.
//!
//! [`Revenue`](super::Revenue) writes itself, so these types are never made; a test compares what both say.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Gap, Proof, Reporting};

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
    /// What disputes took, in minor units: the money that moved for them, whatever their status.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub disputed_cents: String,
    /// Of that, what open disputes hold; it is reinstated when they are won.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub disputed_open_cents: String,
    /// What is left, in minor units: gross less refunds and disputes.
    #[schema(pattern = "^-?[0-9]+$", example = "1229500")]
    pub net_revenue_cents: String,
    /// What may still be collected, in minor units: pending payments, and what is not captured yet. In no other figure.
    #[schema(pattern = "^-?[0-9]+$", example = "9900")]
    pub pending_cents: String,
    /// The number of them.
    #[schema(example = 1)]
    pub pending_count: i64,
    /// Refunds and disputes that may still go through, in minor units. In no other figure.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub pending_returns_cents: String,
    /// The number of them.
    #[schema(example = 0)]
    pub pending_returns_count: i64,
    /// Payments whose status Buffalo does not know, in minor units. In no other figure.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub unknown_cents: String,
    /// The number of them.
    #[schema(example = 0)]
    pub unknown_count: i64,
    /// Payments that were collected and are not counted, as another one stands for the same sale, in minor units.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub excluded_cents: String,
    /// The number of them.
    #[schema(example = 0)]
    pub excluded_count: i64,
    /// Refunds of money that never was a payment, in minor units. In no other figure.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub refunds_without_payment_cents: String,
    /// The number of them.
    #[schema(example = 0)]
    pub refunds_without_payment_count: i64,
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
    /// The sources that count; null for all there are.
    pub sources: Option<Vec<String>>,
    /// The zone in which days begin and end.
    #[schema(example = "Europe/Berlin")]
    pub timezone: String,
    /// On which day refunds and disputes count: their own (`event`) or that of the charge (`payment`).
    #[schema(example = "event")]
    pub basis: String,
    /// The instant as of which the figures were known; null for now.
    pub as_of: Option<DateTime<Utc>>,
    /// For each source the time up to which everything it said is in these figures; null where no fetch was completed.
    pub data_through: BTreeMap<String, Option<DateTime<Utc>>>,
    /// Whether nothing is known to be missing.
    pub complete: bool,
    /// Why something may be missing; empty where the figures are complete.
    pub incomplete_because: Vec<Gap>,
    /// How the figures were checked.
    pub drift: DriftCheck,
    /// The same of all other currencies that have any. Currencies are never added.
    pub other_currencies: Vec<RevenueTotals>,
    /// The totals of each source, by source and currency: how much of the figures comes from where.
    pub by_source: Vec<RevenueOfSource>,
    /// By the day of the charge: refunds and disputes whose charge is not known, by currency.
    pub unattributed: Vec<RevenueTotals>,
    /// The totals of all currencies in one; null where that was not asked for.
    pub reporting: Option<Reporting>,
}

/// What comes from a source, in a currency.
#[derive(ToSchema)]
pub struct RevenueOfSource {
    /// The source.
    #[schema(example = "stripe")]
    pub source: String,
    /// In one currency.
    #[serde(flatten)]
    pub totals: RevenueTotals,
}

/// How figures were checked against the payments they stand for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftCheck {
    /// When: every change of payments that was committed before is in the figures.
    pub checked_at: DateTime<Utc>,
    /// How many buckets of a quarter of an hour were computed from payments for this answer, as they had changed.
    #[schema(example = 0)]
    pub buckets_recomputed: i64,
    /// When everything was last verified, from raw records on (`buffalo verify`); null where it never was.
    pub verified_at: Option<DateTime<Utc>>,
}

impl DriftCheck {
    /// What an answer says of its proof.
    #[must_use]
    pub fn of(proof: &Proof) -> Self {
        let Proof { checked_at, buckets_recomputed, verified_at } = *proof;
        Self { checked_at, buckets_recomputed, verified_at }
    }
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
    /// What disputes took, in minor units.
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

/// Revenue by quarter of a calendar year.
#[derive(ToSchema)]
pub struct RevenueByQuarter {
    /// The whole range.
    #[serde(flatten)]
    pub summary: RevenueSummary,
    /// Those in which something happened, ascending.
    pub breakdown: Vec<RevenueOfQuarter>,
}

/// Figures of a quarter of a calendar year.
#[derive(ToSchema)]
pub struct RevenueOfQuarter {
    /// The quarter.
    #[schema(pattern = "^[0-9]{4}-Q[1-4]$", example = "2026-Q4")]
    pub quarter: String,
    /// What happened in it.
    #[serde(flatten)]
    pub figures: RevenueFigures,
}

/// Revenue by calendar year.
#[derive(ToSchema)]
pub struct RevenueByYear {
    /// The whole range.
    #[serde(flatten)]
    pub summary: RevenueSummary,
    /// Those in which something happened, ascending.
    pub breakdown: Vec<RevenueOfYear>,
}

/// Figures of a calendar year.
#[derive(ToSchema)]
pub struct RevenueOfYear {
    /// The year.
    #[schema(pattern = "^[0-9]{4}$", example = "2026")]
    pub year: String,
    /// What happened in it.
    #[serde(flatten)]
    pub figures: RevenueFigures,
}

#[cfg(test)]
#[path = "documents_tests.rs"]
mod tests;
