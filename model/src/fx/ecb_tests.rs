//! The ECB's tables, whole and damaged.

use chrono::NaiveDate;

use super::{RateSheet, Rates};
use crate::Currency;

const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();

const HISTORY: &str = "Date,USD,JPY,BGN,CYP,TRL,\n\
                       2026-01-02,1.1757,184.2,N/A,N/A,N/A,\n\
                       2004-12-31,1.3621,139.65,1.9559,0.58,1836200,\n";

fn problems(text: &str) -> String {
    RateSheet::parse(text, TODAY).unwrap_err().to_string()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn the_history_is_read_without_what_is_not_available_or_of_no_use() {
    let sheet = RateSheet::parse(HISTORY, TODAY).unwrap();
    let rates: Vec<_> =
        sheet.rates.iter().map(|rate| format!("{} {} {}", rate.date, rate.currency, rate.rate)).collect();
    assert_eq!(
        rates,
        [
            "2026-01-02 USD 1.1757",
            "2026-01-02 JPY 184.2",
            "2004-12-31 USD 1.3621",
            "2004-12-31 JPY 139.65",
            "2004-12-31 BGN 1.9559"
        ]
    );
    assert_eq!(Vec::from_iter(sheet.days), [date("2004-12-31"), date("2026-01-02")]);
    let skipped = sheet.skipped.iter().map(|(currency, rates)| format!("{currency} {rates}"));
    assert_eq!(Vec::from_iter(skipped), ["CYP 1", "TRL 1"]);
}

#[test]
fn the_daily_table_is_read() {
    let daily = "Date, USD, JPY, ISK, \n20 November 2026, 1.0849, 162.85, 138, \n";
    let sheet = RateSheet::parse(daily, TODAY).unwrap();
    assert_eq!(sheet.rates.len(), 3);
    let rates = Rates::from_iter(sheet.rates);
    let used = rates.on(Currency::EUR, "ISK".parse().unwrap(), TODAY).unwrap();
    assert_eq!((used.date(), used.shown()), (date("2026-11-20"), "138".to_owned()));
    assert!(RateSheet::parse("Date, USD\n03 June 2021, 1.2187", TODAY).is_ok(), "no comma at the end");
}

#[test]
fn what_a_spreadsheet_makes_of_it_is_read() {
    let saved = format!("\u{feff}{}\r\n\r\n", HISTORY.replace('\n', "\r\n"));
    assert_eq!(RateSheet::parse(&saved, TODAY), RateSheet::parse(HISTORY, TODAY));
}

#[test]
fn every_problem_has_its_line_and_column() {
    let damaged = "Date,USD,JPY,\n\
                   2026-02-30,1.1,160,\n\
                   2026-01-05,1.1,-160,\n\
                   2026-01-02,,1e3,\n\
                   2026-01-05,1.1,160,\n\
                   2026-11-22,1.1,160,\n\
                   1998-12-31,1.1,160,\n\
                   2025-01-02,1.1,160,9\n\
                   2025-01-03,1.1\n";
    assert_eq!(
        Vec::from_iter(problems(damaged).lines().map(|line| line.split(" is not a rate").next().unwrap())),
        [
            "line 2, column 1: `2026-02-30` is not a day such as 2026-11-20 or 20 November 2026",
            "line 3, column 3: JPY: `-160`",
            "line 4, column 2: USD: ``",
            "line 4, column 3: JPY: `1e3`",
            "line 5, column 1: 2026-01-05 is in line 3 already",
            "line 6, column 1: 2026-11-22 lies in the future",
            "line 7, column 1: 1998-12-31 is before 1999, in which the euro had its first rates",
            "line 8, column 4: `9` is in no currency's column",
            "line 9: the line has 2 columns, the header 4",
        ]
    );
}

#[test]
fn a_header_that_is_not_the_ecbs_is_named_once() {
    for (table, words) in [
        ("", "line 1: the table is empty"),
        ("\n\n", "line 1: the table is empty"),
        ("<?xml version=\"1.0\"?>\n<a/>", "line 1, column 1: `<?xml version=\"1.0\"?>` is not `Date`"),
        ("Date;USD;JPY\n2026-01-02;1.1;160", "line 1, column 1: `Date;USD;JPY` is not `Date`"),
        ("Date,USD,EUR\n2026-01-02,1.1,1", "line 1, column 3: EUR is what all rates are told for"),
        ("Date,USD,usd\n2026-01-02,1.1,1", "line 1, column 3: USD has a column already"),
        ("Date,USD,,JPY\n2026-01-02,1.1,,160", "line 1, column 3: `` is not a three-letter currency code"),
        ("Date,CYP,\n2004-01-02,0.58,", "line 1: there is no currency that payments are made in"),
        ("Date,USD,", "line 2: no day follows"),
    ] {
        let told = problems(table);
        assert!(told.starts_with(words) && told.lines().count() == 1, "{table:?}: {told}");
    }
}

#[test]
fn many_problems_are_counted() {
    let table = format!("Date,USD\n{}", "2026-01-02,x\n".repeat(50));
    let refused = RateSheet::parse(&table, TODAY).unwrap_err();
    assert_eq!((refused.problems.len(), refused.more), (20, 30));
    assert!(refused.to_string().ends_with("\nand 30 more"));
}

#[test]
fn a_table_that_was_cut_off_is_noticed() {
    let whole = HISTORY.trim_end();
    for length in HISTORY.find("2026").unwrap()..whole.len() {
        let is_whole_line = HISTORY.as_bytes()[length] == b'\n' || HISTORY.as_bytes()[length - 1] == b'\n';
        let cut = RateSheet::parse(&whole[..length], TODAY);
        assert_eq!(cut.is_ok(), is_whole_line && length > 30, "{:?}", &whole[..length]);
    }
}
