//! Totals of all currencies in one, at the rates of a day.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Figures, Overflow};
use crate::{Currency, Rates};

/// The totals of all currencies, converted into one at the rates of the last day of the range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reporting {
    /// The currency of the totals.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// Gross, in minor units of it.
    #[schema(pattern = "^-?[0-9]+$", example = "1234500")]
    pub total_revenue_cents: String,
    /// Refunds.
    #[schema(pattern = "^-?[0-9]+$", example = "5000")]
    pub refunded_cents: String,
    /// What disputes took.
    #[schema(pattern = "^-?[0-9]+$", example = "0")]
    pub disputed_cents: String,
    /// What is left: gross less refunds and disputes, as they are written here.
    #[schema(pattern = "^-?[0-9]+$", example = "1229500")]
    pub net_revenue_cents: String,
    /// The rates that were used, each with its day.
    pub rates: Vec<ReportingRate>,
    /// Currencies without a rate that is not older than seven days: they are in no figure here.
    #[schema(value_type = Vec<String>)]
    pub unconverted: Vec<Currency>,
}

/// A rate that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportingRate {
    /// The currency that was converted.
    #[schema(value_type = String, example = "USD")]
    pub currency: Currency,
    /// How much of the other one a unit of it was worth.
    #[schema(example = "0.9230203064")]
    pub rate: String,
    /// The day of the rate: the newest that was published up to the day it was wanted for.
    pub date: NaiveDate,
}

impl Reporting {
    /// Converts totals at the rates of `day`.
    ///
    /// # Errors
    ///
    /// [`Overflow`] where a converted sum can't be reckoned with.
    pub fn of<'a>(
        totals: impl Iterator<Item = (Currency, &'a Figures)>,
        into: Currency,
        rates: &Rates,
        day: NaiveDate,
    ) -> Result<Self, Overflow> {
        let mut sum = Figures::default();
        let (mut used, mut unconverted) = (Vec::new(), Vec::new());
        for (currency, figures) in totals {
            let Ok(rate) = rates.on(currency, into, day) else {
                unconverted.push(currency);
                continue;
            };
            let add = |sum: i128, minor: i128| {
                rate.convert(minor).ok().and_then(|minor| sum.checked_add(minor)).ok_or(Overflow(into))
            };
            sum.collected = add(sum.collected, figures.collected)?;
            sum.refunded = add(sum.refunded, figures.refunded)?;
            sum.disputed = add(sum.disputed, figures.disputed)?;
            used.push(ReportingRate { currency, rate: rate.shown(), date: rate.date() });
        }
        let net = sum.checked_net().ok_or(Overflow(into))?;
        Ok(Self {
            currency: into,
            total_revenue_cents: sum.collected.to_string(),
            refunded_cents: sum.refunded.to_string(),
            disputed_cents: sum.disputed.to_string(),
            net_revenue_cents: net.to_string(),
            rates: used,
            unconverted,
        })
    }
}

#[cfg(test)]
#[path = "reporting_tests.rs"]
mod tests;
