//! What is asked of a vendor.

use reqwest::Method;

/// A request to be made: a GET, or a POST of JSON. No record is ever changed at a vendor: what is posted are searches, and
/// what opens and closes push channels.
#[derive(Debug)]
pub struct Request<'a> {
    /// The path below the base address.
    pub path: &'a str,
    /// The query, not yet encoded.
    pub query: &'a [(&'a str, String)],
    /// Headers beside the authorisation.
    pub headers: &'a [(&'static str, &'a str)],
    /// The JSON to post; with it the request is a POST.
    pub post: Option<&'a str>,
}

impl Request<'_> {
    pub(super) fn method(&self) -> Method {
        if self.post.is_some() { Method::POST } else { Method::GET }
    }
}
