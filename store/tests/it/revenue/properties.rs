//! Whatever happens to payments, in whatever order: every figure is that of the naive model, however it is asked for.
//!
//! `PROPTEST_CASES` says how many histories are tried. Of one that fails the shortest form is printed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use buffalo_model::{Currency, Granularity, RevenueQuery, Source};
use buffalo_store::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use super::assert_proved;
use super::ledger::{Expected, Ledger};
use super::play::{Game, moment_of};
use super::restated;
use super::steps::{Known, Question, SOURCES, Step, question, step};
use crate::fixture::Fixture;

/// Enough to meet most of what can go wrong, and few enough for every run.
const CASES: u32 = 12;

#[test]
fn figures_are_those_of_a_naive_model_whatever_happened() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new());
    runtime.block_on(restated::fetched_once(&fixture));
    let fixture = tokio::sync::Mutex::new(fixture);
    let cases = std::env::var("PROPTEST_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let history = prop::collection::vec((step(), question()), 1..25);
    let game = AtomicI64::new(0);
    let outcome = TestRunner::new(config).run(&history, |history| {
        runtime.block_on(async {
            let mut fixture = fixture.lock().await;
            play(&mut fixture, game.fetch_add(1, Ordering::Relaxed), &history)
                .await
                .map_err(TestCaseError::fail)
        })
    });
    if let Err(TestError::Fail(reason, history)) = outcome {
        panic!("{reason}\nafter {history:#?}");
    }
    outcome.unwrap();
    runtime.block_on(fixture.into_inner().database.drop_it());
}

async fn play(fixture: &mut Fixture, number: i64, history: &[(Step, Question)]) -> Result<(), String> {
    let mut game = Game::begin(fixture, number).await;
    for (step, question) in history {
        game.play(step).await;
        ask(&game, question).await.map_err(|wrong| format!("{wrong}\nafter {step:?}"))?;
        restated::check(&game, question).await.map_err(|wrong| format!("{wrong}\nafter {step:?}"))?;
    }
    game.end().await;
    for (_, question) in history.iter().take(2) {
        ask(&game, &Question { known: Known::Now, ..question.clone() }).await?;
    }
    assert_proved(&game.fixture.store, &game.fixture.database).await;
    Ok(())
}

/// Asks by every granularity.
async fn ask(game: &Game<'_>, question: &Question) -> Result<(), String> {
    let (ledger, as_of): (&Ledger, Option<DateTime<Utc>>) = match question.known {
        Known::Now => (&game.ledger, None),
        Known::AtTheEnd => (&game.ledger, Some("2100-01-01T00:00:00Z".parse().unwrap())),
        Known::After(step) => match game.known_after(step) {
            Some((step, ledger)) => (ledger, Some(moment_of(step))),
            None => return Ok(()),
        },
    };
    for granularity in Granularity::ALL {
        let query = RevenueQuery {
            granularity,
            start_date: question.start,
            end_date: question.end,
            source: question.source.map(|source| Source::new(SOURCES[source])),
            timezone: question.zone,
            basis: question.basis,
            as_of,
            ..RevenueQuery::of(granularity, question.currency)
        };
        let expected = ledger.answer(&query);
        let found = answer(game, query.clone()).await.map_err(|error| format!("{error:?} for {query:?}"))?;
        if found != expected {
            return Err(format!("{query:?}\nfound    {found:?}\nexpected {expected:?}"));
        }
        check_sums(&found, &query)?;
    }
    Ok(())
}

async fn answer(game: &Game<'_>, query: RevenueQuery) -> Result<Expected, StoreError> {
    let now = moment_of(0) + TimeDelta::days(3_000);
    let currency = query.currency;
    let revenue = game.fixture.store.revenue(query, &[], now).await?;
    let sources =
        revenue.by_source.iter().map(|(_, currency, figures)| (*currency, figures.net(), figures.collected));
    let mut by_source: BTreeMap<Currency, (i128, i128)> = BTreeMap::new();
    for (currency, net, collected) in sources {
        let sum = by_source.entry(currency).or_default();
        *sum = (sum.0 + net, sum.1 + collected);
    }
    let mut found = Expected {
        totals: revenue.other_currencies.into_iter().collect(),
        breakdown: revenue.breakdown.into_iter().collect(),
        unattributed: revenue.unattributed.into_iter().collect(),
    };
    if revenue.total != buffalo_model::Figures::default() {
        found.totals.insert(currency, revenue.total);
    }
    by_source.retain(|_, sum| *sum != (0, 0));
    let totals =
        found.totals.iter().map(|(currency, figures)| (*currency, (figures.net(), figures.collected)));
    let totals: BTreeMap<_, _> = totals.filter(|(_, sum)| *sum != (0, 0)).collect();
    assert_eq!(by_source, totals, "sources add up to the totals");
    Ok(found)
}

/// The pieces of an answer add up to its total, by all measures.
fn check_sums(found: &Expected, query: &RevenueQuery) -> Result<(), String> {
    if query.granularity == Granularity::Summary {
        return Ok(());
    }
    let total = found.totals.get(&query.currency).copied().unwrap_or_default();
    let pieces = found.breakdown.values();
    let sum =
        |pick: fn(&buffalo_model::Figures) -> i128| pieces.clone().map(pick).sum::<i128>() == pick(&total);
    let adds_up = sum(|figures| figures.collected)
        && sum(|figures| figures.net())
        && sum(|figures| figures.withdrawn)
        && sum(|figures| figures.count.into());
    adds_up.then_some(()).ok_or_else(|| format!("{query:?}: the pieces are not the total: {found:?}"))
}
