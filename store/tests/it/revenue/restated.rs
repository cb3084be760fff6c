//! Whatever happened between two moments: what restated days is what the naive model differs by.

use std::collections::{BTreeMap, BTreeSet};

use buffalo_model::{ChangesQuery, Currency, Granularity, Measure, RestatedDay, RevenueQuery, Source};
use chrono::{NaiveDate, TimeDelta};

use super::ledger::Ledger;
use super::play::{Game, moment_of};
use super::steps::{Known, Question, SOURCES};
use crate::fixture::Fixture;

/// What is told apart: open disputes are among what was disputed.
type Sums = [i128; 3];

/// All sources were fetched to their ends before anything happens, so that nothing is what they said at first.
pub async fn fetched_once(fixture: &Fixture) {
    for source in SOURCES {
        let run = format!(
            "INSERT INTO sync_runs (run_id, source, entity, mode, status, started_at, heartbeat_at, finished_at)
             VALUES (gen_random_uuid(), '{source}', 'payments', 'full', 'success', '2019-01-01', '2019-01-01', '2019-01-01')"
        );
        fixture.run(&run).await;
    }
}

/// Compares what restated days since the step of the question, as far as what was known then is remembered.
pub async fn check(game: &Game<'_>, question: &Question) -> Result<(), String> {
    let Known::After(step) = question.known else { return Ok(()) };
    let Some((step, then)) = game.known_after(step) else { return Ok(()) };
    let instant = TimeDelta::microseconds(1);
    let asked = ChangesQuery {
        since: moment_of(step) + instant,
        until: moment_of(game.newest()) + instant,
        source: question.source.map(|source| Source::new(SOURCES[source])),
        counted: None,
        currency: Some(question.currency),
        timezone: question.zone,
        after: None,
        limit: 100,
    };
    let found =
        game.fixture.store.revenue_changes(asked.clone()).await.map_err(|error| format!("{error:?}"))?;
    let told = restated(&found.days, question.currency);
    let expected = difference(&figures(then, question), &figures(&game.ledger, question));
    if told != expected {
        return Err(format!("{asked:?}\nfound    {told:?}\nexpected {expected:?}\nrows {:#?}", found.rows));
    }
    Ok(())
}

fn restated(days: &[RestatedDay], currency: Currency) -> BTreeMap<NaiveDate, Sums> {
    let mut sums: BTreeMap<NaiveDate, Sums> = BTreeMap::new();
    for day in days.iter().filter(|day| day.currency == currency) {
        let figure = match day.measure {
            Measure::Collected => 0,
            Measure::Refunded => 1,
            Measure::Disputed | Measure::Withdrawn => 2,
            Measure::Pending
            | Measure::PendingReturn
            | Measure::Unknown
            | Measure::Excluded
            | Measure::RefundWithoutPayment => continue,
        };
        sums.entry(day.date).or_default()[figure] += day.difference_cents;
    }
    sums.retain(|_, sums| *sums != [0; 3]);
    sums
}

fn figures(ledger: &Ledger, question: &Question) -> BTreeMap<NaiveDate, Sums> {
    let query = RevenueQuery {
        source: question.source.map(|source| Source::new(SOURCES[source])),
        timezone: question.zone,
        ..RevenueQuery::of(Granularity::Daily, question.currency)
    };
    let days = ledger.answer(&query).breakdown.into_iter();
    days.map(|(day, figures)| (day, [figures.collected, figures.refunded, figures.disputed])).collect()
}

fn difference(
    then: &BTreeMap<NaiveDate, Sums>,
    now: &BTreeMap<NaiveDate, Sums>,
) -> BTreeMap<NaiveDate, Sums> {
    let days: BTreeSet<_> = then.keys().chain(now.keys()).collect();
    let of = |known: &BTreeMap<NaiveDate, Sums>, day| known.get(day).copied().unwrap_or_default();
    let differ = days.into_iter().map(|day| {
        let (then, now) = (of(then, day), of(now, day));
        (*day, [0, 1, 2].map(|figure| now[figure] - then[figure]))
    });
    differ.filter(|(_, sums)| *sums != [0; 3]).collect()
}
