//! An answer on its way out, and the body that can break off in the middle.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};

use super::errors::ApiError;

/// Status, headers and body of an answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub content_type: &'static str,
    pub body: Bytes,
}

impl Reply {
    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), content_type: "application/json", body: body.into() }
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The answer as hyper sends it; half of it when `truncated`.
    pub(super) fn into_response(self, truncated: bool) -> Response<ReplyBody> {
        let length = self.body.len();
        let body = if truncated {
            ReplyBody::Half(self.body.slice(..length / 2), length, 0)
        } else {
            self.body.into()
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status.try_into().unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        for (name, value) in &self.headers {
            // A name or value that HTTP does not allow can only come from a fault; it is left out.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Self {
        let mut reply = Self::json(error.status, error.json());
        for (name, value) in error.headers {
            reply = reply.header(name, value);
        }
        reply
    }
}

/// A body that is sent as a whole, or breaks off after the first half.
#[derive(Debug)]
pub(super) enum ReplyBody {
    Whole(Option<Bytes>),
    /// What is sent, the length that was promised, and how often the body was asked for more.
    Half(Bytes, usize, u8),
}

impl From<Bytes> for ReplyBody {
    fn from(body: Bytes) -> Self {
        Self::Whole(Some(body).filter(|body| !body.is_empty()))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Half(body, _, polls) => {
                *polls = polls.saturating_add(1);
                match *polls {
                    1 => Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
                    // Waiting makes the connection write out what it has before it learns of the failure.
                    2..=16 => {
                        context.waker().wake_by_ref();
                        Poll::Pending
                    }
                    _ => Poll::Ready(Some(Err(io::Error::other("the answer was cut off on request")))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, Bytes::len) as u64),
            Self::Half(_, promised, _) => SizeHint::with_exact(*promised as u64),
        }
    }
}
