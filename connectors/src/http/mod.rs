//! The one way in which connectors talk to vendors: limited in rate, in time, in size and in attempts.

mod client;
mod retry;

pub use client::{Answer, HttpClient, HttpSettings, Request, VendorError};
pub use retry::RetryPolicy;
