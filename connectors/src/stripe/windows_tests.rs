//! Tests of cutting windows.

use proptest::prelude::*;

use super::*;
use crate::stripe::resource::Resource;

fn whole(resource: Resource) -> Window {
    Window { resource, created_gte: None, created_lt: None, after: None, done: false }
}

/// A list of objects by their times of creation, newest first, as a vendor would answer.
struct Account(Vec<i64>);

impl Account {
    fn new(mut created: Vec<i64>) -> Self {
        created.sort_unstable_by(|a, b| b.cmp(a));
        Self(created)
    }

    /// Up to ten objects, by their places in the list.
    fn page(&self, window: &Window) -> (Vec<usize>, PageRead) {
        let after = window.after.as_ref().map_or(0, |after| after.parse::<usize>().unwrap() + 1);
        let inside = |created: i64| {
            window.created_gte.is_none_or(|low| created >= low)
                && window.created_lt.is_none_or(|high| created < high)
        };
        let mut rest = (after..self.0.len()).filter(|at| inside(self.0[*at]));
        let page: Vec<usize> = rest.by_ref().take(10).collect();
        let read = PageRead {
            objects: page.len() as u64,
            created: page.first().map(|first| (self.0[*first], self.0[page[page.len() - 1]])),
            more_after: rest.next().and(page.last()).map(ToString::to_string),
        };
        (page, read)
    }
}

/// Reads everything with some requests under way at once, answered in an order that `pick` gives.
fn read_all(
    account: &Account,
    mut windows: Windows,
    at_once: usize,
    mut pick: impl FnMut(usize) -> usize,
) -> (Vec<usize>, u64) {
    let (mut seen, mut requests) = (Vec::new(), 0);
    let mut asked: Vec<(usize, Window)> = Vec::new();
    loop {
        while asked.len() < at_once
            && let Some(next) = windows.ask()
        {
            asked.push(next);
        }
        if asked.is_empty() {
            assert!(windows.all_done());
            return (seen, requests);
        }
        let (at, window) = asked.swap_remove(pick(asked.len()) % asked.len());
        requests += 1;
        let (page, read) = account.page(&window);
        seen.extend(page);
        windows.note(at, read).unwrap();
        assert!(requests < 100_000, "no end");
    }
}

#[test]
fn a_small_account_is_not_probed() {
    let account = Account::new((0..30).map(|n| 1_700_000_000 + n * 1_000).collect());
    let (_, requests) = read_all(&account, Windows::new(vec![whole(Resource::Charges)]), 8, |_| 0);
    assert_eq!(requests, 3);
}

#[test]
fn a_server_that_takes_no_notice_of_times_is_found_out() {
    let account = Account::new((0..20_000).map(|n| 1_700_000_000 + n * 1_000).collect());
    let mut windows = Windows::new(vec![whole(Resource::Charges)]);
    for _ in 0..PAGES_BEFORE_CUT {
        let (at, window) = windows.ask().unwrap();
        let (_, read) = account.page(&window);
        windows.note(at, read).unwrap();
    }
    windows.ask().unwrap();
    let (at, older) = windows.ask().unwrap();
    let (_, everything) = account.page(&Window { created_lt: None, created_gte: None, ..older });
    assert!(windows.note(at, everything).unwrap_err().contains("BACKFILL_CONCURRENCY=1"));
}

#[test]
fn what_has_no_order_is_not_cut() {
    let account = Account::new((0..10_000).map(|n| 1_700_000_000 + n * 1_000).collect());
    let mut windows = Windows::new(vec![whole(Resource::Disputes)]);
    for _ in 0..5 {
        let (at, window) = windows.ask().unwrap();
        assert!(windows.ask().is_none());
        let (_, read) = account.page(&window);
        windows.note(at, read).unwrap();
    }
}

#[test]
fn a_large_account_keeps_all_requests_busy() {
    let account = Account::new((0..20_000).map(|n| 1_700_000_000 + n * 1_000).collect());
    let mut windows = Windows::new(vec![whole(Resource::Charges)]);
    for _ in 0..PAGES_BEFORE_CUT {
        let (at, window) = windows.ask().unwrap();
        let (_, read) = account.page(&window);
        windows.note(at, read).unwrap();
    }
    assert_eq!((0..8).filter_map(|_| windows.ask()).count(), 8);
    assert_eq!(windows.to_cursor().len(), 8);
}

#[test]
fn a_window_is_begun_anew_once_and_a_circle_is_an_error() {
    let more =
        |after: &str| PageRead { objects: 10, created: Some((9, 5)), more_after: Some(after.to_owned()) };
    let mut windows = Windows::new(vec![whole(Resource::Disputes)]);
    windows.note(0, more("a")).unwrap();
    assert!(windows.start_over(0));
    assert!(!windows.start_over(0), "there is no place to lose");
    windows.note(0, more("a")).unwrap();
    assert!(!windows.start_over(0), "the place would be lost for ever");
    windows.note(0, more("b")).unwrap();
    assert!(windows.note(0, more("a")).unwrap_err().contains("once more"));
}

proptest! {
    #[test]
    fn nothing_is_left_out(
        created in prop::collection::vec(1_600_000_000_i64..1_600_050_000, 0..3_000),
        at_once in 1_usize..9,
        picks in prop::collection::vec(0_usize..8, 1..50),
        crash_after in 0_usize..200,
    ) {
        let account = Account::new(created);
        let mut picks = picks.into_iter().cycle();
        // Some pages are read, then the process is gone: what its cursor says is gone on from.
        let mut windows = Windows::new(vec![whole(Resource::Charges)]);
        let mut seen = Vec::new();
        for _ in 0..crash_after {
            let asked: Vec<_> = (0..at_once).map_while(|_| windows.ask()).collect();
            if asked.is_empty() {
                break;
            }
            for (at, window) in asked {
                let (page, read) = account.page(&window);
                seen.extend(page);
                windows.note(at, read).unwrap();
            }
        }
        let again = Windows::new(windows.to_cursor());
        let (rest, requests) = read_all(&account, again, at_once, |_| picks.next().unwrap_or(0));
        seen.extend(rest);
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen.len(), account.0.len());
        prop_assert!(requests <= 2 * (account.0.len() as u64 / 10) + 100, "{} requests", requests);
    }
}
