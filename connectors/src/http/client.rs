//! Requests: built, limited, made, and made again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backon::Retryable;
use buffalo_model::{Circuit, Clock, RequestCounts, Source};
use chrono::{DateTime, TimeDelta, Utc};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};

use super::answer::{Answer, RawAnswer, answered_at, asked_at};
use super::breaker::{Breaker, Verdict};
use super::failure::Failure;
use super::request::Request;
use super::request_counter::RequestCounter;
use super::retry::RetryPolicy;
use super::settings::HttpSettings;
use crate::SourceError;

/// A difference between a vendor's clock and ours that no network explains.
const CLOCKS_APART: TimeDelta = TimeDelta::minutes(10);

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

    /// Our clock.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.clock.now()
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
        .map_err(|failure| failure.after(u32::try_from(attempts.into_inner()).unwrap_or(u32::MAX)))
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
        let token = shared.settings.auth.token(&shared.client, shared.clock.now()).await;
        token.map_err(|error| Failure::of_token(&self.name(request), error))
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
        let name = self.name(request);
        let response = builder
            .send()
            .await
            .map_err(|error| Failure::of_transport(name.clone(), error, shared.settings.timeout))?;
        let answer = RawAnswer::receive(&name, &shared.settings, response).await?;
        if !answer.status.is_success() {
            return Err(answer.judge(name, &shared.settings, token, shared.clock.now()));
        }
        let answered = answered_at(&answer.headers);
        if let Some(answered) = answered {
            self.compare_clocks(answered, shared.clock.now());
        }
        match read(&answer.body) {
            Ok(value) => Ok(Answer { value, asked_at: asked_at(answered, sent.elapsed(), our_time) }),
            Err(what) => Err(answer.not_understood(name, &what)),
        }
    }

    /// Warns once a run of a clock that is off. Nothing is lost by it: times of a vendor count up to our clock.
    fn compare_clocks(&self, theirs: DateTime<Utc>, ours: DateTime<Utc>) {
        let apart = theirs - ours;
        if apart.abs() > CLOCKS_APART && self.requests.is_first_warning() {
            let (direction, minutes) =
                (if apart > TimeDelta::zero() { "ahead of" } else { "behind" }, apart.num_minutes().abs());
            tracing::warn!(source = %self.shared.source, minutes,
                           "the clock of the source is {direction} ours; check the clock of this machine");
        }
    }

    fn name(&self, request: &Request<'_>) -> String {
        format!("{}: {} {}", self.shared.source, request.method(), request.path)
    }
}

fn limiter(per_sec: NonZeroU32) -> Arc<DefaultDirectRateLimiter> {
    // A tenth of a second's worth may come at once, so that a late timer does not cost throughput.
    let burst = NonZeroU32::new(per_sec.get() / 10).unwrap_or(NonZeroU32::MIN);
    Arc::new(RateLimiter::direct(Quota::per_second(per_sec).allow_burst(burst)))
}
