//! Tests of how an answer about revenue is put together and proved.

use super::*;

fn query(granularity: Granularity) -> RevenueQuery {
    RevenueQuery {
        granularity,
        start_date: None,
        end_date: None,
        source: None,
        currency: "USD".parse().unwrap(),
        timezone: Tz::UTC,
        fill: false,
    }
}

fn day(text: &str) -> NaiveDate {
    parse_date(text).unwrap()
}

fn row(currency: &str, bucket: Option<&str>, collected: i128) -> BucketRow {
    BucketRow {
        currency: currency.parse().unwrap(),
        bucket: bucket.map(day),
        figures: Figures { collected, count: 1, refunded: 0, disputed: 0 },
    }
}

#[test]
fn parts_that_do_not_add_up_are_an_error() {
    let rows = [row("USD", Some("2026-01-01"), 5), row("USD", None, 6)];
    let drift = Revenue::assemble(query(Granularity::Daily), &rows, BTreeMap::new()).unwrap_err();
    assert!(drift.to_string().contains("USD"));
}

#[test]
fn a_currency_with_buckets_and_no_total_is_an_error() {
    let rows = [row("USD", Some("2026-01-01"), 5)];
    assert!(Revenue::assemble(query(Granularity::Summary), &rows, BTreeMap::new()).is_err());
}

#[test]
fn currencies_are_listed_and_never_added() {
    let rows = [
        row("USD", Some("2026-01-01"), 5),
        row("USD", None, 5),
        row("EUR", Some("2026-01-01"), 7),
        row("EUR", None, 7),
    ];
    let revenue = Revenue::assemble(query(Granularity::Daily), &rows, BTreeMap::new()).unwrap();
    assert_eq!(revenue.total.collected, 5);
    assert_eq!(revenue.breakdown.len(), 1);
    assert_eq!(revenue.other_currencies[0].1.collected, 7);
}

#[test]
fn the_document_has_the_fields_of_the_contract() {
    let rows =
        [row("USD", Some("2026-11-01"), 9_007_199_254_740_993), row("USD", None, 9_007_199_254_740_993)];
    let through = BTreeMap::from([(Source::new("stripe"), None)]);
    let revenue = Revenue::assemble(query(Granularity::Monthly), &rows, through).unwrap();
    let document = serde_json::to_value(&revenue).unwrap();
    assert_eq!(
        document,
        serde_json::json!({
            "totalRevenueCents": "9007199254740993", "currency": "USD", "count": 1,
            "refundedCents": "0", "disputedCents": "0", "netRevenueCents": "9007199254740993",
            "startDate": null, "endDate": null, "source": null, "timezone": "UTC",
            "dataThrough": {"stripe": null}, "otherCurrencies": [],
            "breakdown": [{"month": "2026-11", "amountCents": "9007199254740993", "count": 1,
                "refundedCents": "0", "disputedCents": "0", "netCents": "9007199254740993"}],
        })
    );
}

#[test]
fn filling_adds_the_empty_buckets_of_the_range() {
    let rows = [row("USD", Some("2026-03-02"), 5), row("USD", None, 5)];
    let asked = RevenueQuery {
        start_date: Some(day("2026-02-25")),
        end_date: Some(day("2026-03-10")),
        fill: true,
        ..query(Granularity::Weekly)
    };
    let revenue = Revenue::assemble(asked, &rows, BTreeMap::new()).unwrap().filled().unwrap();
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
    let revenue = Revenue::assemble(asked, &[], BTreeMap::new()).unwrap();
    assert!(matches!(revenue.filled(), Err(RevenueQueryError::TooManyBuckets(_))));
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
}
