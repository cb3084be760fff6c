//! The records of one kind: the generated history with the control interface's changes laid over it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeInclusive};

use super::account::{PIPELINES, find_stage};
use super::generate::{FIRST_CREATED_ID, Generator};
use super::record::{Deal, Properties, Record};
use super::values::parse_time;

/// When a change is made. In milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// By the sandbox's clock: searches that lag count from here.
    pub made_ms: i64,
    /// The date that the record bears for it, which whoever makes the change may choose.
    pub at_ms: i64,
}

/// What differs from the generated history.
#[derive(Debug, Default, Clone)]
struct Change {
    /// As in [`Moment`].
    made_ms: i64,
    /// None for a record of the history.
    created_ms: Option<i64>,
    modified_ms: i64,
    state: State,
    set: Properties,
    merged: Vec<u64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Live,
    Archived(i64),
    /// Merged into another record, or removed without a trace: no answer knows it any more.
    Unknown,
}

/// Everything the API answers from, for one kind.
#[derive(Debug)]
pub(super) struct Shelf {
    pub generator: Generator,
    changes: BTreeMap<u64, Change>,
    /// What later changes replaced, by id and oldest first. All of it is kept: how long searches lag can be set after the
    /// changes were made.
    replaced: BTreeMap<u64, Vec<Change>>,
    /// The live records among the changed ones by modification time, so that a search for a range of it looks at no
    /// others.
    by_modified: BTreeSet<(i64, u64)>,
    archived: BTreeSet<u64>,
    next_id: u64,
}

impl Shelf {
    pub(super) fn new(generator: Generator) -> Self {
        Self {
            generator,
            changes: BTreeMap::new(),
            replaced: BTreeMap::new(),
            by_modified: BTreeSet::new(),
            archived: BTreeSet::new(),
            next_id: FIRST_CREATED_ID,
        }
    }

    /// The record with this id, archived or not; none when there is none or it was merged away.
    pub(super) fn find(&self, id: u64) -> Option<Record<'_>> {
        match self.changes.get(&id) {
            Some(change) => self.changed(id, change),
            None => self.generator.serial(id).map(|serial| self.generator.record(serial)),
        }
    }

    fn changed<'a>(&self, id: u64, change: &'a Change) -> Option<Record<'a>> {
        let archived_ms = match change.state {
            State::Live => None,
            State::Archived(at_ms) => Some(at_ms),
            State::Unknown => return None,
        };
        let mut record = match (change.created_ms, self.generator.serial(id)) {
            (None, Some(serial)) => self.generator.record(serial),
            (created_ms, _) => Record {
                kind: self.generator.kind,
                id,
                created_ms: created_ms.unwrap_or(change.modified_ms),
                modified_ms: change.modified_ms,
                archived_ms,
                draw: None,
                deal: Deal::default(),
                set: None,
                merged: &[],
            },
        };
        record.modified_ms = change.modified_ms;
        record.archived_ms = archived_ms;
        record.set = Some(&change.set);
        record.merged = &change.merged;
        settle(&mut record);
        Some(record)
    }

    /// Live records with an id greater than `after`, by id.
    pub(super) fn live_after(&self, after: u64) -> impl Iterator<Item = Record<'_>> {
        let first = self.generator.first_from_id(after.saturating_add(1));
        let history = (first..self.generator.count).map(Generator::id);
        let created =
            self.changes.range((Bound::Excluded(after.max(FIRST_CREATED_ID - 1)), Bound::Unbounded));
        let ids = history.chain(created.map(|(id, _)| *id));
        ids.filter_map(|id| self.find(id)).filter(|record| record.archived_ms.is_none())
    }

    /// Archived records with an id greater than `after`, by id.
    pub(super) fn archived_after(&self, after: u64) -> impl Iterator<Item = Record<'_>> {
        let ids = self.archived.range((Bound::Excluded(after), Bound::Unbounded));
        ids.filter_map(|id| self.find(*id))
    }

    /// What a search sees: the shelf as it was at a moment of the sandbox's clock, or with none as it is.
    pub(super) fn as_of(&self, seen_ms: Option<i64>) -> View<'_> {
        View { shelf: self, seen_ms }
    }

    /// Whether the record differs from the history, so that the history does not speak for it.
    pub(super) fn is_changed(&self, id: u64) -> bool {
        !self.changes.is_empty() && self.changes.contains_key(&id)
    }

    /// How many records of the history with ids within the range differ from it.
    pub(super) fn count_changed(&self, first: u64, last: u64) -> usize {
        if first > last { 0 } else { self.changes.range(first..=last).count() }
    }

    /// Adds a record.
    pub(super) fn create(&mut self, set: Properties, Moment { made_ms, at_ms }: Moment) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let change = Change { created_ms: Some(at_ms), modified_ms: at_ms, set, ..Change::default() };
        self.put(id, change, made_ms);
        id
    }

    /// Sets properties of a live record.
    pub(super) fn edit(&mut self, id: u64, set: Properties, Moment { made_ms, at_ms }: Moment) -> Option<()> {
        let mut change = self.take_live(id)?;
        change.set.extend(set);
        change.modified_ms = at_ms;
        self.put(id, change, made_ms);
        Some(())
    }

    /// Puts a live record into the bin.
    pub(super) fn archive(&mut self, id: u64, Moment { made_ms, at_ms }: Moment) -> Option<()> {
        let mut change = self.take_live(id)?;
        change.state = State::Archived(at_ms);
        self.put(id, change, made_ms);
        Some(())
    }

    /// Takes a record out of the bin again, with a new modified date or as it was.
    pub(super) fn restore(
        &mut self,
        id: u64,
        modified_ms: Option<i64>,
        Moment { made_ms, .. }: Moment,
    ) -> Option<()> {
        if !self.archived.remove(&id) {
            return None;
        }
        let mut change = self.changes.get(&id)?.clone();
        change.state = State::Live;
        change.modified_ms = modified_ms.unwrap_or(change.modified_ms);
        self.put(id, change, made_ms);
        Some(())
    }

    /// Removes a record, live or archived, without a trace.
    pub(super) fn vanish(&mut self, id: u64, moment: Moment) -> Option<()> {
        if self.archived.contains(&id) {
            self.restore(id, None, moment)?;
        }
        let mut change = self.take_live(id)?;
        change.state = State::Unknown;
        self.put(id, change, moment.made_ms);
        Some(())
    }

    /// Merges one live record into another: it vanishes, and the other names it and all that it had swallowed.
    pub(super) fn merge(
        &mut self,
        survivor: u64,
        loser: u64,
        Moment { made_ms, at_ms }: Moment,
    ) -> Option<()> {
        if survivor == loser || self.find(survivor)?.archived_ms.is_some() {
            return None;
        }
        let mut lost = self.take_live(loser)?;
        let swallowed = std::mem::take(&mut lost.merged);
        lost.state = State::Unknown;
        self.put(loser, lost, made_ms);
        let mut change = self.take_live(survivor)?;
        change.merged.push(loser);
        change.merged.extend(swallowed);
        change.modified_ms = at_ms;
        self.put(survivor, change, made_ms);
        Some(())
    }

    /// Takes a live record out, as a copy of its change; it must be put back.
    fn take_live(&mut self, id: u64) -> Option<Change> {
        let record = self.find(id).filter(|record| record.archived_ms.is_none())?;
        let modified_ms = record.modified_ms;
        self.by_modified.remove(&(modified_ms, id));
        Some(self.changes.get(&id).cloned().unwrap_or(Change { modified_ms, ..Change::default() }))
    }

    fn put(&mut self, id: u64, change: Change, made_ms: i64) {
        match change.state {
            State::Live => drop(self.by_modified.insert((change.modified_ms, id))),
            State::Archived(_) => drop(self.archived.insert(id)),
            State::Unknown => {}
        }
        if let Some(replaced) = self.changes.insert(id, Change { made_ms, ..change }) {
            self.replaced.entry(id).or_default().push(replaced);
        }
    }
}

/// A shelf as a search sees it, which may be as it was a while ago.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub shelf: &'a Shelf,
    /// None is now, for which the shelf has an index; every other moment has to look at all that ever changed.
    seen_ms: Option<i64>,
}

impl<'a> View<'a> {
    /// As [`Shelf::find`]; there is also none when it was created since.
    pub(super) fn find(self, id: u64) -> Option<Record<'a>> {
        let shelf = self.shelf;
        let (Some(seen_ms), Some(newest)) = (self.seen_ms, shelf.changes.get(&id)) else {
            return shelf.find(id);
        };
        let older = shelf.replaced.get(&id).into_iter().flatten().rev();
        match std::iter::once(newest).chain(older).find(|change| change.made_ms <= seen_ms) {
            Some(change) => shelf.changed(id, change),
            None => shelf.generator.serial(id).map(|serial| shelf.generator.record(serial)),
        }
    }

    /// Ids, by id, of the records that differ from the history by now, were live when seen, were then modified within a
    /// range, and have ids within another. The history speaks for all others, whenever it is asked.
    pub(super) fn changed_within(
        self,
        modified: &RangeInclusive<i64>,
        ids: &RangeInclusive<u64>,
    ) -> Vec<u64> {
        if modified.is_empty() || ids.is_empty() {
            return Vec::new();
        }
        if self.seen_ms.is_some() {
            let records = self.shelf.changes.range(ids.clone()).filter_map(|(id, _)| self.find(*id));
            let live = records.filter(|record| record.archived_ms.is_none());
            return live
                .filter(|record| modified.contains(&record.modified_ms))
                .map(|record| record.id)
                .collect();
        }
        let range = (*modified.start(), 0)..=(*modified.end(), u64::MAX);
        let by_modified = self.shelf.by_modified.range(range);
        let mut found: Vec<u64> = by_modified.map(|(_, id)| *id).filter(|id| ids.contains(id)).collect();
        found.sort_unstable();
        found
    }
}

/// Lets what follows from set properties follow: HubSpot computes, whoever wrote the stage.
fn settle(record: &mut Record<'_>) {
    let set = |name| record.set(name);
    let stage_set = set("dealstage").is_some() || set("pipeline").is_some();
    let close_ms = set("closedate").map(|text| text.and_then(parse_time));
    if stage_set {
        let pipeline = record.pipeline_text().unwrap_or(PIPELINES[0].id);
        let stage = find_stage(pipeline, record.stage_text().unwrap_or_default());
        let pipeline = PIPELINES.iter().find(|known| known.id == pipeline).map(|known| known.id);
        (record.deal.pipeline, record.deal.stage) = (pipeline, stage);
    }
    if let Some(close_ms) = close_ms {
        record.deal.close_ms = close_ms;
    }
}
