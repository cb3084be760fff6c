//! The range of a question, cut into days and pieces.

use buffalo_model::{Day, RevenueQuery, RevenueQueryError};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

/// A question that reaches further is cut down to where there are payments: ten years of days.
const MOST_DAYS_ASKED: i64 = 3_660;

/// The most pieces that are read at once: a hundred years of days.
const MOST_PIECES: usize = 40_000;

/// What a gap belongs to where pieces are told apart: none of them.
const NO_PIECE: i32 = -1;

/// The length of a bucket, in seconds.
const BUCKET_S: i64 = 900;

/// The first and the last quarter of an hour with payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) earliest: Option<DateTime<Utc>>,
    pub(super) latest: Option<DateTime<Utc>>,
}

impl Bounds {
    /// Whether nothing of `found` lies outside.
    pub(super) fn cover(self, found: Self) -> bool {
        let starts = found.earliest.is_none_or(|found| self.earliest.is_some_and(|known| known <= found));
        let ends = found.latest.is_none_or(|found| self.latest.is_some_and(|known| known >= found));
        starts && ends
    }
}

/// A stretch of time in which there are payments: its first and its last quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) first: DateTime<Utc>,
    pub(super) last: DateTime<Utc>,
}

/// What a range is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Days, which begin and end with buckets.
    Days,
    /// Pieces of the answer alone: too many days, or such as begin within a bucket, as before zones agreed on quarters of
    /// an hour.
    Pieces,
}

/// Intervals that follow one another, and to which piece of the answer each belongs.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) cut: Cut,
    pub(super) starts_at: Vec<DateTime<Utc>>,
    pub(super) ends_at: Vec<DateTime<Utc>>,
    pub(super) pieces: Vec<i32>,
    /// The first days of the pieces, by their numbers; one for a summary.
    pub(super) first_days: Vec<NaiveDate>,
    /// Which of the intervals are gaps: longer than a day, and without payments as far as is known.
    pub(super) gaps: Vec<usize>,
}

impl Range {
    /// Whether the range can be known only by looking at what there is.
    pub(super) fn needs_bounds(query: &RevenueQuery) -> bool {
        match (query.start_date, query.end_date) {
            (Some(start), Some(end)) => (end - start).num_days() >= MOST_DAYS_ASKED,
            _ => true,
        }
    }

    /// The range of a question, within bounds where they are given.
    pub(super) fn of(
        query: &RevenueQuery,
        bounds: Option<Bounds>,
        now: DateTime<Utc>,
    ) -> Result<Self, RevenueQueryError> {
        let (first, last) = dates(query, bounds, now);
        let days = if (last - first).num_days() < MOST_PIECES as i64 {
            Day::range(first, last, query.timezone)
        } else {
            Vec::new()
        };
        if days.is_empty() || !days.iter().all(is_aligned) {
            return Self::pieces(query, first, last);
        }
        let mut first_days: Vec<NaiveDate> = Vec::new();
        let mut pieces = Vec::with_capacity(days.len());
        for day in &days {
            let first_day = query.granularity.unit().map_or(first, |unit| unit.start_of(day.date));
            if first_days.last() != Some(&first_day) {
                first_days.push(first_day);
            }
            pieces.push(i32::try_from(first_days.len() - 1).unwrap_or(i32::MAX));
        }
        Ok(Self {
            cut: Cut::Days,
            starts_at: days.iter().map(|day| day.starts_at).collect(),
            ends_at: days.iter().map(|day| day.ends_at).collect(),
            pieces,
            first_days,
            gaps: Vec::new(),
        })
    }

    /// Whether so many days lie between the payments of a range that it is worth finding out where they are.
    pub(super) fn is_long(query: &RevenueQuery, bounds: Bounds, now: DateTime<Utc>) -> bool {
        let (first, last) = dates(query, Some(bounds), now);
        (last - first).num_days() >= MOST_DAYS_ASKED
    }

    /// The range of a question cut into the days around payments and the gaps between them: a payment of the year 24 costs
    /// a day, not two thousand years. Days that can't be read from buckets come as a range of their own, before the others:
    /// zones agreed on quarters of an hour at one time and have kept to it. As of an instant none can.
    pub(super) fn parts(
        query: &RevenueQuery,
        bounds: Bounds,
        stretches: &[Stretch],
        now: DateTime<Utc>,
    ) -> Result<Vec<Self>, RevenueQueryError> {
        let (first, last) = dates(query, Some(bounds), now);
        let mut spans: Vec<(NaiveDate, NaiveDate)> = Vec::new();
        for stretch in stretches {
            let from = Day::date_of(stretch.first, query.timezone).max(first);
            let to = Day::date_of(ends_by(stretch.last), query.timezone).min(last);
            match spans.last_mut() {
                _ if from > to => {}
                Some((_, before)) if from <= *before || before.succ_opt() == Some(from) => {
                    *before = to.max(*before);
                }
                _ => spans.push((from, to)),
            }
        }
        let days: i64 = spans.iter().map(|(from, to)| (*to - *from).num_days() + 1).sum();
        if days > MOST_PIECES as i64 {
            return Self::pieces(query, first, last).map(|range| vec![range]);
        }
        if spans.is_empty() {
            spans.push((first, first));
        }
        let spans: Vec<Vec<Day>> =
            spans.into_iter().map(|(from, to)| Day::range(from, to, query.timezone)).collect();
        let odd = spans.iter().rposition(|days| query.as_of.is_some() || !days.iter().all(is_aligned));
        let odd = odd.map_or(0, |last| last + 1);
        let (odd, even) = spans.split_at(odd);
        let mut parts = Vec::new();
        if !odd.is_empty() {
            parts.push(Self::of_spans(query, Cut::Pieces, odd, None));
        }
        if !even.is_empty() {
            let follows = parts.first().map(Self::ends_at);
            parts.push(Self::of_spans(query, Cut::Days, even, follows));
        }
        Ok(parts)
    }

    /// Days with the gaps between them, the first of which begins in the bucket after `follows`.
    fn of_spans(query: &RevenueQuery, cut: Cut, spans: &[Vec<Day>], follows: Option<DateTime<Utc>>) -> Self {
        let mut range = Self {
            cut,
            starts_at: vec![],
            ends_at: vec![],
            pieces: vec![],
            first_days: vec![],
            gaps: vec![],
        };
        let unit = query.granularity.unit();
        let mut until = follows.map(|end| {
            let into_bucket = end.timestamp().rem_euclid(BUCKET_S);
            if into_bucket == 0 { end } else { end + TimeDelta::seconds(BUCKET_S - into_bucket) }
        });
        for day in spans.iter().flatten() {
            if let Some(until) = until.filter(|until| *until < day.starts_at) {
                range.gaps.push(range.pieces.len());
                range.push(until, day.starts_at, if unit.is_some() { NO_PIECE } else { 0 });
            }
            let first_day = match unit {
                Some(unit) => unit.start_of(day.date),
                None => range.first_days.first().copied().unwrap_or(day.date),
            };
            if range.first_days.last() != Some(&first_day) {
                range.first_days.push(first_day);
            }
            let piece = i32::try_from(range.first_days.len() - 1).unwrap_or(i32::MAX);
            range.push(day.starts_at, day.ends_at, piece);
            until = Some(day.ends_at);
        }
        range
    }

    fn push(&mut self, starts_at: DateTime<Utc>, ends_at: DateTime<Utc>, piece: i32) {
        self.starts_at.push(starts_at);
        self.ends_at.push(ends_at);
        self.pieces.push(piece);
    }

    /// Whether a piece is none: something was found in a gap.
    pub(super) fn is_gap(piece: i32) -> bool {
        piece == NO_PIECE
    }

    /// The days, without gaps: when they begin, and when they end.
    pub(super) fn days(&self) -> (Vec<DateTime<Utc>>, Vec<DateTime<Utc>>) {
        let days = self.starts_at.iter().zip(&self.ends_at).enumerate();
        days.filter(|(at, _)| !self.gaps.contains(at)).map(|(_, (starts, ends))| (*starts, *ends)).unzip()
    }

    fn pieces(query: &RevenueQuery, first: NaiveDate, last: NaiveDate) -> Result<Self, RevenueQueryError> {
        let zone = query.timezone;
        let mut range = Self {
            cut: Cut::Pieces,
            starts_at: vec![],
            ends_at: vec![],
            pieces: vec![],
            first_days: vec![],
            gaps: vec![],
        };
        let mut from = first;
        while from <= last {
            let unit = query.granularity.unit();
            let first_day = unit.map_or(first, |unit| unit.start_of(from));
            let next = unit.and_then(|unit| unit.next(first_day)).filter(|next| *next <= last);
            let after = next.or_else(|| last.checked_add_days(Days::new(1))).unwrap_or(last);
            range.starts_at.push(buffalo_model::midnight(from, zone));
            range.ends_at.push(buffalo_model::midnight(after, zone));
            range.pieces.push(i32::try_from(range.first_days.len()).unwrap_or(i32::MAX));
            range.first_days.push(first_day);
            if range.first_days.len() > MOST_PIECES {
                return Err(RevenueQueryError::TooManyPieces(MOST_PIECES));
            }
            let Some(next) = next else { break };
            from = next;
        }
        Ok(range)
    }

    /// The first day of a piece of the answer.
    pub(super) fn first_day_of(&self, piece: i32) -> Option<NaiveDate> {
        self.first_days.get(usize::try_from(piece).ok()?).copied()
    }

    /// Where the range ends.
    pub(super) fn ends_at(&self) -> DateTime<Utc> {
        self.ends_at.last().copied().unwrap_or_default()
    }

    /// Where the range begins.
    pub(super) fn starts_at(&self) -> DateTime<Utc> {
        self.starts_at.first().copied().unwrap_or_default()
    }
}

/// Whether a day begins and ends with buckets.
fn is_aligned(day: &Day) -> bool {
    day.starts_at.timestamp() % BUCKET_S == 0 && day.ends_at.timestamp() % BUCKET_S == 0
}

/// The last second of a quarter of an hour.
fn ends_by(quarter: DateTime<Utc>) -> DateTime<Utc> {
    quarter.checked_add_signed(TimeDelta::seconds(BUCKET_S - 1)).unwrap_or(quarter)
}

/// The first and the last day: those that are asked for, within bounds where there are any.
fn dates(query: &RevenueQuery, bounds: Option<Bounds>, now: DateTime<Utc>) -> (NaiveDate, NaiveDate) {
    let of = |instant: DateTime<Utc>| Day::date_of(instant, query.timezone);
    let Some(bounds) = bounds else {
        let today = of(now);
        return (query.start_date.unwrap_or(today), query.end_date.unwrap_or(today));
    };
    let any = query.start_date.or(query.end_date).unwrap_or_else(|| of(now));
    let first = bounds.earliest.map_or(any, of);
    let last = bounds.latest.map_or(any, |latest| of(ends_by(latest)));
    let first = query.start_date.map_or(first, |asked| asked.max(first));
    let last = query.end_date.map_or(last, |asked| asked.min(last));
    // Where nothing lies in what is asked for, a day of it stands for it.
    if first <= last { (first, last) } else { (any, any) }
}

#[cfg(test)]
#[path = "range_tests.rs"]
mod tests;
