//! How a source's API is to be treated.

use std::num::NonZeroU32;
use std::time::Duration;

use reqwest::header::HeaderMap;

use super::auth::Auth;
use super::breaker::BreakerPolicy;
use super::retry::RetryPolicy;

/// How a source's API is to be treated.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address before every path.
    pub base_url: String,
    /// What requests are authorised with.
    pub auth: Auth,
    /// Requests a second; none for no limit.
    pub rate_limit_per_sec: Option<NonZeroU32>,
    /// How failed requests are made again.
    pub retry: RetryPolicy,
    /// When the source is left alone for a while.
    pub breaker: BreakerPolicy,
    /// The longest a single attempt may take, connecting included.
    pub timeout: Duration,
    /// The largest body that is read, decompressed.
    pub max_body_bytes: usize,
    /// What the vendor says of an error body.
    pub read_error: fn(&[u8]) -> VendorError,
    /// Whether the vendor itself says that trying again helps; none when it is silent.
    pub vendor_says_retry: fn(&HeaderMap) -> Option<bool>,
}

/// The vendor's own account of an error.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct VendorError {
    /// Its words.
    pub message: String,
    /// Its code for the reason.
    pub code: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
    /// Whether it says that there were too many requests, though the status says something else.
    pub asks_for_patience: bool,
    /// Whether it says that what it allows in a day is used up, so that trying again soon is of no use.
    pub day_used_up: bool,
}
