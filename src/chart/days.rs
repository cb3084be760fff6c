//! The scale of days: which buckets get a label below the chart, so that no two of them touch.

use buffalo_model::Bucket;
use chrono::{Datelike, Days, NaiveDate, Weekday};

/// A label below a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// Which bucket.
    pub(super) at: usize,
    /// What it is called within its year, or the year where only years have labels.
    pub(super) name: String,
    /// The year, where it is another than that of the label before.
    pub(super) year: Option<String>,
}

/// Which buckets get a label.
#[derive(Debug, Clone, Copy)]
enum Choice {
    /// All.
    Each,
    /// The first of every so many weeks.
    Weeks(i32),
    /// The first of every so many months.
    Months(i32),
    /// The first of every so many years.
    Years(i32),
}

/// From many labels to few. Months and years that are no longer than a bucket choose all, as `Each` does.
const CHOICES: [Choice; 17] = [
    Choice::Each,
    Choice::Weeks(1),
    Choice::Weeks(2),
    Choice::Months(1),
    Choice::Months(2),
    Choice::Months(3),
    Choice::Months(6),
    Choice::Years(1),
    Choice::Years(2),
    Choice::Years(5),
    Choice::Years(10),
    Choice::Years(20),
    Choice::Years(50),
    Choice::Years(100),
    Choice::Years(200),
    Choice::Years(500),
    Choice::Years(1_000),
];

/// As many labels as `fit`, for buckets that begin on these days.
pub(super) fn labels(days: &[NaiveDate], unit: Bucket, fit: impl Fn(&[Label]) -> bool) -> Vec<Label> {
    CHOICES
        .into_iter()
        .filter(|choice| !matches!(choice, Choice::Weeks(_)) || matches!(unit.as_str(), "day" | "week"))
        .map(|choice| chosen(days, unit, choice))
        .find(|labels| !labels.is_empty() && fit(labels))
        .unwrap_or_default()
}

fn chosen(days: &[NaiveDate], unit: Bucket, choice: Choice) -> Vec<Label> {
    let mut labels = Vec::new();
    let mut year = None;
    for (at, day) in days.iter().enumerate().filter(|(_, day)| choice.holds(**day, unit)) {
        let name = name(*day, unit, choice);
        let other_year = year.replace(day.year()) != Some(day.year());
        let year = day.year().to_string();
        let year = (other_year && name != year).then_some(year);
        labels.push(Label { at, name, year });
    }
    labels
}

impl Choice {
    /// Whether the bucket that begins on `day` gets a label: it is the first that begins in its span.
    fn holds(self, day: NaiveDate, unit: Bucket) -> bool {
        let length = if unit.as_str() == "week" { 7 } else { 1 };
        let Some(before) = day.checked_sub_days(Days::new(length)) else { return true };
        self.span(before) != self.span(day)
    }

    /// The number of the span in which a day lies.
    fn span(self, day: NaiveDate) -> i32 {
        match self {
            Self::Each => day.num_days_from_ce(),
            Self::Weeks(weeks) => {
                let monday = day.week(Weekday::Mon).first_day().num_days_from_ce();
                monday.div_euclid(7).div_euclid(weeks)
            }
            Self::Months(months) => (day.year() * 12 + day.month0().cast_signed()).div_euclid(months),
            Self::Years(years) => day.year().div_euclid(years),
        }
    }
}

/// What a bucket is called where these have labels.
fn name(day: NaiveDate, unit: Bucket, choice: Choice) -> String {
    match (choice, unit.as_str()) {
        (Choice::Years(_), _) | (_, "year") => day.year().to_string(),
        (_, "quarter") => format!("Q{}", day.month0() / 3 + 1),
        (Choice::Months(_), _) | (_, "month") => day.format("%b").to_string(),
        _ => day.format("%-d %b").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(first: &str, count: u64, unit: Bucket) -> Vec<NaiveDate> {
        let first: NaiveDate = first.parse().unwrap();
        let step = if unit == Bucket::Week { 7 } else { 1 };
        let days = (0..).map(|at| first + Days::new(at * step));
        days.filter(|day| unit != Bucket::Month || day.day() == 1).take(count as usize).collect()
    }

    fn at_most(most: usize, first: &str, count: u64, unit: Bucket) -> String {
        let labels = labels(&run_of(first, count, unit), unit, |labels| labels.len() <= most);
        let text = labels.iter().map(|label| match &label.year {
            Some(year) => format!("{} {}/{year}", label.at, label.name),
            None => format!("{} {}", label.at, label.name),
        });
        text.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn each_bucket_has_a_label_where_there_is_room() {
        assert_eq!(at_most(9, "2026-12-31", 3, Bucket::Day), "0 31 Dec/2026, 1 1 Jan/2027, 2 2 Jan");
        assert_eq!(at_most(9, "2026-03-02", 2, Bucket::Week), "0 2 Mar/2026, 1 9 Mar");
        assert_eq!(at_most(9, "2026-11-01", 3, Bucket::Month), "0 Nov/2026, 1 Dec, 2 Jan/2027");
        assert_eq!(at_most(9, "2026-11-21", 1, Bucket::Day), "0 21 Nov/2026");
    }

    #[test]
    fn with_less_room_labels_stand_where_weeks_months_and_years_begin() {
        assert_eq!(
            at_most(5, "2026-03-01", 31, Bucket::Day),
            "1 2 Mar/2026, 8 9 Mar, 15 16 Mar, 22 23 Mar, 29 30 Mar"
        );
        assert_eq!(at_most(3, "2025-12-15", 60, Bucket::Day), "17 Jan/2026, 48 Feb");
        assert_eq!(at_most(4, "2025-12-01", 18, Bucket::Week), "0 Dec/2025, 5 Jan/2026, 9 Feb, 13 Mar");
        assert_eq!(at_most(3, "2025-11-01", 14, Bucket::Month), "2 Jan/2026, 8 Jul");
        assert_eq!(at_most(11, "2017-01-01", 3_652, Bucket::Day).split(", ").count(), 10);
    }

    #[test]
    fn nothing_fits_nowhere() {
        assert_eq!(at_most(0, "2026-03-01", 31, Bucket::Day), "");
        assert_eq!(at_most(9, "2026-03-01", 0, Bucket::Day), "");
    }
}
