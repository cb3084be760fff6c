//! The one way in which connectors talk to vendors: limited in rate, in time, in size and in attempts.

mod answer;
mod auth;
mod breaker;
mod client;
mod failure;
mod request;
mod request_counter;
mod retry;
mod settings;

pub use answer::Answer;
pub use auth::{Auth, IssueError, IssuedTokens, Token, TokenIssuer};
pub use breaker::BreakerPolicy;
pub use client::HttpClient;
pub use request::Request;
pub use retry::RetryPolicy;
pub use settings::{HttpSettings, VendorError};
