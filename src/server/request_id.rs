//! `X-Request-Id`: the caller's, or one of ours, on every answer and in every error.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use tracing::field::Empty;

use super::error::ApiError;

const HEADER: &str = "x-request-id";
const LONGEST: usize = 128;

/// Answers with the request's id, which every log line of it carries, and writes the body of errors.
pub(super) async fn identify(request: Request, next: Next) -> Response {
    let given = request.headers().get(HEADER).and_then(|value| usable(value.as_bytes()));
    let id = given.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    // Of the highest level, so that it is there at every LOG_LEVEL. The caller is written into it once a key is known.
    let span = tracing::error_span!("request", request_id = %id, caller = Empty);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = async {
        let began = Instant::now();
        let response = next.run(request).await;
        let route = route.as_ref().map_or("none", MatchedPath::as_str);
        let (status, took_ms) = (response.status().as_u16(), began.elapsed().as_millis());
        // Reads are many, and metrics count them; what changes something is kept.
        if method == Method::GET && status < 500 {
            tracing::debug!(%method, route, status, took_ms, "answered");
        } else {
            tracing::info!(%method, route, status, took_ms, "answered");
        }
        response
    }
    .instrument(span)
    .await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        response = written(response, error.with_request_id(&id));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// An error with its body, and with all that was added to it on its way here.
fn written(response: Response, error: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    let (of_error, body) = error.into_parts();
    // Those of the body that it did not have.
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(of_error.headers);
    Response::from_parts(parts, body)
}

/// The caller's id without control characters; none when it is too long or nothing is left.
fn usable(given: &[u8]) -> Option<String> {
    if given.len() > LONGEST {
        return None;
    }
    let id: String =
        given.iter().copied().filter(|byte| (0x20..0x7f).contains(byte)).map(char::from).collect();
    (!id.trim().is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_cleaned_or_replaced() {
        assert_eq!(usable(b"abc-1"), Some("abc-1".to_owned()));
        assert_eq!(usable(b"a\tb\x7fc\xff"), Some("abc".to_owned()));
        assert_eq!(usable(b"\x01"), None);
        assert_eq!(usable(&[b'a'; 129]), None);
        assert_eq!(usable(&[b'a'; 128]).map(|id| id.len()), Some(128));
    }
}
