//! The tables of the European Central Bank: `eurofxref.csv` of a day and `eurofxref-hist.csv` of all days since 1999.
//!
//! <https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/>
//!
//! Both begin with `Date` and the codes of currencies, and have a line for each day, newest first. The history writes
//! `2026-11-20`, the daily table `20 November 2026` and a blank after each comma. Lines end with a comma, behind which there is
//! nothing. `N/A` stands where a currency had no rate. Nothing is ever quoted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{Datelike, NaiveDate};

use super::known::is_known;
use super::{EuroRate, Rate};
use crate::{Currency, parse_date};

/// More problems than this say no more about a file than these.
const TOLD_PROBLEMS: usize = 20;

/// The first year in which the euro had rates.
const FIRST_YEAR: i32 = 1999;

/// What is in a table of euro rates, all of it understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateSheet {
    /// The rates, in the order of the table.
    pub rates: Vec<EuroRate>,
    /// The days for which the table has a line.
    pub days: BTreeSet<NaiveDate>,
    /// Currencies that were left out, as payments are not made in them, and how many rates the table has of each.
    pub skipped: BTreeMap<Currency, u64>,
}

/// Something in a table that can't be what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateProblem {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, as a spreadsheet counts; none where it is about the whole line.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for RateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// A table that is not understood, for everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", all_lines(problems, *more))]
pub struct SheetError {
    /// The first problems, in the order of the table.
    pub problems: Vec<RateProblem>,
    /// How many there are beyond these.
    pub more: usize,
}

fn all_lines(problems: &[RateProblem], more: usize) -> String {
    let mut lines: Vec<String> = problems.iter().map(RateProblem::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

impl RateSheet {
    /// Reads a table. `today` is the day after which there can't be rates.
    ///
    /// # Errors
    ///
    /// [`SheetError`] names everything that is wrong. A table is taken as a whole or not at all: what was damaged at one place
    /// may be damaged at others where it does not show.
    pub fn parse(text: &str, today: NaiveDate) -> Result<Self, SheetError> {
        let mut reader = Reader { today, ..Reader::default() };
        // A spreadsheet that saved the table may have put a byte order mark before it, and `\r` at the end of lines.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let mut lines =
            lines.enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim().is_empty());
        match lines.next() {
            None => reader.problem(1, None, "the table is empty"),
            Some((at, header)) => reader.header(at, header),
        }
        // Without a header that is understood, every line would be a problem of its own.
        if reader.problems.is_empty() {
            for (at, line) in lines {
                reader.day(at, line);
            }
            if reader.lines_by_day.is_empty() && reader.problems.is_empty() {
                reader.problem(2, None, "no day follows");
            }
        }
        reader.end()
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy)]
enum Column {
    Rates(Currency),
    Skipped(Currency),
    /// What is behind the comma that ends a line.
    Nothing,
}

#[derive(Default)]
struct Reader {
    today: NaiveDate,
    /// The columns behind that of the date.
    columns: Vec<Column>,
    lines_by_day: BTreeMap<NaiveDate, usize>,
    rates: Vec<EuroRate>,
    skipped: BTreeMap<Currency, u64>,
    problems: Vec<RateProblem>,
    more_problems: usize,
}

impl Reader {
    fn problem(&mut self, line: usize, column: Option<usize>, what: impl Into<String>) {
        if self.problems.len() < TOLD_PROBLEMS {
            self.problems.push(RateProblem { line, column, what: what.into() });
        } else {
            self.more_problems += 1;
        }
    }

    fn header(&mut self, line: usize, header: &str) {
        let cells: Vec<&str> = header.split(',').map(str::trim).collect();
        if cells[0] != "Date" {
            let what = format!("`{}` is not `Date`, with which the ECB's tables begin", shortened(cells[0]));
            return self.problem(line, Some(1), what);
        }
        for (at, cell) in cells.iter().enumerate().skip(1) {
            let is_last = at + 1 == cells.len();
            match self.column(cell, is_last) {
                Ok(column) => self.columns.push(column),
                Err(what) => self.problem(line, Some(at + 1), what),
            }
        }
        if self.problems.is_empty() && !self.columns.iter().any(|column| matches!(column, Column::Rates(_))) {
            self.problem(line, None, "there is no currency that payments are made in");
        }
    }

    fn column(&mut self, cell: &str, is_last: bool) -> Result<Column, String> {
        if cell.is_empty() && is_last {
            return Ok(Column::Nothing);
        }
        let currency: Currency = cell.parse().map_err(|error| format!("{error}"))?;
        let is_again = self.columns.iter().any(|column| match column {
            Column::Rates(known) | Column::Skipped(known) => *known == currency,
            Column::Nothing => false,
        });
        if is_again {
            return Err(format!("{currency} has a column already"));
        }
        if currency == Currency::EUR {
            return Err("EUR is what all rates are told for, and has none itself".to_owned());
        }
        if is_known(currency) {
            return Ok(Column::Rates(currency));
        }
        self.skipped.insert(currency, 0);
        Ok(Column::Skipped(currency))
    }

    fn day(&mut self, line: usize, text: &str) {
        let cells: Vec<&str> = text.split(',').map(str::trim).collect();
        let expected = self.columns.len() + 1;
        if cells.len() != expected {
            let what = format!("the line has {} columns, the header {expected}", cells.len());
            return self.problem(line, None, what);
        }
        let date = match self.date(cells[0]) {
            Ok(date) => date,
            Err(what) => return self.problem(line, Some(1), what),
        };
        if let Some(first) = self.lines_by_day.get(&date) {
            let what = format!("{date} is in line {first} already");
            return self.problem(line, Some(1), what);
        }
        self.lines_by_day.insert(date, line);
        for (at, cell) in cells.iter().enumerate().skip(1) {
            if let Err(what) = self.cell(self.columns[at - 1], date, cell) {
                self.problem(line, Some(at + 1), what);
            }
        }
    }

    fn date(&self, cell: &str) -> Result<NaiveDate, String> {
        let in_words = || NaiveDate::parse_from_str(cell, "%d %B %Y").ok();
        let date = parse_date(cell).ok().or_else(in_words).ok_or_else(|| {
            format!("`{}` is not a day such as 2026-11-20 or 20 November 2026", shortened(cell))
        })?;
        if date.year() < FIRST_YEAR {
            return Err(format!("{date} is before {FIRST_YEAR}, in which the euro had its first rates"));
        }
        if date > self.today {
            return Err(format!("{date} lies in the future"));
        }
        Ok(date)
    }

    fn cell(&mut self, column: Column, date: NaiveDate, cell: &str) -> Result<(), String> {
        match column {
            Column::Nothing if cell.is_empty() => {}
            Column::Nothing => return Err(format!("`{}` is in no currency's column", shortened(cell))),
            _ if cell == "N/A" => {}
            Column::Skipped(currency) => *self.skipped.entry(currency).or_default() += 1,
            Column::Rates(currency) => {
                let rate: Rate = cell.parse().map_err(|error| format!("{currency}: {error}"))?;
                self.rates.push(EuroRate { currency, date, rate });
            }
        }
        Ok(())
    }

    fn end(self) -> Result<RateSheet, SheetError> {
        if !self.problems.is_empty() {
            return Err(SheetError { problems: self.problems, more: self.more_problems });
        }
        let days = self.lines_by_day.into_keys().collect();
        Ok(RateSheet { rates: self.rates, days, skipped: self.skipped })
    }
}

/// A message must stay readable, whatever is in the file.
fn shortened(text: &str) -> String {
    text.chars().take(24).collect()
}
