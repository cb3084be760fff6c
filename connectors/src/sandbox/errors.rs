//! Stripe's error answers.

use super::json::push_string;

/// An error as the API states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub status: u16,
    /// Stripe's `type`.
    pub class: &'static str,
    pub code: Option<&'static str>,
    pub message: String,
    pub param: Option<String>,
    /// Headers beyond the usual ones.
    pub headers: Vec<(&'static str, &'static str)>,
}

impl ApiError {
    fn new(status: u16, class: &'static str, code: Option<&'static str>, message: String) -> Self {
        Self { status, class, code, message, param: None, headers: Vec::new() }
    }

    /// A request that is wrong in itself.
    pub(super) fn invalid(code: Option<&'static str>, param: &str, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..Self::new(400, "invalid_request_error", code, message.into())
        }
    }

    /// An id that leads nowhere: 404 in a path, 400 in a parameter.
    pub(super) fn missing(status: u16, object: &str, id: &str, param: &str) -> Self {
        let message = format!("No such {object}: '{id}'");
        Self { status, ..Self::invalid(Some("resource_missing"), param, message) }
    }

    pub(super) fn unknown_url(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help \
             at https://support.stripe.com/."
        );
        Self::new(404, "invalid_request_error", None, message)
    }

    pub(super) fn invalid_version(version: &str) -> Self {
        Self::new(400, "invalid_request_error", None, format!("Invalid Stripe API version: {version}"))
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        let headers = vec![("www-authenticate", "Bearer realm=\"Stripe\"")];
        Self { headers, ..Self::new(401, "invalid_request_error", None, message.into()) }
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "invalid_request_error", None, message.into())
    }

    pub(super) fn rate_limited() -> Self {
        let message = "Request rate limit exceeded. Learn more about rate limits here \
                       https://stripe.com/docs/rate-limits.";
        let headers = vec![("stripe-rate-limited-reason", "global-rate")];
        Self { headers, ..Self::new(429, "invalid_request_error", Some("rate_limit"), message.to_owned()) }
    }

    /// The usual error for a status that a fault asks for.
    pub(super) fn of_status(status: u16) -> Self {
        let message = |text: &str| text.to_owned();
        match status {
            401 => Self::unauthorized("Invalid API Key provided: sk_test_****fake"),
            403 => {
                Self::forbidden("The provided key does not have the required permissions for this endpoint.")
            }
            // Without `Stripe-Rate-Limited-Reason` this is what a 429 means.
            409 | 429 => Self::new(
                status,
                "invalid_request_error",
                Some("lock_timeout"),
                message(
                    "This object cannot be accessed right now because another API request or Stripe process \
                     is currently accessing it.",
                ),
            ),
            500.. => Self::new(status, "api_error", None, message("An unknown error occurred")),
            _ => Self::new(status, "invalid_request_error", None, message("The request was refused.")),
        }
    }

    pub(super) fn with_message(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// The answer's body.
    pub(super) fn json(&self) -> Vec<u8> {
        let mut out = b"{\"error\":{".to_vec();
        if let Some(code) = self.code {
            member(&mut out, "code", code);
            let page = code.replace('_', "-");
            member(&mut out, "doc_url", &format!("https://stripe.com/docs/error-codes/{page}"));
        }
        member(&mut out, "message", &self.message);
        if let Some(param) = &self.param {
            member(&mut out, "param", param);
        }
        out.extend_from_slice(b"\"type\":");
        push_string(&mut out, self.class);
        out.extend_from_slice(b"}}");
        out
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    push_string(out, name);
    out.push(b':');
    push_string(out, value);
    out.push(b',');
}
