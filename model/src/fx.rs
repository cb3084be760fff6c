//! Exchange rates: amounts in another currency, computed exactly and rounded once, with the rate and date that were used.

mod conversion;
mod ecb;
mod known;
mod rate;
mod rates;

pub use conversion::{ConversionError, Converted, UsedRate};
pub use ecb::{RateProblem, RateSheet, SheetError};
pub use rate::{InvalidRate, Rate};
pub use rates::{EuroRate, MAX_RATE_AGE_DAYS, NoRate, Rates};

#[cfg(test)]
#[path = "fx/conversion_tests.rs"]
mod conversion_tests;
#[cfg(test)]
#[path = "fx/ecb_tests.rs"]
mod ecb_tests;
