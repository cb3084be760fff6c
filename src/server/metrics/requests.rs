//! Requests that this process answers, counted in it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::super::App;
use super::catalogue::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS};
use super::exposition::{Exposition, Histogram, Value};

/// Upper bounds of the buckets, in milliseconds.
const BOUNDS_MS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000];

/// The route of an address that there is not: what callers make up must not become a series each.
const NO_ROUTE: &str = "none";

/// Answers so far, by the template of their route, and requests that have none yet.
#[derive(Debug, Default)]
pub(in crate::server) struct Requests {
    answers: Mutex<BTreeMap<String, Answers>>,
    in_flight: AtomicI64,
}

#[derive(Debug, Default)]
struct Answers {
    by_status: BTreeMap<String, i64>,
    /// For each bound, how many answers took no longer.
    up_to: [i64; BOUNDS_MS.len()],
    count: i64,
    sum: Duration,
}

/// Counts the answer to a request and the time that it took.
pub(in crate::server) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let in_flight = InFlight::begin(&app.requests);
    let response = next.run(request).await;
    drop(in_flight);
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    app.requests.note(route, response.status().as_str(), began.elapsed());
    response
}

/// A request without an answer, for as long as it lives: also until its caller hangs up.
struct InFlight<'a>(&'a Requests);

impl<'a> InFlight<'a> {
    fn begin(requests: &'a Requests) -> Self {
        requests.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(requests)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Requests {
    fn note(&self, route: &str, status: &str, took: Duration) {
        let mut routes = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = routes.entry(route.to_owned()).or_default();
        *answers.by_status.entry(status.to_owned()).or_default() += 1;
        for (bound_ms, count) in BOUNDS_MS.into_iter().zip(&mut answers.up_to) {
            *count += i64::from(took <= Duration::from_millis(bound_ms));
        }
        answers.count += 1;
        answers.sum += took;
    }

    /// Writes the answers so far.
    pub(super) fn write(&self, exposition: &mut Exposition) {
        let routes = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = routes.iter().flat_map(|(route, answers)| {
            let by_status = answers.by_status.iter();
            by_status.map(|(status, count)| (vec![route.as_str(), status], Value::Count(*count)))
        });
        exposition.metric(&HTTP_REQUESTS, counts);
        let durations = routes.iter().map(|(route, answers)| {
            let bounds = BOUNDS_MS.map(Duration::from_millis).into_iter().zip(answers.up_to);
            let histogram = Histogram { up_to: bounds.collect(), count: answers.count, sum: answers.sum };
            (vec![route.as_str()], histogram)
        });
        exposition.histogram(&HTTP_DURATION, durations);
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        exposition.metric(&HTTP_IN_FLIGHT, [(vec![], Value::Count(in_flight))]);
    }
}
