//! The lanes of the outbox: whose rows a worker takes next, and where in the queue it begins.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Store, StoreError};

/// How far behind the newest row it claimed a worker begins to look. Rows become visible in another order than that of
/// their times, by as much as a page takes to be written.
const SLACK: TimeDelta = TimeDelta::seconds(5);

/// Where a row waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// What changed lately: of incremental runs and webhooks.
    Live,
    /// Of listings of everything.
    Backfill,
    /// What a worker had claimed that died; worked on alone.
    Suspect,
}

impl Lane {
    /// The name in the outbox.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Backfill => "backfill",
            Self::Suspect => "suspect",
        }
    }
}

/// The lanes that a worker knows of, each with the time from which on it looks for rows.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    floors: BTreeMap<(String, String), DateTime<Utc>>,
    claims: usize,
}

/// Arguments of a claim: lanes in the order in which they are looked through.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pub(crate) sources: Vec<String>,
    pub(crate) lanes: Vec<String>,
    pub(crate) floors: Vec<DateTime<Utc>>,
}

impl Lanes {
    /// Knows these sources, and everything from the beginning on.
    pub(crate) fn of(found: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { floors: found.into_iter().map(|lane| (lane, DateTime::UNIX_EPOCH)).collect(), claims: 0 }
    }

    /// The lanes for the next claim: all but those of suspects, beginning with another one each time, so that a lane with
    /// work for hours takes no more than its turn.
    pub(crate) fn turns(&mut self) -> Turns {
        self.claims += 1;
        let lanes: Vec<_> = self.floors.iter().filter(|((_, lane), _)| !is_suspect(lane)).collect();
        let first = self.claims % lanes.len().max(1);
        let mut turns = Turns::default();
        for ((source, lane), floor) in lanes[first..].iter().chain(&lanes[..first]) {
            turns.sources.push(source.clone());
            turns.lanes.push(lane.clone());
            turns.floors.push(**floor);
        }
        turns
    }

    /// The lanes of suspects.
    pub(crate) fn suspects(&self) -> Turns {
        let mut turns = Turns::default();
        for (source, lane) in self.floors.keys().filter(|(_, lane)| is_suspect(lane)) {
            turns.sources.push(source.clone());
            turns.lanes.push(lane.clone());
            turns.floors.push(DateTime::UNIX_EPOCH);
        }
        turns
    }

    /// How many claims were made with these lanes.
    pub(crate) fn claims(&self) -> usize {
        self.claims
    }

    /// Notes that a row was claimed: the next claim begins a little before it.
    pub(crate) fn claimed(&mut self, source: &str, lane: &str, available_at: DateTime<Utc>) {
        if let Some(floor) = self.floors.get_mut(&(source.to_owned(), lane.to_owned())) {
            *floor = (*floor).max(available_at - SLACK);
        }
    }
}

fn is_suspect(lane: &str) -> bool {
    lane == Lane::Suspect.as_str()
}

impl Store {
    /// The lanes that have rows: found by skipping from one to the next along the index.
    pub(crate) async fn lanes_in_use(&self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query!(
            r#"WITH RECURSIVE lanes AS (
                   (SELECT source, lane FROM ingest_outbox ORDER BY source, lane LIMIT 1)
                   UNION ALL
                   SELECT next.source, next.lane
                   FROM lanes CROSS JOIN LATERAL (
                       SELECT source, lane FROM ingest_outbox
                       WHERE (source, lane) > (lanes.source, lanes.lane) ORDER BY source, lane LIMIT 1
                   ) next
               )
               SELECT source AS "source!", lane AS "lane!" FROM lanes"#,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(self.fail("look which sources have rows to process"))?;
        Ok(rows.into_iter().map(|row| (row.source, row.lane)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(source: &str, lane: Lane) -> (String, String) {
        (source.to_owned(), lane.as_str().to_owned())
    }

    #[test]
    fn every_lane_is_first_in_its_turn_and_suspects_never_are() {
        let mut lanes = Lanes::of([
            lane("a", Lane::Backfill),
            lane("a", Lane::Live),
            lane("b", Lane::Live),
            lane("b", Lane::Suspect),
        ]);
        let firsts: Vec<_> = (0..3)
            .map(|_| {
                let turns = lanes.turns();
                assert_eq!(turns.sources.len(), 3);
                format!("{} {}", turns.sources[0], turns.lanes[0])
            })
            .collect();
        assert_eq!(firsts, ["a live", "b live", "a backfill"]);
        assert_eq!(lanes.suspects().sources, ["b"]);
        assert!(Lanes::default().turns().sources.is_empty());
    }

    #[test]
    fn a_claim_begins_a_little_before_the_one_before() {
        let mut lanes = Lanes::of([lane("a", Lane::Live)]);
        let at = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        lanes.claimed("a", "live", at);
        lanes.claimed("a", "live", at - TimeDelta::minutes(1));
        lanes.claimed("unknown", "live", at);
        assert_eq!(lanes.turns().floors, [at - SLACK]);
    }
}
