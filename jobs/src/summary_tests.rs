use buffalo_store::RunTally;

use buffalo_model::Proof;

use super::*;

fn figures(collected: i128, refunded: i128) -> Figures {
    Figures { collected, count: 3, refunded, ..Figures::default() }
}

fn summary(through: &str) -> DailySummary {
    let day: NaiveDate = "2026-11-20".parse().unwrap();
    let timezone = Tz::Europe__Berlin;
    let query = RevenueQuery {
        start_date: Some(day),
        end_date: Some(day),
        timezone,
        ..RevenueQuery::of(Granularity::Summary, "USD".parse().unwrap())
    };
    let revenue = Revenue {
        query,
        total: figures(123_450, 1_000),
        breakdown: Vec::new(),
        other_currencies: vec![("JPY".parse().unwrap(), figures(500, 0))],
        by_source: Vec::new(),
        unattributed: Vec::new(),
        reporting: None,
        data_through: [(Source::new("shop"), Some(through.parse().unwrap()))].into(),
        gaps: Vec::new(),
        proof: Proof { checked_at: DateTime::UNIX_EPOCH, buckets_recomputed: 0, verified_at: None },
    };
    DailySummary {
        day,
        ends_at: midnight(day + Days::new(1), timezone),
        revenue,
        day_before: figures(100_000, 0),
        week_before: figures(0, 0),
        counts: DayCounts {
            runs: vec![RunTally {
                source: "shop".to_owned(),
                entity: "payments".to_owned(),
                status: "success".to_owned(),
                count: 96,
            }],
            dead_letters: Vec::new(),
        },
        unmapped: vec![UnmappedStatus {
            source: "shop".to_owned(),
            raw_status: "<odd>".to_owned(),
            count: 2,
            sample: "x".to_owned(),
        }],
        cursors: Vec::new(),
    }
}

#[test]
fn a_day_in_words() {
    let summary = summary("2026-11-21T06:00:00Z");
    assert_eq!(summary.subject(), "[buffalo] DAILY — 2026-11-20 | 1234.50 USD collected");
    assert_eq!(
        summary.text(),
        "Friday, 20 November 2026 (Europe/Berlin)\n\
         \n\
         collected       1234.50   USD, 3 payments\n\
         refunded          10.00\n\
         disputed           0.00\n\
         net             1224.50\n\
         the day before  1000.00   +224.50 (+22 %)\n\
         a week before      0.00   +1224.50\n\
         in JPY              500   JPY, 3 payments, net 500\n\
         \n\
         Runs: 96 success of shop payments\n\
         New dead letters: none\n\
         Unmapped statuses: shop `<odd>` (2 records)\n\
         Complete up to: none\n\
         \n\
         More: buffalo summary --date 2026-11-20\n      buffalo status\n"
    );
}

#[test]
fn html_says_the_same_and_is_safe() {
    let summary = summary("2026-11-20T20:00:00Z");
    let html = summary.html();
    for words in
        ["1234.50", "+224.50 (+22 %)", "shop `&lt;odd&gt;` (2 records)", "96 success of shop payments"]
    {
        assert!(html.contains(words), "{words} in {html}");
    }
    let warning = "These figures are not complete: shop only up to 2026-11-20T20:00:00Z.";
    assert!(html.contains(warning) && summary.text().contains(warning));
}

#[test]
fn a_day_ends_at_midnight_where_it_is() {
    let end = |day: &str, timezone| {
        midnight(day.parse::<NaiveDate>().unwrap() + Days::new(1), timezone).to_rfc3339()
    };
    assert_eq!(end("2026-11-20", Tz::Europe__Berlin), "2026-11-20T23:00:00+00:00");
    assert_eq!(end("2026-07-01", Tz::Europe__Berlin), "2026-07-01T22:00:00+00:00");
    // Chile's clocks go from midnight to one o'clock.
    assert_eq!(end("2026-09-05", Tz::America__Santiago), "2026-09-06T04:00:00+00:00");
}
