//! What restated a day: the difference between what is known and what was known when it had ended.

mod sums;

use buffalo_model::{
    ChangesQuery, Measure, Payment, PaymentKind, PaymentStatus, Restatement, RevenueChanges,
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::fixture::{Fixture, T0, payment};
use crate::known_then::{decide, given_back, minute, revoke, say};

/// Minutes of a day.
const DAY: i64 = 1440;

/// A source that was fetched to its end when the story begins.
async fn fetched() -> Fixture {
    let fixture = Fixture::new().await;
    fixture
        .run("UPDATE sync_runs SET status = 'success', finished_at = to_timestamp(1800000000) - interval '1 hour'")
        .await;
    fixture
}

fn question(since: DateTime<Utc>, until: DateTime<Utc>) -> ChangesQuery {
    ChangesQuery {
        since,
        until,
        source: None,
        counted: None,
        currency: None,
        timezone: Tz::UTC,
        after: None,
        limit: 100,
    }
}

/// The whole story.
fn ever() -> ChangesQuery {
    question(T0 - TimeDelta::days(30), minute(100 * DAY))
}

async fn changes(fixture: &Fixture, question: ChangesQuery) -> RevenueChanges {
    fixture.store.revenue_changes(question).await.unwrap()
}

/// Rows as people would tell them: the day of January 2027, what, before and after, whose and why.
fn told(rows: &[Restatement]) -> Vec<String> {
    rows.iter()
        .map(|row| {
            let Restatement { date, measure, before_cents, after_cents, external_id, reason, .. } = row;
            let (measure, reason) = (measure.as_str(), reason.as_str());
            let day = date.format("%d");
            format!("{day} {measure} {before_cents} {after_cents} {external_id} {reason}")
        })
        .collect()
}

fn refund(amount: i64, day: i64) -> Payment {
    given_back(PaymentKind::Refund, PaymentStatus::Refunded, amount, day)
}

#[tokio::test]
async fn what_becomes_known_after_a_day_has_ended_restates_it() {
    let mut fixture = fetched().await;
    // T0 is 2027-01-15T08:00:00Z.
    say(&mut fixture, 1, "ch_1", payment(1000)).await;
    say(&mut fixture, 2, "re_same_day", refund(100, 0)).await;
    assert_eq!(told(&changes(&fixture, ever()).await.rows), [""; 0]);
    say(&mut fixture, DAY, "re_late", refund(200, 0)).await;
    say(&mut fixture, DAY + 1, "re_on_its_day", refund(300, 1)).await;
    let found = changes(&fixture, ever()).await;
    assert_eq!(told(&found.rows), ["15 refunded 0 200 re_late LATE"]);
    assert_eq!((found.rows[0].known_at, found.rows[0].difference_cents), (minute(DAY), 200));
    let day = &found.days[0];
    assert_eq!((found.days.len(), day.date, day.measure), (1, T0.date_naive(), Measure::Refunded));
    assert_eq!((day.difference_cents, day.payments), (200, 1));

    // From the instant of a change on it is a change; up to it, it is none.
    let of = async |since, until| told(&changes(&fixture, question(since, until)).await.rows).len();
    let instant = TimeDelta::microseconds(1);
    assert_eq!(of(minute(DAY), minute(9 * DAY)).await, 1);
    assert_eq!(of(minute(DAY) + instant, minute(9 * DAY)).await, 0);
    assert_eq!(of(minute(0), minute(DAY)).await, 0);
    assert_eq!(of(minute(0), minute(DAY) + instant).await, 1);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_state_that_is_replaced_restates_where_it_was_and_where_it_is() {
    let mut fixture = fetched().await;
    let pending = Payment { status: PaymentStatus::Pending, ..payment(70) };
    let euro = Payment { currency: "EUR".parse().unwrap(), ..payment(90) };
    for (id, payment) in [("ch_gone", payment(50)), ("ch_moved", payment(60)), ("ch_pending", pending)] {
        say(&mut fixture, 1, id, payment).await;
    }
    say(&mut fixture, 1, "ch_euro", payment(90)).await;
    say(&mut fixture, 1, "ch_same", payment(90)).await;
    say(&mut fixture, 5 * DAY, "ch_gone", Payment { deleted: true, ..payment(50) }).await;
    let moved = Payment { occurred_at: T0 + TimeDelta::days(2), ..payment(60) };
    say(&mut fixture, 5 * DAY, "ch_moved", moved).await;
    say(&mut fixture, 5 * DAY, "ch_pending", payment(70)).await;
    say(&mut fixture, 5 * DAY, "ch_euro", euro).await;
    say(&mut fixture, 5 * DAY, "ch_same", Payment { raw_status: "paid".to_owned(), ..payment(90) }).await;
    let found = changes(&fixture, ever()).await;
    let expected = [
        "15 collected 0 90 ch_euro STATE",
        "15 collected 90 0 ch_euro STATE",
        "15 collected 50 0 ch_gone DELETED",
        "15 collected 60 0 ch_moved STATE",
        "15 collected 0 70 ch_pending STATE",
        "15 pending 70 0 ch_pending STATE",
        "17 collected 0 60 ch_moved STATE",
    ];
    assert_eq!(told(&found.rows), expected);
    let currencies: Vec<_> =
        found.days.iter().map(|day| (day.currency.as_str(), day.difference_cents)).collect();
    assert_eq!(currencies, [("EUR", 90), ("USD", -130), ("USD", -70), ("USD", 60)]);

    let euros = ChangesQuery { currency: Some("EUR".parse().unwrap()), ..ever() };
    assert_eq!(told(&changes(&fixture, euros).await.rows), expected[..1]);
    let hubspot = ChangesQuery { counted: Some([buffalo_model::Source::new("hubspot")].into()), ..ever() };
    assert_eq!(changes(&fixture, hubspot).await.days, []);
    fixture.run("DELETE FROM payments WHERE external_id = 'ch_same'").await;
    let whole = question(T0, T0 + TimeDelta::days(3650));
    assert!(
        told(&changes(&fixture, whole).await.rows).contains(&"15 collected 90 0 ch_same DELETED".to_owned())
    );
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn decisions_restate_days() {
    let mut fixture = fetched().await;
    say(&mut fixture, 1, "ch_1", payment(1000)).await;
    decide(&fixture, "ch_1", 2).await;
    assert_eq!(told(&changes(&fixture, ever()).await.rows), [""; 0], "on the day itself");
    revoke(&fixture, DAY).await;
    let found = changes(&fixture, ever()).await;
    assert_eq!(
        told(&found.rows),
        ["15 collected 0 1000 ch_1 COUNTED_AGAIN", "15 excluded 1000 0 ch_1 COUNTED_AGAIN"]
    );
    decide(&fixture, "ch_1", 2 * DAY).await;
    assert_eq!(told(&changes(&fixture, ever()).await.rows), [""; 0], "as it was when the day had ended");
    let found = changes(&fixture, question(minute(DAY + 1), minute(9 * DAY))).await;
    assert_eq!(told(&found.rows), ["15 collected 1000 0 ch_1 EXCLUDED", "15 excluded 0 1000 ch_1 EXCLUDED"]);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_was_never_captured_restates_returns() {
    let mut fixture = fetched().await;
    let charge = |uncaptured_minor| Payment { uncaptured_minor, ..payment(1000) };
    say(&mut fixture, 1, "ch_1", charge(0)).await;
    say(&mut fixture, DAY, "re_2", refund(400, 1)).await;
    say(&mut fixture, 3 * DAY, "ch_1", charge(150)).await;
    let found = changes(&fixture, ever()).await;
    assert_eq!(told(&found.rows), ["16 refunded 400 250 re_2 SALE"]);
    assert_eq!(found.rows[0].known_at, minute(3 * DAY));
    // An earlier refund takes what was not captured away from the later one.
    say(&mut fixture, 4 * DAY, "re_1", refund(100, 0)).await;
    let found = changes(&fixture, question(minute(3 * DAY + 1), minute(9 * DAY))).await;
    assert_eq!(told(&found.rows), ["16 refunded 250 350 re_2 SALE"]);
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn what_a_source_had_said_at_first_restates_nothing() {
    let mut fixture = fetched().await;
    let first_fetch_ends = |at: i64| {
        format!("UPDATE sync_runs SET finished_at = to_timestamp(1800000000) + interval '{at} minutes'")
    };
    // The seconds of `record` are those of the vendor's clock: minutes of the story are when it was processed.
    fixture.run(&first_fetch_ends(0)).await;
    fixture.run("UPDATE sync_runs SET finished_at = finished_at + interval '9000 seconds'").await;
    let old = Payment { occurred_at: T0 - TimeDelta::days(9), ..payment(500) };
    say(&mut fixture, 8000, "ch_1", old.clone()).await;
    say(&mut fixture, 8001, "ch_2", old.clone()).await;
    assert_eq!(told(&changes(&fixture, ever()).await.rows), [""; 0]);
    // What it says later is a change of what it said first, though that became known after the day had ended.
    say(&mut fixture, 9001, "ch_2", Payment { amount_minor: 450, ..old.clone() }).await;
    say(&mut fixture, 9002, "ch_3", old).await;
    let expected = ["06 collected 500 450 ch_2 STATE", "06 collected 0 500 ch_3 LATE"];
    assert_eq!(told(&changes(&fixture, ever()).await.rows), expected);
    fixture.run("UPDATE sync_runs SET status = 'partial'").await;
    assert_eq!(
        told(&changes(&fixture, ever()).await.rows),
        [""; 0],
        "it is still being fetched for the first time"
    );
    fixture.database.drop_it().await;
}

#[tokio::test]
async fn a_day_ends_at_midnight_of_the_zone() {
    let mut fixture = fetched().await;
    // Charged at 08:00 UTC; known at 19:00 UTC, which is after midnight in Kathmandu and still the day in New York.
    say(&mut fixture, 11 * 60, "ch_1", payment(100)).await;
    // Known at 04:00 UTC of the next day, which is 23:00 in New York.
    say(&mut fixture, 20 * 60, "ch_2", payment(200)).await;
    for (timezone, expected) in [
        (Tz::Asia__Kathmandu, &["15 collected 0 100 ch_1 LATE", "15 collected 0 200 ch_2 LATE"][..]),
        (Tz::UTC, &["15 collected 0 200 ch_2 LATE"][..]),
        (Tz::America__New_York, &[][..]),
    ] {
        let found = changes(&fixture, ChangesQuery { timezone, ..ever() }).await;
        assert_eq!(told(&found.rows), expected, "{timezone}");
    }
    fixture.database.drop_it().await;
}
