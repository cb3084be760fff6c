//! The one way in which connectors talk to vendors: limited in rate, in time, in size and in attempts.

mod auth;
mod breaker;
mod client;
mod requests;
mod retry;

pub use auth::{Auth, IssueError, IssuedTokens, Token, TokenIssuer};
pub use breaker::BreakerPolicy;
pub use client::{Answer, HttpClient, HttpSettings, Request, VendorError};
pub use retry::RetryPolicy;
