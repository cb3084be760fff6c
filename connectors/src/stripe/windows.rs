//! The windows of a listing, several of which are read at once.
//!
//! A listing begins with one window for each resource. Whenever a request more could be under way, the window with most
//! left to read is cut in two: it keeps the newer half of what is left, and the older half is a window of its own. So the
//! account's history need not be known beforehand, and busy months are cut finer than quiet ones.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::position::Window;

/// About when Stripe opened. Only used to cut windows that have no lower bound, which they keep.
const OLDEST: i64 = 1_300_000_000;

/// Pages of a window that are read before it is cut: a small account is not worth the probing.
const PAGES_BEFORE_CUT: u64 = 3;

/// A window with less left than this is not worth cutting: two pages.
const OBJECTS_WORTH_CUTTING: i128 = 200;

/// A window and what was learned while reading it.
#[derive(Debug)]
struct OpenWindow {
    window: Window,
    asked: bool,
    pages: u64,
    objects: u64,
    /// The times of creation of the first and of the last object read, in seconds since 1970.
    seen: Option<(i64, i64)>,
    /// Digests of the places it was read from: a second visit means that the list leads in a circle.
    places: HashSet<u64>,
    started_over: bool,
}

/// All windows of a listing.
#[derive(Debug)]
pub(super) struct Windows(Vec<OpenWindow>);

/// What a page of a window held.
#[derive(Debug, Default)]
pub(super) struct PageRead {
    pub(super) objects: u64,
    /// The times of creation of its first and last object.
    pub(super) created: Option<(i64, i64)>,
    /// The id of its last object, if there are more after it.
    pub(super) more_after: Option<String>,
}

impl Windows {
    pub(super) fn new(windows: Vec<Window>) -> Self {
        Self(windows.into_iter().map(OpenWindow::new).collect())
    }

    /// The windows as a cursor keeps them. Of those that are done one remains for each resource, as a sign that the
    /// resource is covered.
    pub(super) fn to_cursor(&self) -> Vec<Window> {
        let mut kept: Vec<Window> = Vec::with_capacity(self.0.len());
        for open in &self.0 {
            let resource = open.window.resource;
            let covered = kept.iter().any(|window| window.resource == resource)
                || self.0.iter().any(|other| other.window.resource == resource && !other.window.done);
            if !(open.window.done && covered) {
                kept.push(open.window.clone());
            }
        }
        kept
    }

    pub(super) fn all_done(&self) -> bool {
        self.0.iter().all(|open| open.window.done)
    }

    /// A window that is to be asked for its next page now, with its number.
    pub(super) fn ask(&mut self) -> Option<(usize, Window)> {
        let waiting = self.0.iter().position(|open| !open.asked && !open.window.done);
        let at = waiting.or_else(|| self.cut())?;
        self.0[at].asked = true;
        Some((at, self.0[at].window.clone()))
    }

    /// Cuts the window with most left to read; returns the number of the new one.
    fn cut(&mut self) -> Option<usize> {
        let open =
            self.0.iter_mut().filter(|open| open.left() >= OBJECTS_WORTH_CUTTING).max_by_key(|o| o.left())?;
        let (low, reached) = open.range_left()?;
        // Above the lower bound, and not above the last object read, which must stay inside as the place to go on from.
        let middle = low + (reached - low + 1) / 2;
        let older = Window {
            created_lt: Some(middle),
            created_gte: open.window.created_gte,
            after: None,
            ..open.window.clone()
        };
        open.window.created_gte = Some(middle);
        self.0.push(OpenWindow::new(older));
        Some(self.0.len() - 1)
    }

    /// Notes the answer to a request for a window.
    ///
    /// # Errors
    ///
    /// Where the list would have no end: the page ends with the same object as the one before, or holds objects from above
    /// the window, which means that the server takes no notice of `created`, and would send everything for each window.
    pub(super) fn note(&mut self, at: usize, page: PageRead) -> Result<(), String> {
        let open = &mut self.0[at];
        open.asked = false;
        if let (Some((first, _)), Some(high)) = (page.created, open.window.created_lt)
            && first >= high
        {
            return Err(format!(
                "objects created at {first}, though `created[lt]` was {high}; BACKFILL_CONCURRENCY=1 does without it"
            ));
        }
        open.pages += 1;
        open.objects += page.objects;
        if let Some((first, last)) = page.created {
            open.seen = Some((open.seen.map_or(first, |(known, _)| known), last));
        }
        // The window may have been cut while it was being read; what lies below the cut is the other one's.
        let below =
            matches!((open.window.created_gte, page.created), (Some(low), Some((_, last))) if last < low);
        match page.more_after {
            Some(after) if !open.places.insert(digest(&after)) => {
                return Err(format!("the page after {after} once more in place of the next one"));
            }
            Some(after) if !below => open.window.after = Some(after),
            _ => open.window.done = true,
        }
        Ok(())
    }

    /// Notes that the vendor no longer knows the place in a window, which is read from its beginning then. Returns whether
    /// that helps: there was a place, and it is the first that is lost in this run. A place that is never known would have
    /// the window read from its beginning for ever.
    pub(super) fn start_over(&mut self, at: usize) -> bool {
        let open = &mut self.0[at];
        open.asked = false;
        if open.started_over || open.window.after.is_none() {
            return false;
        }
        *open = OpenWindow {
            started_over: true,
            ..OpenWindow::new(Window { after: None, ..open.window.clone() })
        };
        true
    }
}

fn digest(place: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    hasher.finish()
}

impl OpenWindow {
    fn new(window: Window) -> Self {
        let places = window.after.iter().map(|after| digest(after)).collect();
        Self { window, asked: false, pages: 0, objects: 0, seen: None, places, started_over: false }
    }

    /// The range of seconds that is left to read: its lower bound, and where reading has come to.
    fn range_left(&self) -> Option<(i64, i64)> {
        let (_, reached) = self.seen?;
        let low = self.window.created_gte.unwrap_or(OLDEST);
        (reached > low).then_some((low, reached))
    }

    /// An estimate of the objects left, by how dense they were so far; 0 where cutting is impossible.
    fn left(&self) -> i128 {
        // Where a list is in no promised order, the place reached in it says nothing of what is left.
        if self.window.done || self.pages < PAGES_BEFORE_CUT || !self.window.resource.is_newest_first() {
            return 0;
        }
        let (Some((first, reached)), Some((low, _))) = (self.seen, self.range_left()) else { return 0 };
        let read_s = i128::from((first - reached).max(1));
        i128::from(self.objects) * i128::from(reached - low) / read_s
    }
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
