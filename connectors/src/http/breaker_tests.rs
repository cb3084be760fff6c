//! Tests of the circuit breaker.

use super::*;

const COOLDOWN: Duration = Duration::from_secs(30);
const WALL: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn breaker() -> Breaker {
    Breaker::new(BreakerPolicy { threshold: 3, cooldown: COOLDOWN })
}

fn attempt(breaker: &Breaker, verdict: Verdict, now: Instant) {
    breaker.admit(now).unwrap().settle(verdict, now, WALL);
}

fn opened(now: Instant) -> Breaker {
    let breaker = breaker();
    for _ in 0..3 {
        attempt(&breaker, Verdict::Failing, now);
    }
    breaker
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    let (breaker, now) = (breaker(), Instant::now());
    for verdict in [Verdict::Failing, Verdict::Failing, Verdict::Neither, Verdict::Alive, Verdict::Failing] {
        attempt(&breaker, verdict, now);
    }
    assert_eq!(breaker.report().state, CircuitState::Closed);
    attempt(&breaker, Verdict::Failing, now);
    attempt(&breaker, Verdict::Failing, now);
    let report = breaker.report();
    assert_eq!(
        (report.state, report.openings, report.retry_at),
        (CircuitState::Open, 1, Some(WALL + COOLDOWN))
    );
    assert_eq!(breaker.admit(now).unwrap_err(), COOLDOWN);
    assert_eq!(breaker.admit(now + COOLDOWN / 3).unwrap_err(), COOLDOWN * 2 / 3);
}

#[test]
fn one_probe_decides_over_many_openings() {
    let mut now = Instant::now();
    let breaker = opened(now);
    for opening in 2..50 {
        now += COOLDOWN;
        let probe = breaker.admit(now).unwrap();
        assert_eq!(breaker.report().state, CircuitState::HalfOpen);
        assert_eq!(breaker.admit(now).unwrap_err(), PROBE_PATIENCE, "one probe only");
        probe.settle(Verdict::Failing, now, WALL);
        assert_eq!(breaker.report().openings, opening);
        assert!(breaker.admit(now).is_err());
    }
    now += COOLDOWN;
    attempt(&breaker, Verdict::Alive, now);
    assert_eq!(breaker.report().state, CircuitState::Closed);
    // It takes the whole threshold again.
    attempt(&breaker, Verdict::Failing, now);
    attempt(&breaker, Verdict::Failing, now);
    assert_eq!(breaker.report().state, CircuitState::Closed);
}

#[test]
fn what_was_asked_before_the_opening_says_nothing_after_it() {
    let (breaker, now) = (breaker(), Instant::now());
    let late: Vec<_> = (0..4).map(|_| breaker.admit(now).unwrap()).collect();
    for _ in 0..3 {
        attempt(&breaker, Verdict::Failing, now);
    }
    let mut late = late.into_iter();
    late.next().unwrap().settle(Verdict::Alive, now, WALL);
    late.next().unwrap().settle(Verdict::Failing, now + COOLDOWN / 2, WALL);
    assert_eq!(breaker.report().state, CircuitState::Open);
    let probe = breaker.admit(now + COOLDOWN).unwrap();
    late.next().unwrap().settle(Verdict::Alive, now, WALL);
    assert_eq!(breaker.report().state, CircuitState::HalfOpen, "only the probe closes it");
    probe.settle(Verdict::Alive, now + COOLDOWN, WALL);
    late.next().unwrap().settle(Verdict::Failing, now, WALL);
    assert_eq!(breaker.report().failures_in_a_row, 0);
}

#[test]
fn a_probe_that_is_given_up_makes_room_for_another() {
    let now = Instant::now() - COOLDOWN * 2;
    let breaker = opened(now);
    drop(breaker.admit(now + COOLDOWN).unwrap());
    assert!(breaker.admit(Instant::now()).is_ok());
}

#[test]
fn parallel_callers_open_it_once_and_send_one_probe() {
    let (breaker, now) = (breaker(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    if let Ok(permit) = breaker.admit(now) {
                        permit.settle(Verdict::Failing, now, WALL);
                    }
                }
            });
        }
    });
    assert_eq!(breaker.report().openings, 1);
    let later = now + COOLDOWN;
    let probes = std::thread::scope(|scope| {
        let ask = || breaker.admit(later).map(std::mem::forget).is_ok();
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        callers.into_iter().filter_map(|caller| caller.join().ok()).filter(|admitted| *admitted).count()
    });
    assert_eq!(probes, 1);
}

#[test]
fn a_threshold_of_zero_never_opens() {
    let breaker = Breaker::new(BreakerPolicy { threshold: 0, cooldown: COOLDOWN });
    for _ in 0..100 {
        attempt(&breaker, Verdict::Failing, Instant::now());
    }
    assert_eq!(breaker.report().state, CircuitState::Closed);
}
