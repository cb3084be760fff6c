//! Bodies of requests that can be cut off: whoever waits for one does not wait longer than its answer may take.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A body that ends with an error as soon as its answer is given up.
pub(super) struct Cuttable {
    body: Body,
    given_up: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Said of what was still to come.
#[derive(Debug, thiserror::Error)]
#[error("the answer was given up before the body had come")]
struct CutOff;

impl Cuttable {
    pub(super) fn new(body: Body, given_up: CancellationToken) -> Self {
        Self { body, given_up: Box::pin(given_up.cancelled_owned()) }
    }
}

impl HttpBody for Cuttable {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => self.given_up.as_mut().poll(cx).map(|()| Some(Err(axum::Error::new(CutOff)))),
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
