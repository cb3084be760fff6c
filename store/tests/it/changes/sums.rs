//! Pages of what restated days, and what it adds up to.

use std::collections::BTreeMap;

use buffalo_model::{
    ChangesQuery, Figures, Granularity, Measure, Payment, PaymentKind, PaymentStatus, RestatementReason,
    RevenueQuery, midnight,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{DAY, changes, decide, ever, fetched, question, refund, revoke};
use crate::fixture::{Fixture, T0, payment};
use crate::known_then::{given_back, minute, say};

/// A story with every reason.
async fn story() -> Fixture {
    let mut fixture = fetched().await;
    let charge = |uncaptured_minor| Payment { uncaptured_minor, ..payment(1000) };
    say(&mut fixture, 1, "ch_1", charge(0)).await;
    say(&mut fixture, 2, "ch_2", payment(70)).await;
    say(&mut fixture, 3, "ch_3", payment(80)).await;
    say(&mut fixture, DAY, "re_1", refund(400, 1)).await;
    say(&mut fixture, DAY + 1, "ch_4", Payment { occurred_at: T0 + TimeDelta::days(1), ..payment(5) }).await;
    say(&mut fixture, 2 * DAY, "ch_late", payment(9)).await;
    say(&mut fixture, 2 * DAY + 1, "ch_1", charge(150)).await;
    decide(&fixture, "ch_2", 3 * DAY).await;
    say(&mut fixture, 3 * DAY + 5, "re_0", refund(30, 0)).await;
    say(&mut fixture, 4 * DAY, "ch_3", Payment { deleted: true, ..payment(80) }).await;
    say(&mut fixture, 4 * DAY + 1, "ch_4", payment(6)).await;
    let open = given_back(PaymentKind::Dispute, PaymentStatus::Pending, 60, 1);
    say(&mut fixture, 5 * DAY, "dp_1", Payment { withdrawn_minor: 45, ..open }).await;
    revoke(&fixture, 6 * DAY).await;
    fixture
}

#[tokio::test]
async fn pages_have_no_gaps_and_repeat_nothing() {
    let mut fixture = story().await;
    let whole = changes(&fixture, ever()).await;
    let reasons: Vec<_> = whole.rows.iter().map(|row| row.reason).collect();
    for reason in [
        RestatementReason::Late,
        RestatementReason::State,
        RestatementReason::Deleted,
        RestatementReason::Sale,
    ] {
        assert!(reasons.contains(&reason), "{reason:?}: {reasons:?}");
    }
    assert!(whole.next_cursor.is_none());
    for limit in [1, 2, 3, 100] {
        let mut question = ChangesQuery { limit, ..ever() };
        let mut rows = Vec::new();
        loop {
            let page = changes(&fixture, question.clone()).await;
            assert!(page.rows.len() <= usize::from(limit) && rows.len() < 100);
            assert_eq!(page.days, whole.days, "they are of all pages");
            rows.extend(page.rows);
            let Some(place) = page.next_cursor else { break };
            // As it comes back from outside. What happened before the first page is no reason to count anew.
            question.after = Some(place.to_string().parse().unwrap());
        }
        assert_eq!(rows, whole.rows, "by {limit}");
    }
    let until = whole.until;
    say(&mut fixture, 6 * DAY + 1, "ch_new", payment(1)).await;
    let early = Payment { occurred_at: T0 - TimeDelta::days(40), ..payment(1) };
    say(&mut fixture, 6 * DAY + 2, "ch_early", early).await;
    let after = Some(whole.rows[0].position(until));
    let rest = changes(&fixture, ChangesQuery { after, ..question(ever().since, minute(6 * DAY + 1)) }).await;
    assert_eq!(rest.rows, whole.rows[1..], "an earlier first day moves no place");
    fixture.database.drop_it().await;
}

/// What figures of a day were, by what payments count for.
async fn figures(fixture: &Fixture, timezone: Tz, as_of: DateTime<Utc>) -> BTreeMap<NaiveDate, [i128; 3]> {
    let query = RevenueQuery {
        timezone,
        as_of: Some(as_of),
        ..RevenueQuery::of(Granularity::Daily, "USD".parse().unwrap())
    };
    let revenue = fixture.store.revenue(query, &[], T0).await.unwrap();
    let figures = |day: &(NaiveDate, Figures)| {
        let of_day = day.1;
        (day.0, [of_day.collected, of_day.refunded, of_day.disputed])
    };
    revenue.breakdown.iter().map(figures).collect()
}

#[tokio::test]
async fn what_restated_a_day_is_what_its_figures_differ_by() {
    let fixture = story().await;
    let mut compared = 0;
    for timezone in [Tz::UTC, Tz::Pacific__Kiritimati] {
        for since in (1..=14).map(|half_days| minute(half_days * DAY / 2)) {
            for until in (1..=14).map(|half_days| minute(half_days * DAY / 2 + 1)) {
                if until <= since {
                    continue;
                }
                let instant = TimeDelta::microseconds(1);
                let (before, after) = (
                    figures(&fixture, timezone, since - instant).await,
                    figures(&fixture, timezone, until - instant).await,
                );
                let found = changes(&fixture, ChangesQuery { timezone, ..question(since, until) }).await;
                for day in (0..7).map(|day| T0.date_naive() + TimeDelta::days(day)) {
                    if midnight(day + TimeDelta::days(1), timezone) > since {
                        continue;
                    }
                    let of = |measures: &[Measure]| -> i128 {
                        let of_day = found.days.iter().filter(|sum| sum.date == day);
                        of_day
                            .filter(|sum| measures.contains(&sum.measure))
                            .map(|sum| sum.difference_cents)
                            .sum()
                    };
                    let restated = [
                        of(&[Measure::Collected]),
                        of(&[Measure::Refunded]),
                        of(&[Measure::Disputed, Measure::Withdrawn]),
                    ];
                    let [then, now] =
                        [&before, &after].map(|known| known.get(&day).copied().unwrap_or_default());
                    let differ = [0, 1, 2].map(|measure| now[measure] - then[measure]);
                    assert_eq!(restated, differ, "{day} in {timezone} from {since} to {until}");
                    compared += usize::from(differ != [0; 3]);
                }
            }
        }
    }
    assert!(compared > 100, "{compared}");
    fixture.database.drop_it().await;
}
