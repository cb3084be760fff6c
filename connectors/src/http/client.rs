//! Requests: built, limited, made, made again, and their answers judged.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backon::Retryable;
use buffalo_model::{Circuit, Clock, RequestCounts, Source};
use chrono::{DateTime, TimeDelta, Utc};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::RetryPolicy;
use super::auth::{Auth, IssueError};
use super::breaker::{Breaker, BreakerPolicy, Verdict};
use super::requests::RequestCounter;
use crate::SourceError;

/// The least time before a locked resource is asked for again, when the vendor does not say: HubSpot's advice.
const LOCKED_WAIT: Duration = Duration::from_secs(2);

/// How a source's API is to be treated.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address before every path.
    pub base_url: String,
    /// What requests are authorised with.
    pub auth: Auth,
    /// Requests a second; none for no limit.
    pub rate_limit_per_sec: Option<NonZeroU32>,
    /// How failed requests are made again.
    pub retry: RetryPolicy,
    /// When the source is left alone for a while.
    pub breaker: BreakerPolicy,
    /// The longest a single attempt may take, connecting included.
    pub timeout: Duration,
    /// The largest body that is read, decompressed.
    pub max_body_bytes: usize,
    /// What the vendor says of an error body.
    pub read_error: fn(&[u8]) -> VendorError,
    /// Whether the vendor itself says that trying again helps; none when it is silent.
    pub vendor_says_retry: fn(&HeaderMap) -> Option<bool>,
}

/// The vendor's own account of an error.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct VendorError {
    /// Its words.
    pub message: String,
    /// Its code for the reason.
    pub code: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
    /// Whether it says that there were too many requests, though the status says something else.
    pub asks_for_patience: bool,
    /// Whether it says that what it allows in a day is used up, so that trying again soon is of no use.
    pub day_used_up: bool,
}

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
    fn method(&self) -> Method {
        if self.post.is_some() { Method::POST } else { Method::GET }
    }
}

/// An answer that arrived whole.
#[derive(Debug)]
pub struct Answer<T> {
    /// What the body was read as.
    pub value: T,
    /// A time at or before that at which the vendor looked at its data, by the vendor's clock and in whole seconds:
    /// its `Date` header less the time that the request took. Without the header it is our clock at the request.
    pub asked_at: DateTime<Utc>,
}

/// A client of one source. Clones share connections, rate limit and counter.
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
    limiter: Option<Arc<DefaultDirectRateLimiter>>,
    requests: Arc<RequestCounter>,
}

struct Shared {
    source: Source,
    settings: HttpSettings,
    client: reqwest::Client,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("source", &self.shared.source).finish_non_exhaustive()
    }
}

/// An attempt that did not work.
struct Failure {
    retryable: bool,
    wait: Option<Duration>,
    /// What it says about the source.
    verdict: Verdict,
    error: SourceError,
}

impl HttpClient {
    /// Makes a client.
    ///
    /// # Errors
    ///
    /// When the TLS configuration of this machine can't be used.
    pub fn new(source: Source, settings: HttpSettings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("buffalo/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10).min(settings.timeout))
            .timeout(settings.timeout)
            // An answer from elsewhere would carry the key there.
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| error.without_url().to_string())?;
        let limiter = settings.rate_limit_per_sec.map(limiter);
        let breaker = Breaker::new(settings.breaker);
        let shared = Shared { source, settings, client, breaker, clock };
        Ok(Self { shared: Arc::new(shared), limiter, requests: Arc::default() })
    }

    /// The same client with a rate limit of its own, for requests that the vendor counts apart from the others.
    #[must_use]
    pub fn with_own_rate_limit(&self, per_sec: Option<NonZeroU32>) -> Self {
        Self { limiter: per_sec.map(limiter), ..self.clone() }
    }

    /// The same client with a counter of its own, for one run.
    #[must_use]
    pub fn with_own_counter(&self) -> Self {
        Self { requests: Arc::default(), ..self.clone() }
    }

    /// Requests made through this counter.
    #[must_use]
    pub fn requests(&self) -> RequestCounts {
        self.requests.read()
    }

    /// How the source's circuit breaker stands.
    #[must_use]
    pub fn circuit(&self) -> Circuit {
        self.shared.breaker.report()
    }

    /// Makes a request and reads its answer with `read`, as often as the retry policy allows. A body that `read`
    /// does not understand counts as a passing fault, since proxies answer with pages of their own.
    ///
    /// # Errors
    ///
    /// [`SourceError`], by what the last attempt came to.
    pub async fn get<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Answer<T>, SourceError> {
        let retry = self.shared.settings.retry;
        let attempts = AtomicU64::new(0);
        (|| {
            attempts.fetch_add(1, Ordering::Relaxed);
            self.admitted_attempt(request, &read)
        })
        .retry(retry)
        .when(|failure: &Failure| failure.retryable)
        .adjust(|failure: &Failure, delay| delay.map(|delay| failure.wait.unwrap_or(delay).max(delay)))
        .notify(|failure: &Failure, delay| {
            self.requests.retried();
            tracing::debug!(error = %failure.error, ?delay, "asking again");
        })
        .await
        .map_err(|failure| {
            with_attempts(failure.error, u32::try_from(attempts.into_inner()).unwrap_or(u32::MAX))
        })
    }

    /// An attempt, unless the circuit is open.
    async fn admitted_attempt<T>(
        &self,
        request: &Request<'_>,
        read: &impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Answer<T>, Failure> {
        let shared = &*self.shared;
        let permit = shared.breaker.admit(Instant::now()).map_err(|wait| Failure {
            retryable: wait <= RetryPolicy::LONGEST_DELAY,
            wait: Some(wait),
            verdict: Verdict::Neither,
            error: SourceError::CircuitOpen { request: self.name(request), wait_ms: wait.as_millis() },
        })?;
        let answer = self.authorised_attempt(request, read).await;
        let verdict = answer.as_ref().map_or_else(|failure| failure.verdict, |_| Verdict::Alive);
        let before = self.circuit().openings;
        permit.settle(verdict, Instant::now(), shared.clock.now());
        if self.circuit().openings > before {
            tracing::warn!(source = %shared.source, cooldown = ?shared.settings.breaker.cooldown,
                           "too many failures in a row: leaving the source alone for a while");
        }
        answer
    }

    /// An attempt with a token; when an issued one is refused, another with a new one.
    async fn authorised_attempt<T>(
        &self,
        request: &Request<'_>,
        read: &impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Answer<T>, Failure> {
        let token = self.token(request).await?;
        let answer = self.attempt(request, &token, read).await;
        let refused =
            matches!(&answer, Err(Failure { error: SourceError::Unauthorised { status: 401, .. }, .. }));
        if refused && self.shared.settings.auth.forget(&token).await {
            let token = self.token(request).await?;
            return self.attempt(request, &token, read).await;
        }
        answer
    }

    async fn token(&self, request: &Request<'_>) -> Result<SecretString, Failure> {
        let shared = &*self.shared;
        shared.settings.auth.token(&shared.client, shared.clock.now()).await.map_err(|error| {
            let request = format!("{} (asking for a token)", self.name(request));
            match error {
                IssueError::Refused { status, message } => Failure {
                    retryable: false,
                    wait: None,
                    verdict: Verdict::Alive,
                    error: SourceError::Unauthorised { request, status, message },
                },
                IssueError::Unavailable(what) => Failure {
                    retryable: true,
                    wait: None,
                    verdict: Verdict::Failing,
                    error: SourceError::Transport { request, attempts: 1, what },
                },
            }
        })
    }

    async fn attempt<T>(
        &self,
        request: &Request<'_>,
        token: &SecretString,
        read: &impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Answer<T>, Failure> {
        if let Some(limiter) = &self.limiter {
            limiter.until_ready().await;
        }
        self.requests.made();
        let answer = self.ask(request, token, read).await;
        self.requests.ended(answer.as_ref().map_err(|failure| &failure.error));
        answer
    }

    /// Makes the request, and reads what it is answered with.
    async fn ask<T>(
        &self,
        request: &Request<'_>,
        token: &SecretString,
        read: &impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Answer<T>, Failure> {
        let shared = &*self.shared;
        let our_time = shared.clock.now();
        let sent = Instant::now();
        let mut builder = shared
            .client
            .request(request.method(), format!("{}{}", shared.settings.base_url, request.path))
            .bearer_auth(token.expose_secret())
            .query(request.query);
        if let Some(json) = request.post {
            builder = builder.header(CONTENT_TYPE, "application/json").body(json.to_owned());
        }
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        let response = builder.send().await.map_err(|error| self.transport(request, error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = self.bounded_body(request, response).await?;
        if !status.is_success() {
            return Err(self.judge(request, token, status, &headers, &body));
        }
        match read(&body) {
            Ok(value) => Ok(Answer { value, asked_at: asked_at(&headers, sent.elapsed(), our_time) }),
            Err(what) => {
                let kind = headers
                    .get(CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or("no content type");
                let what = format!(
                    "{status} and a body that can't be read ({}, {} bytes): {what}",
                    tidy(kind, 60),
                    body.len()
                );
                let error = SourceError::Malformed { request: self.name(request), what };
                Err(Failure { retryable: true, wait: None, verdict: Verdict::Failing, error })
            }
        }
    }

    async fn bounded_body(
        &self,
        request: &Request<'_>,
        mut response: reqwest::Response,
    ) -> Result<Vec<u8>, Failure> {
        let limit = self.shared.settings.max_body_bytes;
        let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        let mut body = Vec::with_capacity(announced.min(limit));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(request, error))? {
            if body.len() + chunk.len() > limit {
                let what = format!("more than {limit} bytes, the most that is read");
                let error = SourceError::Malformed { request: self.name(request), what };
                return Err(Failure { retryable: false, wait: None, verdict: Verdict::Alive, error });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn transport(&self, request: &Request<'_>, error: reqwest::Error) -> Failure {
        let what = if error.is_timeout() {
            format!("no whole answer within {} ms", self.shared.settings.timeout.as_millis())
        } else if error.is_connect() {
            "no connection".to_owned()
        } else {
            "the connection broke before the answer was complete".to_owned()
        };
        // The cause may name addresses, so it is for the log of those who ask for it, and without the query.
        tracing::debug!(error = ?error.without_url(), "transport error");
        let error = SourceError::Transport { request: self.name(request), attempts: 1, what };
        Failure { retryable: true, wait: None, verdict: Verdict::Failing, error }
    }

    /// Sorts an answer that is not a success: by the vendor's own word, else 409, 423, 429 and 5xx are worth retrying.
    fn judge(
        &self,
        request: &Request<'_>,
        token: &SecretString,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Failure {
        let settings = &self.shared.settings;
        let vendor = (settings.read_error)(body);
        let request = self.name(request);
        let message = without_secret(&tidy(&vendor.message, 300), token);
        let code = status.as_u16();
        if matches!(code, 401 | 403) && !vendor.asks_for_patience {
            let error = SourceError::Unauthorised { request, status: code, message };
            return Failure { retryable: false, wait: None, verdict: Verdict::Alive, error };
        }
        let now = self.shared.clock.now();
        let wait = retry_after(headers, now);
        if vendor.day_used_up {
            let resets_at = wait.and_then(|wait| now.checked_add_signed(TimeDelta::from_std(wait).ok()?));
            let error = SourceError::LimitReached { request, status: code, resets_at };
            return Failure { retryable: false, wait: None, verdict: Verdict::Neither, error };
        }
        let verdict = if status.is_server_error() { Verdict::Failing } else { Verdict::Neither };
        let by_status =
            matches!(code, 409 | 423 | 429) || vendor.asks_for_patience || status.is_server_error();
        if !(settings.vendor_says_retry)(headers).unwrap_or(by_status) {
            let error = SourceError::Refused {
                request,
                status: code,
                code: vendor.code,
                param: vendor.param,
                message,
            };
            return Failure { retryable: false, wait: None, verdict, error };
        }
        let wait = wait.or((status == StatusCode::LOCKED).then_some(LOCKED_WAIT));
        match wait {
            Some(wait) if wait > RetryPolicy::LONGEST_DELAY => {
                let error = SourceError::AskedToWait { request, status: code, wait_s: wait.as_secs() };
                Failure { retryable: false, wait: None, verdict, error }
            }
            wait => {
                let error = SourceError::Unavailable { request, status: code, attempts: 1, message };
                Failure { retryable: true, wait, verdict, error }
            }
        }
    }

    fn name(&self, request: &Request<'_>) -> String {
        format!("{}: {} {}", self.shared.source, request.method(), request.path)
    }
}

/// Vendors echo keys, most of them masked; ours never passes.
fn without_secret(message: &str, token: &SecretString) -> String {
    message.replace(token.expose_secret(), "[key]")
}

fn limiter(per_sec: NonZeroU32) -> Arc<DefaultDirectRateLimiter> {
    // A tenth of a second's worth may come at once, so that a late timer does not cost throughput.
    let burst = NonZeroU32::new(per_sec.get() / 10).unwrap_or(NonZeroU32::MIN);
    Arc::new(RateLimiter::direct(Quota::per_second(per_sec).allow_burst(burst)))
}

fn with_attempts(error: SourceError, made: u32) -> SourceError {
    match error {
        SourceError::Unavailable { request, status, message, .. } => {
            SourceError::Unavailable { request, status, attempts: made, message }
        }
        SourceError::Transport { request, what, .. } => {
            SourceError::Transport { request, attempts: made, what }
        }
        other => other,
    }
}

/// One line of at most `longest` characters without control characters.
fn tidy(text: &str, longest: usize) -> String {
    let mut tidy: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect();
    if text.chars().nth(longest).is_some() {
        tidy.push('…');
    }
    tidy
}

/// Reads `Retry-After` in either form, seconds or an HTTP date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    Some((until - now).to_std().unwrap_or_default())
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.with_timezone(&Utc))
}

fn asked_at(headers: &HeaderMap, elapsed: Duration, our_time: DateTime<Utc>) -> DateTime<Utc> {
    let answered = headers.get(DATE).and_then(|value| value.to_str().ok()).and_then(http_date);
    let asked = match answered {
        Some(answered) => answered - TimeDelta::from_std(elapsed).unwrap_or_default(),
        None => our_time,
    };
    DateTime::from_timestamp(asked.timestamp(), 0).unwrap_or(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: reqwest::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
        assert_eq!(retry_after(&headers(RETRY_AFTER, "7"), now), Some(Duration::from_secs(7)));
        let date = headers(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:30 GMT");
        assert_eq!(retry_after(&date, now), Some(Duration::from_secs(30)));
        let past = headers(RETRY_AFTER, "Wed, 21 Oct 2026 07:00:00 GMT");
        assert_eq!(retry_after(&past, now), Some(Duration::ZERO));
        assert_eq!(retry_after(&headers(RETRY_AFTER, "soon"), now), None);
    }

    #[test]
    fn the_vendors_clock_counts_and_ours_is_the_fallback() {
        let ours = http_date("Wed, 21 Oct 2026 09:00:00 GMT").unwrap();
        let answer = headers(DATE, "Wed, 21 Oct 2026 07:28:10 GMT");
        let asked = asked_at(&answer, Duration::from_millis(1_200), ours);
        assert_eq!(asked, http_date("Wed, 21 Oct 2026 07:28:08 GMT").unwrap());
        assert_eq!(asked_at(&HeaderMap::new(), Duration::from_secs(1), ours), ours);
    }

    #[test]
    fn a_message_is_one_short_line() {
        assert_eq!(tidy("a\nb\u{1b}c", 10), "a b c");
        assert_eq!(tidy("abcdef", 3), "abc…");
    }
}
