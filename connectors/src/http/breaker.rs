//! A circuit breaker: after some failures in a row a source is left alone for a while, then asked once to see whether it
//! is back.
//!
//! ```text
//!              failures in a row reach the threshold
//!    closed ───────────────────────────────────────────▶ open ◀──────────┐
//!      ▲                                                  │ cool-down    │ the probe fails
//!      │                 the probe succeeds               ▼              │
//!      └──────────────────────────────────────────── half open ─────────┘
//! ```
//!
//! Every opening begins a new generation. What was asked in an earlier one says nothing any more: neither a late failure
//! lengthens the cool-down, nor does a late success close the circuit.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use buffalo_model::{Circuit, CircuitState};
use chrono::{DateTime, TimeDelta, Utc};

use crate::settings::Settings;

/// How long those wait who meet a probe under way.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// When a circuit opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct BreakerPolicy {
    /// Failures in a row that open it (`CIRCUIT_BREAKER_THRESHOLD`); 0 for never.
    pub threshold: u32,
    /// How long it stays open before a probe (`CIRCUIT_BREAKER_COOLDOWN_MS`).
    pub cooldown: Duration,
}

impl BreakerPolicy {
    /// Reads the policy, which is the same for all sources.
    pub fn from_settings(settings: &mut Settings) -> Self {
        Self {
            threshold: u32::try_from(settings.number("CIRCUIT_BREAKER_THRESHOLD", 5, 0..=1_000)).unwrap_or(5),
            cooldown: Duration::from_millis(settings.number(
                "CIRCUIT_BREAKER_COOLDOWN_MS",
                30_000,
                1..=3_600_000,
            )),
        }
    }
}

/// What an attempt says about the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answered.
    Alive,
    /// It did not, or with an error of its own.
    Failing,
    /// Nothing: it asked for patience.
    Neither,
}

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One probe is under way.
    HalfOpen,
}

#[derive(Debug)]
struct Inner {
    state: State,
    generation: u64,
    /// When it opened last, by our clock, for people.
    opened_at: Option<DateTime<Utc>>,
}

/// The breaker of one source, shared by all its requests.
#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    inner: Mutex<Inner>,
}

/// The leave to make one attempt. Dropped without a verdict, a probe frees its place.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    generation: u64,
    probe: bool,
    settled: bool,
}

impl Breaker {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        let inner = Inner { state: State::Closed { failures: 0 }, generation: 0, opened_at: None };
        Self { policy, inner: Mutex::new(inner) }
    }

    /// Leave to make an attempt now, or how long to wait before asking again.
    pub(super) fn admit(&self, now: Instant) -> Result<Permit<'_>, Duration> {
        let mut inner = self.lock();
        let probe = match inner.state {
            State::Closed { .. } => false,
            State::Open { until } if now < until => return Err(until - now),
            State::Open { .. } => {
                inner.state = State::HalfOpen;
                true
            }
            State::HalfOpen => return Err(PROBE_PATIENCE.min(self.policy.cooldown)),
        };
        Ok(Permit { breaker: self, generation: inner.generation, probe, settled: false })
    }

    /// How things stand, for people.
    pub(super) fn report(&self) -> Circuit {
        let inner = self.lock();
        let (state, failures_in_a_row) = match inner.state {
            State::Closed { failures } => (CircuitState::Closed, failures),
            State::Open { .. } => (CircuitState::Open, self.policy.threshold),
            State::HalfOpen => (CircuitState::HalfOpen, self.policy.threshold),
        };
        let cooldown = TimeDelta::from_std(self.policy.cooldown).unwrap_or_default();
        let retry_at = match state {
            CircuitState::Open => inner.opened_at.map(|opened| opened + cooldown),
            CircuitState::Closed | CircuitState::HalfOpen => None,
        };
        Circuit { state, failures_in_a_row, openings: inner.generation, retry_at }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, inner: &mut Inner, now: Instant, wall: DateTime<Utc>) {
        inner.state = State::Open { until: now + self.policy.cooldown };
        inner.generation += 1;
        inner.opened_at = Some(wall);
    }
}

impl Permit<'_> {
    /// Says what the attempt came to, at `now`, which is `wall` for people.
    pub(super) fn settle(mut self, verdict: Verdict, now: Instant, wall: DateTime<Utc>) {
        self.settled = true;
        let breaker = self.breaker;
        let mut inner = breaker.lock();
        if inner.generation != self.generation {
            return;
        }
        match (&mut inner.state, verdict) {
            (State::HalfOpen, _) if !self.probe => {}
            (State::HalfOpen, Verdict::Failing) => breaker.open(&mut inner, now, wall),
            (State::HalfOpen | State::Closed { .. }, Verdict::Alive) => {
                inner.state = State::Closed { failures: 0 };
            }
            // It answered, if only to ask for patience.
            (State::HalfOpen, Verdict::Neither) => inner.state = State::Closed { failures: 0 },
            (State::Closed { failures }, Verdict::Failing) => {
                *failures += 1;
                if breaker.policy.threshold > 0 && *failures >= breaker.policy.threshold {
                    breaker.open(&mut inner, now, wall);
                }
            }
            (State::Closed { .. }, Verdict::Neither) | (State::Open { .. }, _) => {}
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.settled || !self.probe {
            return;
        }
        let mut inner = self.breaker.lock();
        if inner.generation == self.generation && matches!(inner.state, State::HalfOpen) {
            // The probe was given up: the next who asks may make another.
            inner.state = State::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
