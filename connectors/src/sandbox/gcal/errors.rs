//! Google's error answers.

use super::reply::Reply;

/// An error as the API states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: u16,
    reason: String,
    message: String,
    /// The parameter at fault.
    parameter: Option<&'static str>,
}

impl ApiError {
    fn new(status: u16, reason: &str, message: &str) -> Self {
        Self { status, reason: reason.to_owned(), message: message.to_owned(), parameter: None }
    }

    pub(super) fn invalid(parameter: &'static str, message: &str) -> Self {
        Self { parameter: Some(parameter), ..Self::new(400, "invalid", message) }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "notFound", "Not Found")
    }

    pub(super) fn sync_token_gone() -> Self {
        let message = "Sync token is no longer valid, a full sync is required.";
        Self { parameter: Some("syncToken"), ..Self::new(410, "fullSyncRequired", message) }
    }

    /// The usual error for a status that a fault asks for.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::new(401, "authError", "Invalid Credentials"),
            403 => Self::of_reason(403, "forbidden"),
            404 => Self::not_found(),
            410 => Self::sync_token_gone(),
            429 => Self::of_reason(429, "rateLimitExceeded"),
            500.. => Self::new(status, "backendError", "Backend Error"),
            _ => Self::new(status, "badRequest", "Bad Request"),
        }
    }

    /// An error for a reason, of which one status may have several.
    pub(super) fn of_reason(status: u16, reason: &str) -> Self {
        let message = match reason {
            "rateLimitExceeded" => "Rate Limit Exceeded",
            "userRateLimitExceeded" => "User Rate Limit Exceeded",
            "quotaExceeded" => "Calendar usage limits exceeded.",
            "insufficientPermissions" => "Request had insufficient authentication scopes.",
            "forbidden" => "The caller does not have permission",
            _ => "The request was refused.",
        };
        Self::new(status, reason, message)
    }

    pub(super) fn into_reply(self) -> Reply {
        let domain = if self.reason.ends_with("Exceeded") { "usageLimits" } else { "global" };
        let mut detail =
            serde_json::json!({"domain": domain, "reason": self.reason, "message": self.message});
        if let Some(parameter) = self.parameter {
            detail["locationType"] = "parameter".into();
            detail["location"] = parameter.into();
        }
        let mut error = serde_json::json!({"code": self.status, "message": self.message, "errors": [detail]});
        if let Some(name) = name(self.status) {
            error["status"] = name.into();
        }
        Reply::json(self.status, serde_json::json!({ "error": error }).to_string())
    }
}

/// Google's word for a status; 410 has none.
fn name(status: u16) -> Option<&'static str> {
    Some(match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        _ => return None,
    })
}
