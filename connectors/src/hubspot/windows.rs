//! The windows of a backfill: ranges of ids, several of which are read at once.
//!
//! The first page holds the smallest ids and is asked for alone. The second holds the greatest: with it both ends are known.
//! What lies between is cut whenever a request more could be under way, always the window with most left, in the middle of
//! its ids. How much is left the vendor says with every answer, so crowded ranges are cut finer than empty ones.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::api::{Order, SEARCH_PAGE, Search};
use super::position::IdWindow;

/// A window with less left than this is not worth cutting.
const WORTH_CUTTING: u64 = 2 * SEARCH_PAGE as u64;

/// A window and what was learned while reading it.
#[derive(Debug, Default)]
struct OpenWindow {
    window: IdWindow,
    /// The request that is under way.
    asked: Option<Search>,
    /// About how many objects are left; 0 where it is not known.
    left: u64,
}

/// All windows that are not read to their end, by number.
#[derive(Debug)]
pub(super) struct Windows {
    open: BTreeMap<usize, OpenWindow>,
    next_number: usize,
}

/// What a page of a window held.
#[derive(Debug, Default)]
pub(super) struct PageRead {
    /// The ids of its objects, in their order.
    pub(super) ids: Vec<u64>,
    /// How many objects the search found, on all its pages.
    pub(super) total: Option<u64>,
    /// Whether there are more.
    pub(super) more: bool,
}

impl Windows {
    pub(super) fn new(windows: Vec<IdWindow>) -> Self {
        let open = |window| OpenWindow { window, ..OpenWindow::default() };
        let open: BTreeMap<_, _> = windows.into_iter().map(open).enumerate().collect();
        Self { next_number: open.len(), open }
    }

    /// The windows as a cursor keeps them.
    pub(super) fn to_cursor(&self) -> Vec<IdWindow> {
        self.open.values().map(|open| open.window).collect()
    }

    /// What is to be asked now, and of which window, when `at_once` requests may be under way.
    pub(super) fn ask(&mut self, at_once: usize) -> Option<(usize, Search)> {
        let waiting = self.open.iter().find(|(_, open)| open.asked.is_none()).map(|(number, _)| *number);
        let number = waiting.or_else(|| self.cut())?;
        let open = self.open.get_mut(&number)?;
        let IdWindow { after_id, up_to_id } = open.window;
        // Whoever reads one page after the other does not need to know where the ids end.
        let probe = up_to_id.is_none() && after_id > 0 && at_once > 1;
        let order = if probe { Order::Descending } else { Order::Ascending };
        let search = Search { after_id, up_to_id, order, ..Search::ALL };
        open.asked = Some(search);
        Some((number, search))
    }

    /// Cuts the window with most left; returns the number of the new one, which is the upper half.
    fn cut(&mut self) -> Option<usize> {
        let open = self.open.values_mut().max_by_key(|open| open.left)?;
        let IdWindow { after_id, up_to_id: Some(up_to_id) } = open.window else { return None };
        let middle = after_id + (up_to_id - after_id) / 2;
        if open.left < WORTH_CUTTING || middle == after_id {
            return None;
        }
        open.left /= 2;
        open.window.up_to_id = Some(middle);
        let window = IdWindow { after_id: middle, up_to_id: Some(up_to_id) };
        let upper = OpenWindow { window, asked: None, left: open.left };
        let number = self.next_number;
        self.next_number += 1;
        self.open.insert(number, upper);
        Some(number)
    }

    /// Notes the answer to what was asked of a window.
    ///
    /// # Errors
    ///
    /// Where reading would have no end: there is more, and nothing to go on from.
    pub(super) fn note(&mut self, number: usize, page: &PageRead) -> Result<(), NoWayOn> {
        let Some(open) = self.open.get_mut(&number) else { return Ok(()) };
        let asked = open.asked.take();
        let window = &mut open.window;
        if !page.more {
            return self.end(number);
        }
        let inside = |id: &u64| *id > window.after_id;
        let least = page.ids.iter().min().copied().filter(inside);
        let greatest = page.ids.iter().max().copied().filter(inside);
        match (page.ids.first().cmp(&page.ids.last()), asked.map(|asked| asked.order), least, greatest) {
            (Ordering::Greater, Some(Order::Descending), Some(least), _) => window.up_to_id = Some(least - 1),
            // From whichever end a single object was taken: nothing tells, so nothing may be concluded.
            (Ordering::Equal, Some(Order::Descending), ..) | (.., None) => return Err(NoWayOn),
            // Who takes no notice of the order has begun with the smallest as well.
            (.., Some(greatest)) => window.after_id = greatest,
        }
        // The window may have been cut while it was being read; what lies above the cut is the other one's.
        if window.up_to_id.is_some_and(|up_to_id| up_to_id <= window.after_id) {
            return self.end(number);
        }
        let rest = page.total.unwrap_or_default().saturating_sub(page.ids.len() as u64);
        open.left = match (asked.and_then(|asked| asked.up_to_id), window.up_to_id) {
            (Some(before), Some(now)) if now < before => {
                let share = u128::from(now - window.after_id) * u128::from(rest);
                u64::try_from(share / u128::from(before - window.after_id)).unwrap_or(rest)
            }
            _ => rest,
        };
        Ok(())
    }

    fn end(&mut self, number: usize) -> Result<(), NoWayOn> {
        self.open.remove(&number);
        Ok(())
    }
}

/// There is said to be more, and the page leads back to itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoWayOn;

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
