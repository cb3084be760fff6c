//! Answers searches, without looking at more records than the filters leave.

use std::ops::{Range, RangeInclusive};

use super::filters::{Number, Search, Shown};
use super::generate::Generator;
use super::json::{push_string, push_uint};
use super::render::Columns;
use super::shelf::View;

/// What was found: how many, and those on the page.
struct Found {
    total: usize,
    page: Vec<u64>,
}

/// The answer to a search.
pub(super) fn answer(view: View<'_>, search: &Search) -> Vec<u8> {
    let mut found = if search.is_plain() && (search.sort, search.descending) == (Number::Id, false) {
        by_id(view, search)
    } else {
        by_looking(view, search)
    };
    if search.shown != Shown::Page {
        found.page.clear();
    }
    let shown = found.page.len();
    let mut out = Vec::with_capacity(2_048 * shown + 256);
    out.extend_from_slice(b"{\"total\":");
    push_uint(&mut out, found.total as u64);
    out.extend_from_slice(b",\"results\":[");
    let records = found.page.into_iter().filter_map(|id| view.find(id));
    Columns::new(view.shelf.generator.kind, &search.properties).render_all(&mut out, records);
    out.push(b']');
    let next = search.offset + shown;
    if next < found.total && search.shown != Shown::Nothing {
        out.extend_from_slice(b",\"paging\":{\"next\":{\"after\":");
        push_string(&mut out, &next.to_string());
        out.extend_from_slice(b"}}");
    }
    out.push(b'}');
    out
}

/// Where in the history, and where beside it, what is searched for can be.
struct Candidates {
    history: Range<u64>,
    changed: Vec<u64>,
}

impl Candidates {
    fn new(view: View<'_>, search: &Search) -> Self {
        let (ids, modified) = (unsigned(&search.hull(Number::Id)), search.hull(Number::Modified));
        let generator = &view.shelf.generator;
        let first =
            generator.first_from_id(*ids.start()).max(generator.first_modified_from(*modified.start()));
        let last_id = ids.end().checked_add(1).map_or(generator.count, |end| generator.first_from_id(end));
        let last_modified =
            modified.end().checked_add(1).map_or(generator.count, |end| generator.first_modified_from(end));
        let end = last_id.min(last_modified);
        Self { history: first.min(end)..end, changed: view.changed_within(&modified, &ids) }
    }
}

/// The part of a range that ids can lie in.
fn unsigned(range: &RangeInclusive<i64>) -> RangeInclusive<u64> {
    let clamp = |bound: i64| u64::try_from(bound).unwrap_or_default();
    // No record has the id 0, so what a range below it is clamped to finds nothing.
    clamp(*range.start())..=clamp(*range.end())
}

/// Ranges of id and modification time, sorted by id: the history is counted, not looked at.
fn by_id(view: View<'_>, search: &Search) -> Found {
    let Candidates { history, changed } = Candidates::new(view, search);
    let unchanged = match history.is_empty() {
        true => 0,
        false => {
            let (first, last) = (Generator::id(history.start), Generator::id(history.end - 1));
            (history.end - history.start) as usize - view.shelf.count_changed(first, last)
        }
    };
    let total = unchanged + changed.len();
    let history = history.map(Generator::id).filter(|id| !view.shelf.is_changed(*id));
    Found { total, page: merged(history, changed).skip(search.offset).take(search.limit).collect() }
}

/// Two ascending sequences as one.
fn merged(one: impl Iterator<Item = u64>, other: Vec<u64>) -> impl Iterator<Item = u64> {
    let (mut one, mut other) = (one.peekable(), other.into_iter().peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(left), Some(right)) if left > right => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    })
}

/// Any other filters and order: every candidate is looked at.
fn by_looking(view: View<'_>, search: &Search) -> Found {
    let Candidates { history, changed } = Candidates::new(view, search);
    let history = history.map(Generator::id).filter(|id| !view.shelf.is_changed(*id));
    let records = history.chain(changed).filter_map(|id| view.find(id));
    let mut found: Vec<(Option<i64>, u64)> = records
        .filter(|record| search.finds(record))
        .map(|record| (search.sort.of(&record), record.id))
        .collect();
    found.sort_unstable();
    if search.descending {
        found.reverse();
    }
    let page = found.iter().skip(search.offset).take(search.limit).map(|(_, id)| *id).collect();
    Found { total: found.len(), page }
}
