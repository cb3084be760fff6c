//! Google's error answers.

use super::reply::Reply;

/// An error as the API states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: u16,
    reason: &'static str,
    message: String,
}

impl ApiError {
    fn new(status: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "badRequest", message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "notFound", "Not Found")
    }

    pub(super) fn sync_token_gone() -> Self {
        Self::new(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
    }

    /// The usual error for a status that a fault asks for.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::new(401, "authError", "Invalid Credentials"),
            403 => Self::new(403, "forbidden", "The caller does not have permission"),
            404 => Self::not_found(),
            410 => Self::sync_token_gone(),
            429 => Self::new(429, "rateLimitExceeded", "Rate Limit Exceeded"),
            500.. => Self::new(status, "backendError", "Backend Error"),
            _ => Self::new(status, "badRequest", "Bad Request"),
        }
    }

    pub(super) fn into_reply(self) -> Reply {
        let body = serde_json::json!({"error": {
            "code": self.status,
            "message": self.message,
            "errors": [{"domain": "global", "reason": self.reason, "message": self.message}],
        }});
        Reply::json(self.status, body.to_string())
    }
}
