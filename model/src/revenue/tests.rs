//! Tests of how an answer about revenue is put together.

use chrono_tz::Tz;

use super::*;

fn query(granularity: Granularity) -> RevenueQuery {
    RevenueQuery::of(granularity, "USD".parse().unwrap())
}

fn day(text: &str) -> NaiveDate {
    parse_date(text).unwrap()
}

fn sum(currency: &str, bucket: Option<&str>, measure: Measure, amount: i128) -> Sum {
    Sum { currency: currency.parse().unwrap(), bucket: bucket.map(day), measure, amount, payments: 1 }
}

fn answer(query: RevenueQuery, sums: &[Sum]) -> Result<Revenue, Overflow> {
    let proof = Proof { checked_at: DateTime::UNIX_EPOCH, buckets_recomputed: 2, verified_at: None };
    Revenue::assemble(query, sums, &[Freshness::none(Source::new("stripe"))], None, proof)
}

#[test]
fn totals_are_those_of_the_buckets() {
    let sums = [
        sum("USD", Some("2026-01-01"), Measure::Collected, 5),
        sum("USD", Some("2026-01-02"), Measure::Collected, 7),
        sum("USD", Some("2026-01-02"), Measure::Refunded, 3),
    ];
    let revenue = answer(query(Granularity::Daily), &sums).unwrap();
    assert_eq!((revenue.total.collected, revenue.total.count, revenue.total.net()), (12, 2, 9));
    let net: Vec<_> = revenue.breakdown.iter().map(|(_, figures)| figures.net()).collect();
    assert_eq!(net, [5, 4]);
}

#[test]
fn a_bucket_with_nothing_but_what_is_pending_is_empty() {
    let sums = [
        sum("USD", Some("2026-01-01"), Measure::Collected, 0),
        sum("USD", Some("2026-01-02"), Measure::Pending, 7),
    ];
    let revenue = answer(query(Granularity::Daily), &sums).unwrap();
    assert_eq!(revenue.breakdown.iter().map(|(date, _)| *date).collect::<Vec<_>>(), [day("2026-01-01")]);
    assert_eq!(revenue.total.pending, 7);
}

#[test]
fn nothing_is_told_of_a_currency_that_has_moved_away() {
    let sums = [
        Sum { payments: 3, ..sum("EUR", None, Measure::Collected, 5) },
        Sum { payments: -3, ..sum("EUR", None, Measure::Collected, -5) },
        sum("GBP", None, Measure::Collected, 0),
    ];
    let revenue = answer(query(Granularity::Summary), &sums).unwrap();
    let told: Vec<_> = revenue.other_currencies.iter().map(|(currency, _)| currency.as_str()).collect();
    assert_eq!(told, ["GBP"]);
}

#[test]
fn currencies_are_listed_and_never_added() {
    let sums =
        [sum("USD", Some("2026-01-01"), Measure::Collected, 5), sum("EUR", None, Measure::Collected, 7)];
    let revenue = answer(query(Granularity::Daily), &sums).unwrap();
    assert_eq!(revenue.total.collected, 5);
    assert_eq!(revenue.breakdown.len(), 1);
    assert_eq!(revenue.other_currencies[0].1.collected, 7);
}

#[test]
fn what_is_withdrawn_for_a_dispute_is_gone_and_told_apart() {
    let sums = [
        sum("USD", None, Measure::Collected, 100),
        sum("USD", None, Measure::Disputed, 10),
        sum("USD", None, Measure::Withdrawn, 20),
        sum("USD", None, Measure::PendingReturn, 40),
    ];
    let total = answer(query(Granularity::Summary), &sums).unwrap().total;
    assert_eq!((total.disputed, total.withdrawn, total.net(), total.pending_returns), (30, 20, 70, 40));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let huge = [sum("USD", None, Measure::Collected, i128::MAX), sum("USD", None, Measure::Collected, 1)];
    assert_eq!(answer(query(Granularity::Summary), &huge), Err(Overflow("USD".parse().unwrap())));
    let net =
        [sum("USD", None, Measure::Refunded, i128::MAX), sum("USD", None, Measure::Disputed, i128::MAX)];
    assert!(answer(query(Granularity::Summary), &net).is_err());
}

#[test]
fn the_document_has_the_fields_of_the_contract() {
    let sums = [sum("USD", Some("2026-11-01"), Measure::Collected, 9_007_199_254_740_993)];
    let document = serde_json::to_value(answer(query(Granularity::Monthly), &sums).unwrap()).unwrap();
    assert_eq!(
        document,
        serde_json::json!({
            "totalRevenueCents": "9007199254740993", "currency": "USD", "count": 1,
            "refundedCents": "0", "disputedCents": "0", "disputedOpenCents": "0",
            "netRevenueCents": "9007199254740993",
            "pendingCents": "0", "pendingCount": 0, "pendingReturnsCents": "0", "pendingReturnsCount": 0,
            "unknownCents": "0", "unknownCount": 0, "excludedCents": "0", "excludedCount": 0,
            "refundsWithoutPaymentCents": "0", "refundsWithoutPaymentCount": 0,
            "startDate": null, "endDate": null, "source": null, "sources": null, "timezone": "UTC",
            "basis": "event", "asOf": null,
            "dataThrough": {"stripe": null}, "complete": false,
            "incompleteBecause": [{"source": "stripe", "code": "NOT_FETCHED",
                "message": "stripe was not fetched to its end so far"}],
            "drift": {"checkedAt": "1970-01-01T00:00:00Z", "bucketsRecomputed": 2, "verifiedAt": null},
            "bySource": [], "otherCurrencies": [], "unattributed": [], "reporting": null,
            "breakdown": [{"month": "2026-11", "amountCents": "9007199254740993", "count": 1,
                "refundedCents": "0", "disputedCents": "0", "netCents": "9007199254740993"}],
        })
    );
}

#[test]
fn filling_adds_the_empty_buckets_of_the_range() {
    let asked = RevenueQuery {
        start_date: Some(day("2026-02-25")),
        end_date: Some(day("2026-03-10")),
        fill: true,
        ..query(Granularity::Weekly)
    };
    let sums = [sum("USD", Some("2026-03-02"), Measure::Collected, 5)];
    let revenue = answer(asked, &sums).unwrap().filled().unwrap();
    let weeks: Vec<_> =
        revenue.breakdown.iter().map(|(day, figures)| (day.to_string(), figures.count)).collect();
    assert_eq!(
        weeks,
        [("2026-02-23".to_owned(), 0), ("2026-03-02".to_owned(), 1), ("2026-03-09".to_owned(), 0)]
    );
}

#[test]
fn filling_ten_thousand_years_is_refused() {
    let asked = RevenueQuery {
        start_date: Some(day("0001-01-01")),
        end_date: Some(day("9999-12-31")),
        fill: true,
        ..query(Granularity::Daily)
    };
    let revenue = answer(asked, &[]).unwrap();
    assert!(matches!(revenue.filled(), Err(RevenueQueryError::TooManyBuckets(_))));
}

#[test]
fn quarters_and_years_are_those_of_the_calendar() {
    let label = |unit: Bucket, date| unit.label(unit.start_of(day(date)));
    assert_eq!(label(Bucket::Quarter, "2026-12-31"), "2026-Q4");
    assert_eq!(label(Bucket::Quarter, "2026-04-01"), "2026-Q2");
    assert_eq!(label(Bucket::Year, "2026-12-31"), "2026");
    assert_eq!(Bucket::Quarter.next(day("2026-10-01")), Some(day("2027-01-01")));
}

#[test]
fn only_days_of_the_calendar_are_dates() {
    for bad in ["2026-02-30", "2026-2-3", "20260203", "2026-02-03T00:00:00Z", "", "tomorrow"] {
        assert!(parse_date(bad).is_err(), "{bad} was accepted");
    }
    assert_eq!(parse_date("2024-02-29").unwrap().to_string(), "2024-02-29");
}

#[test]
fn a_range_must_not_end_before_it_starts() {
    let asked = RevenueQuery {
        start_date: Some(day("2026-02-02")),
        end_date: Some(day("2026-02-01")),
        ..query(Granularity::Daily)
    };
    assert!(asked.validate().is_err());
    assert_eq!(asked.timezone, Tz::UTC);
}

#[test]
fn nothing_is_filled_up_to_a_mistyped_date() {
    let days = ["0024-05-05", "2025-12-30", "2026-01-02", "+20260-04-03"];
    let sums = days.map(|day| sum("USD", Some(day), Measure::Collected, 1));
    let asked = RevenueQuery { fill: true, ..query(Granularity::Daily) };
    let proof = Proof {
        checked_at: "2026-01-05T00:00:00Z".parse().unwrap(),
        buckets_recomputed: 0,
        verified_at: None,
    };
    let revenue = Revenue::assemble(asked, &sums, &[], None, proof).unwrap().filled().unwrap();
    let listed: Vec<String> = revenue.breakdown.iter().map(|(day, _)| day.to_string()).collect();
    let expected = ["0024-05-05", "2025-12-30", "2025-12-31", "2026-01-01", "2026-01-02", "+20260-04-03"];
    assert_eq!(listed, expected);
}
