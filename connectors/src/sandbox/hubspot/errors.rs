//! HubSpot's error answers.

use super::ids::mix;
use super::reply::Reply;

/// An error as the API states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub status: u16,
    pub category: &'static str,
    pub message: String,
    /// Which limit a 429 is about.
    pub policy: Option<&'static str>,
    pub headers: Vec<(&'static str, String)>,
}

impl ApiError {
    fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self { status, category, message: message.into(), policy: None, headers: Vec::new() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more \
             details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    pub(super) fn limited(policy: &'static str, message: &str) -> Self {
        Self { policy: Some(policy), ..Self::new(429, "RATE_LIMITS", message) }
    }

    /// The usual error for a status that a fault asks for.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::unauthorized(),
            403 => Self::new(
                403,
                "MISSING_SCOPES",
                "This app hasn't been granted all required scopes to make this call. Read more about required \
                 scopes here: https://developers.hubspot.com/scopes.",
            ),
            404 => Self::not_found(),
            423 => {
                Self::new(423, "LOCKED", "The resource is locked by a running import; wait and try again.")
            }
            429 => Self::limited("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit."),
            500.. => Self::new(status, "INTERNAL_ERROR", "internal error"),
            _ => Self::new(status, "VALIDATION_ERROR", "The request was refused."),
        }
    }

    /// The answer; `number` makes its correlation id.
    pub(super) fn into_reply(self, seed: u64, number: u64) -> Reply {
        let mut body = serde_json::json!({
            "status": "error",
            "message": self.message,
            "correlationId": correlation_id(seed, number),
            "category": self.category,
        });
        if let Some(policy) = self.policy {
            body["errorType"] = "RATE_LIMIT".into();
            body["policyName"] = policy.into();
        }
        let reply = Reply::json(self.status, body.to_string());
        self.headers.into_iter().fold(reply, |reply, (name, value)| reply.header(name, value))
    }
}

fn correlation_id(seed: u64, number: u64) -> String {
    let (high, low) = (mix(seed, 410, number), mix(seed, 411, number));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}
