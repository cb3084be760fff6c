//! How a range of days is cut into pieces.

use chrono::{Datelike, Days, Months, NaiveDate};

/// How a range of days is cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// One figure for the whole range.
    Summary,
    /// By day.
    Daily,
    /// By week, Monday to Sunday.
    Weekly,
    /// By calendar month.
    Monthly,
    /// By quarter of a calendar year.
    Quarterly,
    /// By calendar year.
    Yearly,
}

impl Granularity {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Summary, Self::Daily, Self::Weekly, Self::Monthly, Self::Quarterly, Self::Yearly];

    /// The unit of the pieces; none for a summary.
    #[must_use]
    pub fn unit(self) -> Option<Bucket> {
        match self {
            Self::Summary => None,
            Self::Daily => Some(Bucket::Day),
            Self::Weekly => Some(Bucket::Week),
            Self::Monthly => Some(Bucket::Month),
            Self::Quarterly => Some(Bucket::Quarter),
            Self::Yearly => Some(Bucket::Year),
        }
    }
}

/// The unit of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// A day in the query's time zone.
    Day,
    /// A week, named by its Monday (ISO 8601).
    Week,
    /// A calendar month, named by its first day.
    Month,
    /// Three calendar months, from January, April, July or October on.
    Quarter,
    /// A calendar year.
    Year,
}

impl Bucket {
    /// The unit in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The field that names the bucket in documents.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Day => "date",
            Self::Week => "weekStartDate",
            Self::Month | Self::Quarter | Self::Year => self.as_str(),
        }
    }

    /// The name of the bucket that starts on `first_day`: a date, `2026-11`, `2026-Q4` or `2026`.
    #[must_use]
    pub fn label(self, first_day: NaiveDate) -> String {
        let year = first_day.year();
        match self {
            Self::Day | Self::Week => first_day.to_string(),
            Self::Month => format!("{year:04}-{:02}", first_day.month()),
            Self::Quarter => format!("{year:04}-Q{}", first_day.month0() / 3 + 1),
            Self::Year => format!("{year:04}"),
        }
    }

    /// The first day of the bucket that holds `day`.
    #[must_use]
    pub fn start_of(self, day: NaiveDate) -> NaiveDate {
        let month = match self {
            Self::Day => return day,
            Self::Week => {
                let since_monday = Days::new(u64::from(day.weekday().num_days_from_monday()));
                return day.checked_sub_days(since_monday).unwrap_or(day);
            }
            Self::Month => day.month(),
            Self::Quarter => day.month0() / 3 * 3 + 1,
            Self::Year => 1,
        };
        NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day)
    }

    /// The first day of the bucket after the one that starts on `first_day`; none at the end of the calendar.
    #[must_use]
    pub fn next(self, first_day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => first_day.checked_add_days(Days::new(1)),
            Self::Week => first_day.checked_add_days(Days::new(7)),
            Self::Month => first_day.checked_add_months(Months::new(1)),
            Self::Quarter => first_day.checked_add_months(Months::new(3)),
            Self::Year => first_day.checked_add_months(Months::new(12)),
        }
    }
}
