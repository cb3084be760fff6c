//! `Idempotency-Key`: a request that is repeated gets the answer of the first, and the work is done once.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use buffalo_model::{Clock, SystemClock};
use buffalo_store::{IdempotentRequest, KeyState, StoredAnswer};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::App;
use super::auth::Caller;
use super::error::ApiError;
use crate::question::{FieldProblem, ProblemCode};

const HEADER: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const LONGEST: usize = 255;

/// How often the lease of a key is renewed; many times within the lease, as the database may be away for a while.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// The key of a request, which [`require_key`] has read.
#[derive(Debug, Clone)]
struct Key(String);

/// A request that changes something, with its key.
pub(super) struct Once {
    request: IdempotentRequest,
    /// The body as it came.
    pub(super) body: Bytes,
}

/// What a request that changes something is answered.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: String,
}

impl Answer {
    /// Something that was begun, or that took effect.
    pub(super) fn accepted(document: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(document).map_err(|error| {
            tracing::error!(%error, "an answer can't be written");
            ApiError::internal()
        })?;
        Ok(Self { status: StatusCode::ACCEPTED, body })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, [(CONTENT_TYPE, "application/json")], self.body).into_response()
    }
}

impl<S: Send + Sync> FromRequest<S> for Once {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        // The middleware that admits callers puts it there.
        let Extension(caller) = Extension::<Caller>::from_request_parts(&mut parts, state)
            .await
            .map_err(|_| ApiError::invalid_admin_key())?;
        let Extension(Key(key)) = Extension::<Key>::from_request_parts(&mut parts, state)
            .await
            .map_err(|_| ApiError::idempotency_key_required())?;
        let target = format!("{} {}", parts.method, parts.uri);
        let request = Request::from_parts(parts, body);
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => ApiError::body_too_large(),
                _ => ApiError::unreadable_body("the body can't be read to its end"),
            }
        })?;
        let mut fingerprint = Sha256::new();
        fingerprint.update(target.as_bytes());
        fingerprint.update([0]);
        fingerprint.update(&body);
        let fingerprint = fingerprint.finalize().to_vec();
        Ok(Self { request: IdempotentRequest { caller: caller.to_string(), key, fingerprint }, body })
    }
}

/// Lets through who sends a key, before anything else is looked at: without one, nothing that is asked for may be done.
pub(super) async fn require_key(mut request: Request, next: Next) -> Result<Response, ApiError> {
    if request.method() == Method::POST {
        let key = Key(key(request.headers())?);
        request.extensions_mut().insert(key);
    }
    Ok(next.run(request).await)
}

fn key(headers: &HeaderMap) -> Result<String, ApiError> {
    let value = headers.get(HEADER).ok_or_else(ApiError::idempotency_key_required)?;
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:-".contains(byte);
    let bytes = value.as_bytes();
    if (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(allowed) {
        return Ok(String::from_utf8_lossy(bytes).into_owned());
    }
    Err(ApiError::validation_in(
        "header",
        vec![FieldProblem {
            field: "Idempotency-Key".into(),
            message: "must be 1 to 255 of A-Z a-z 0-9 . _ : -".to_owned(),
            code: ProblemCode::InvalidIdempotencyKey,
        }],
    ))
}

impl Once {
    /// Does the work if the key is free, and stores its answer; an error frees the key again.
    ///
    /// The work goes on when the caller hangs up: a caller who repeats the request is told how it ended.
    pub(super) async fn answer<W>(self, app: &App, work: W) -> Result<Response, ApiError>
    where
        W: Future<Output = Result<Answer, ApiError>> + Send + 'static,
    {
        match app.store.reserve_key(&self.request, SystemClock.now()).await? {
            KeyState::Mismatch => Err(ApiError::idempotency_key_mismatch()),
            KeyState::InProgress => Err(ApiError::idempotency_in_progress()),
            KeyState::Answered(answer) => {
                let status = StatusCode::from_u16(answer.status).map_err(|_| ApiError::internal())?;
                let mut response = Answer { status, body: answer.body }.into_response();
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(response)
            }
            KeyState::Reserved(reservation) => {
                let done = app.background.finish(settled(app.clone(), reservation, work)).await;
                done.unwrap_or_else(|| Err(ApiError::internal())).map(IntoResponse::into_response)
            }
        }
    }
}

/// Renews the lease of a key for as long as it is waited for: work may take longer than its request.
async fn keep(app: &App, reservation: Uuid) -> Infallible {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        if let Err(error) = app.store.renew_key(reservation, SystemClock.now()).await {
            tracing::warn!(%error, "the lease of an idempotency key could not be renewed");
        }
    }
}

async fn settled<W>(app: App, reservation: Uuid, work: W) -> Result<Answer, ApiError>
where
    W: Future<Output = Result<Answer, ApiError>>,
{
    let answer = tokio::select! {
        answer = work => answer,
        never = keep(&app, reservation) => match never {},
    };
    let noted = match &answer {
        Ok(Answer { status, body }) => {
            let stored = StoredAnswer { status: status.as_u16(), body: body.clone() };
            app.store.answer_key(reservation, &stored).await
        }
        Err(_) => app.store.release_key(reservation).await,
    };
    if let Err(error) = noted {
        // The work stands as it is; the key is free when its lease ends.
        tracing::error!(%error, "an idempotency key could not be settled");
    }
    answer
}
