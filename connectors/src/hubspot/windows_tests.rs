//! Tests of cutting windows.

use proptest::prelude::*;

use super::*;

/// Objects by their ids, ascending, as a search would find them.
struct Account(Vec<u64>);

impl Account {
    fn new(ids: impl IntoIterator<Item = u64>) -> Self {
        let mut ids: Vec<u64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }

    fn page(&self, search: Search, size: usize) -> PageRead {
        let inside = |id: &u64| *id > search.after_id && search.up_to_id.is_none_or(|most| *id <= most);
        let found: Vec<u64> = self.0.iter().copied().filter(inside).collect();
        let total = found.len();
        let ids: Vec<u64> = match search.order {
            Order::Ascending => found.into_iter().take(size).collect(),
            Order::Descending => found.into_iter().rev().take(size).collect(),
        };
        PageRead { more: ids.len() < total, total: Some(total as u64), ids }
    }
}

/// Answers up to `most` requests, of which up to eight are under way, in an order that `pick` gives.
fn read(
    account: &Account,
    windows: &mut Windows,
    at_once: usize,
    most: usize,
    mut pick: impl FnMut() -> usize,
) -> (Vec<u64>, usize) {
    let (mut seen, mut requests) = (Vec::new(), 0);
    let mut asked: Vec<(usize, Search)> = Vec::new();
    while requests < most {
        let wanted = if requests == 0 { 1 } else { at_once };
        while asked.len() < wanted
            && let Some(next) = windows.ask(at_once)
        {
            asked.push(next);
        }
        if asked.is_empty() {
            assert_eq!(windows.to_cursor(), []);
            break;
        }
        let (number, search) = asked.swap_remove(pick() % asked.len());
        requests += 1;
        let page = account.page(search, SEARCH_PAGE);
        seen.extend(&page.ids);
        windows.note(number, &page).unwrap();
    }
    (seen, requests)
}

fn begun() -> Windows {
    Windows::new(vec![IdWindow::default()])
}

#[test]
fn a_small_account_is_read_without_a_detour() {
    for (objects, expected) in [(0, 1), (150, 1), (400, 2), (500, 3)] {
        let account = Account::new((0..objects).map(|n| 77 + n * 50));
        let (seen, requests) = read(&account, &mut begun(), 8, usize::MAX, || 0);
        assert_eq!((seen.len() as u64, requests), (objects, expected));
    }
}

#[test]
fn one_page_at_a_time_goes_upwards() {
    let account = Account::new(1..=5_000);
    let (seen, requests) = read(&account, &mut begun(), 1, usize::MAX, || 0);
    assert_eq!((seen, requests), (account.0, 25));
}

#[test]
fn a_large_account_keeps_all_requests_busy() {
    let account = Account::new((0..20_000).map(|n| 9_999_999_000 + n * 13));
    let mut windows = begun();
    read(&account, &mut windows, 8, 2, || 0);
    assert_eq!(windows.to_cursor().len(), 1);
    assert_eq!((0..8).filter_map(|_| windows.ask(8)).count(), 8);
    assert_eq!(windows.to_cursor().len(), 8);
}

#[test]
fn a_page_that_leads_nowhere_is_an_error() {
    let account = Account::new(1..=5_000);
    let mut windows = begun();
    read(&account, &mut windows, 8, 2, || 0);
    let (number, search) = windows.ask(8).unwrap();
    // The first page once more: of a server that takes no notice of the ids asked for.
    let again = account.page(Search { after_id: 0, ..search }, SEARCH_PAGE);
    assert_eq!(windows.note(number, &again), Err(NoWayOn));
    let (number, _) = windows.ask(8).unwrap();
    assert_eq!(windows.note(number, &PageRead { ids: vec![], total: None, more: true }), Err(NoWayOn));

    let mut windows = begun();
    read(&account, &mut windows, 8, 1, || 0);
    let (number, probe) = windows.ask(8).unwrap();
    assert_eq!(probe.order, Order::Descending);
    let single = PageRead { ids: vec![5_000], total: Some(4_800), more: true };
    assert_eq!(windows.note(number, &single), Err(NoWayOn));
}

#[test]
fn a_server_that_takes_no_notice_of_the_order_is_read_upwards() {
    let account = Account::new(1..=2_000);
    let mut windows = begun();
    let mut seen: Vec<u64> = Vec::new();
    while let Some((number, search)) = windows.ask(8) {
        let page = account.page(Search { order: Order::Ascending, ..search }, SEARCH_PAGE);
        seen.extend(&page.ids);
        windows.note(number, &page).unwrap();
    }
    assert_eq!(seen, account.0);
}

proptest! {
    #[test]
    fn nothing_is_left_out(
        low in prop::collection::vec(1_u64..20_000, 0..3_000),
        high in prop::collection::vec(500_000_000_000_u64..500_000_100_000, 0..3_000),
        at_once in 1_usize..9,
        picks in prop::collection::vec(0_usize..8, 1..50),
        crash_after in 0_usize..40,
    ) {
        let account = Account::new(low.into_iter().chain(high));
        let mut picks = picks.into_iter().cycle();
        let mut pick = || picks.next().unwrap_or(0);
        // Some pages are read, then the process is gone: what its cursor says is gone on from.
        let mut windows = begun();
        let (mut seen, _) = read(&account, &mut windows, at_once, crash_after, &mut pick);
        let mut windows = Windows::new(windows.to_cursor());
        let (rest, requests) = read(&account, &mut windows, at_once, usize::MAX, &mut pick);
        seen.extend(rest);
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen, account.0.clone());
        // Halving finds its way through an empty stretch of any length in some forty requests.
        prop_assert!(requests <= 2 * (account.0.len() / SEARCH_PAGE) + 60, "{} requests", requests);
    }
}
